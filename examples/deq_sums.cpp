// deq_sums: a deep equilibrium model that learns sums of bits on short strings, and is right on long ones.
//
//   deq_sums --help
//
// deq_sums/settings.hpp has the options, model.hpp the model, trainer.hpp the training, measuring.hpp what is measured,
// showing.hpp what is written and drawn.

#include <algorithm>
#include <cstdio>
#include <string>

#include "deq_sums/settings.hpp"
#include "deq_sums/showing.hpp"
#include "deq_sums/trainer.hpp"

namespace deq_sums {

/// Before strings are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  constexpr double string = 1.0 * sizeof(float) + sizeof(int);  // a bit and its sum
  constexpr double step = 1.0 * (2 * features + hidden) * sizeof(float);
  // Each thread keeps the steps of the strings that it is at.
  const double kept = 2.0 * step * settings.bits * std::min(settings.batch, 8 * basin::threads());
  basin::examples::check_memory(
      "--batch " + std::to_string(settings.batch) + " and --bits " + std::to_string(settings.bits),
      settings.bits * (string * settings.batch + kept));
  basin::examples::check_memory(
      "--count " + std::to_string(settings.count) + " and --test-bits " + std::to_string(settings.test_bits),
      string * settings.count * settings.test_bits);
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  basin::set_threads(settings.threads);
  check_sizes(settings);
  basin::examples::prepare_outputs(
      settings.out, {"metrics.json", "solved.png", "solved.svg", "settling.png", "settling.gif", "residual.png",
                     "residual.svg", "loss.png", "loss.svg"});
  Trainer trainer = deq_sums::trainer(settings);
  basin::Training training({.iterations = settings.iterations,
                            .checkpoint = trains ? settings.out + "/checkpoint.safetensors" : "",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(), .settings = command_line.settings()}});
  if (!from.empty()) trainer.resume(training, from);
  if (trains) {
    std::printf("strings of 4 to %d bits; %zu parameters; %d threads\n", settings.bits, Network::Settled::param_count,
                basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training);
  return 0;
}

}  // namespace deq_sums

int main(int argc, char** argv) {
  deq_sums::Settings settings;
  basin::examples::CommandLine command_line("deq_sums", deq_sums::description, deq_sums::footer);
  deq_sums::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return deq_sums::run(settings, command_line); });
}
