// nca_digits: a neural cellular automaton in which every cell of a handwritten digit finds out which digit it is part
// of.
//
//   nca_digits --help
//
// nca_digits/settings.hpp has the options, model.hpp the automaton, trainer.hpp the training, showing.hpp what is
// measured and drawn, watching.hpp what is seen in the terminal.

#include <cstdio>
#include <string>

#include "nca_digits/settings.hpp"
#include "nca_digits/showing.hpp"
#include "nca_digits/trainer.hpp"
#include "nca_digits/watching.hpp"

namespace nca_digits {

/// Before images are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  constexpr double state = 28.0 * 28 * features * sizeof(float);
  // The pool stores cells with ink alone, about a fifth; a rollout on each thread has all its states.
  basin::examples::check_memory(
      "--batch " + std::to_string(settings.batch) + ", --pool " + std::to_string(settings.pool) + " and --steps " +
          std::to_string(settings.steps),
      state * (0.2 * settings.pool + 4.0 * settings.batch + 1.0 * basin::threads() * settings.steps));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  basin::examples::check_live(settings.live, command_line);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  basin::set_threads(settings.threads);
  check_sizes(settings);
  const bool only_watched = settings.live.on && !from.empty();
  if (!only_watched)
    basin::examples::prepare_outputs(settings.out, {"metrics.json", "digits.gif", "digits.png", "accuracy.png",
                                                    "accuracy.svg", "loss.png", "loss.svg"});
  const basin::examples::DigitSets data = basin::examples::load_digits(settings.data);
  Trainer trainer(settings, data);
  basin::Training training(
      {.iterations = settings.iterations,
       .checkpoint = trains && !only_watched ? settings.out + "/checkpoint.safetensors" : "",
       .checkpoint_minutes = settings.checkpoint_minutes,
       .label = {.program = command_line.program(),
                 .settings = command_line.settings(),
                 .data = trains ? basin::examples::fingerprint(data.name, data.train.images) : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (only_watched) return watch(settings, data.test, trainer.parameters());
  if (trains) {
    std::printf("%s: %td training and %td test images; %zu parameters; %d threads\n", data.name.c_str(),
                data.train.images.shape.samples, data.test.images.shape.samples, Rule::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      draw_digits(settings.out + "/", settings, data.test, trainer.parameters());
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, data, trainer, training);
  return settings.live.on ? watch(settings, data.test, trainer.parameters()) : 0;
}

}  // namespace nca_digits

int main(int argc, char** argv) {
  nca_digits::Settings settings;
  basin::examples::CommandLine command_line("nca_digits", nca_digits::description, nca_digits::footer);
  nca_digits::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return nca_digits::run(settings, command_line); });
}
