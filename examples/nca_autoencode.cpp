// nca_autoencode: trains a cellular automaton in space that carries a digit through a hole of one cell.
//
//   nca_autoencode --help
//
// nca_autoencode/settings.hpp has the options, model.hpp the automaton, images.hpp the digits, trainer.hpp the
// training, measuring.hpp what is measured, showing.hpp what is drawn, watching.hpp what is seen in the terminal.

#include <cstdio>
#include <string>

#include "nca_autoencode/settings.hpp"
#include "nca_autoencode/showing.hpp"
#include "nca_autoencode/trainer.hpp"
#include "nca_autoencode/watching.hpp"

namespace nca_autoencode {

/// Before images are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  const double state = 1.0 * settings.size * settings.size * settings.planes * features * sizeof(float);
  // The pool, a batch and what becomes of it, all states of a rollout on each thread, and what is measured, twice.
  basin::examples::check_memory(
      "--batch " + std::to_string(settings.batch) + ", --pool " + std::to_string(settings.pool) + ", --steps " +
          std::to_string(settings.steps) + " and --test-images " + std::to_string(settings.test_images),
      state * (1.0 * settings.pool + 4.0 * settings.batch + 1.0 * basin::threads() * settings.steps +
               4.0 * (settings.test_images > 0 ? settings.test_images : 10000)));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  basin::examples::check_live(settings.live, command_line);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  complete(settings);
  basin::set_threads(settings.threads);
  check_sizes(settings);
  const bool only_watched = settings.live.on && !from.empty();
  if (!only_watched)
    basin::examples::prepare_outputs(settings.out, {"metrics.json", "passed.png", "passing.png", "passing.gif",
                                                    "errors.png", "errors.svg", "loss.png", "loss.svg"});
  const ImageSets data = load_images(settings.data, settings.size, settings.held_back);
  Trainer trainer(settings, data.train.images);
  basin::Training training(
      {.iterations = settings.iterations,
       .checkpoint = trains && !only_watched ? settings.out + "/checkpoint.safetensors" : "",
       .checkpoint_minutes = settings.checkpoint_minutes,
       .label = {.program = command_line.program(),
                 .settings = command_line.settings(),
                 .data = trains ? basin::examples::fingerprint(data.name, data.train.images) : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (only_watched) return watch(settings, data.test.images, trainer.parameters());
  if (trains) {
    std::printf("%s: %td training images of %d x %d pixels; %d planes, %zu parameters; %d threads\n", data.name.c_str(),
                data.train.images.shape.samples, settings.size, settings.size, settings.planes, Rule::param_count,
                basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, data, trainer, training);
  return settings.live.on ? watch(settings, data.test.images, trainer.parameters()) : 0;
}

}  // namespace nca_autoencode

int main(int argc, char** argv) {
  nca_autoencode::Settings settings;
  basin::examples::CommandLine command_line("nca_autoencode", nca_autoencode::description, nca_autoencode::footer);
  nca_autoencode::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv,
                                  [&] { return nca_autoencode::run(settings, command_line); });
}
