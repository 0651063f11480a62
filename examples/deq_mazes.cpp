// deq_mazes: a deep equilibrium model that learns the way through small mazes, and finds it through large ones.
//
//   deq_mazes --help
//
// deq_mazes/settings.hpp has the options, maze.hpp the mazes, model.hpp the model, trainer.hpp the training,
// measuring.hpp what is measured, showing.hpp what is written and drawn.

#include <algorithm>
#include <cstdio>
#include <string>

#include "deq_mazes/settings.hpp"
#include "deq_mazes/showing.hpp"
#include "deq_mazes/trainer.hpp"

namespace deq_mazes {

/// Before mazes are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  basin::examples::check_option(settings.min_path <= settings.max_path, "--min-path", settings.min_path,
                                "at most --max-path, " + std::to_string(settings.max_path));
  constexpr double pixel = 3 * sizeof(float) + sizeof(int);  // what it is given, and its answer
  constexpr double step = 1.0 * (2 * features + hidden) * sizeof(float);
  const auto squared = [](double size) { return size * size; };
  // Each thread keeps the steps of the mazes that it is at, as many as half of the pixels or more.
  const double largest = squared(settings.train_size);
  const double at_once = std::min(std::max(1.0 * settings.pixels, largest), 8 * largest * basin::threads());
  basin::examples::check_memory(
      "--pixels " + std::to_string(settings.pixels) + " and --train-size " + std::to_string(settings.train_size),
      pixel * settings.pixels + at_once * largest * step);
  basin::examples::check_memory(
      "--count " + std::to_string(settings.count) + " and --size " + std::to_string(settings.size),
      3 * pixel * settings.count * squared(settings.size));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  complete(settings);
  basin::set_threads(settings.threads);
  check_sizes(settings);
  static_cast<void>(test_mazes(settings, settings.tested(), 1));  // that there are such
  basin::examples::prepare_outputs(
      settings.out, {"metrics.json", "solved.png", "solved.svg", "settling.png", "settling.gif", "residual.png",
                     "residual.svg", "loss.png", "loss.svg"});
  Trainer trainer = deq_mazes::trainer(settings);
  basin::Training training({.iterations = settings.iterations,
                            .checkpoint = trains ? settings.out + "/checkpoint.safetensors" : "",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(), .settings = command_line.settings()}});
  if (!from.empty()) trainer.resume(training, from);
  if (from.empty() && !settings.begin_with.empty()) {
    trainer.begin_with(basin::examples::checkpoint_at(settings.begin_with), command_line.program());
  }
  if (trains) {
    std::printf("mazes of 5 to %d pixels; %zu parameters; %d threads\n", settings.train_size,
                Network::Settled::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training);
  return 0;
}

}  // namespace deq_mazes

int main(int argc, char** argv) {
  deq_mazes::Settings settings;
  basin::examples::CommandLine command_line("deq_mazes", deq_mazes::description, deq_mazes::footer);
  deq_mazes::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return deq_mazes::run(settings, command_line); });
}
