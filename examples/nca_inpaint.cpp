// nca_inpaint: a neural cellular automaton that restores the hidden pixels of digits, with attention to the cells
// around or without.
//
//   nca_inpaint --help
//
// nca_inpaint/settings.hpp has the options, model.hpp the two automata, trainer.hpp the training, baselines.hpp what
// they are compared with, measuring.hpp what is measured, showing.hpp what is drawn, watching.hpp what is seen in the
// terminal.

#include <cstdio>
#include <string>

#include "nca_inpaint/settings.hpp"
#include "nca_inpaint/showing.hpp"
#include "nca_inpaint/trainer.hpp"
#include "nca_inpaint/watching.hpp"

namespace nca_inpaint {

/// Before images are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  constexpr double state = 28.0 * 28 * features * sizeof(float);
  // The pool, a batch and what becomes of it, all states of a rollout on each thread, and what is measured, twice.
  basin::examples::check_memory(
      "--batch " + std::to_string(settings.batch) + ", --pool " + std::to_string(settings.pool) + ", --max-steps " +
          std::to_string(settings.max_steps) + " and --test-images " + std::to_string(settings.test_images),
      state * (1.0 * settings.pool + 4.0 * settings.batch + 1.0 * basin::threads() * settings.max_steps +
               2.0 * (settings.test_images > 0 ? settings.test_images : 10000)));
}

template <class Kind>
int run_kind(const Settings& settings, const basin::examples::CommandLine& command_line, const std::string& from) {
  const bool trains = settings.evaluate.empty(), only_watched = settings.live.on && !from.empty();
  const ImageSets data = basin::examples::load_images(settings.data, settings.held_back);
  Trainer<Kind> trainer(settings, data.train);
  basin::Training training({.iterations = settings.iterations,
                            .checkpoint = trains && !only_watched ? settings.out + "/checkpoint.safetensors" : "",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(),
                                      .settings = command_line.settings(),
                                      .data = trains ? basin::examples::fingerprint(data.name, data.train) : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (only_watched) return watch<Kind>(settings, data.test, trainer);
  if (trains) {
    std::printf("%s: %td training images; %s, %zu parameters; %d threads\n", data.name.c_str(),
                data.train.shape.samples, Kind::name, Kind::Model::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, data, trainer, training);
  return settings.live.on ? watch<Kind>(settings, data.test, trainer) : 0;
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  basin::examples::check_live(settings.live, command_line);
  const std::string from =
      basin::examples::take_checkpoint(command_line, settings.evaluate.empty() ? settings.resume : settings.evaluate);
  complete(settings);
  basin::set_threads(settings.threads);
  check_sizes(settings);
  if (!settings.live.on || from.empty())
    basin::examples::prepare_outputs(settings.out, {"metrics.json", "restored.png", "restored.gif", "errors.png",
                                                    "errors.svg", "loss.png", "loss.svg"});
  return settings.perception == "attention" ? run_kind<Attention>(settings, command_line, from)
                                            : run_kind<Stencils>(settings, command_line, from);
}

}  // namespace nca_inpaint

int main(int argc, char** argv) {
  nca_inpaint::Settings settings;
  basin::examples::CommandLine command_line("nca_inpaint", nca_inpaint::description, nca_inpaint::footer);
  nca_inpaint::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return nca_inpaint::run(settings, command_line); });
}
