// nca_tissue: learns from recordings how a tissue grows by chance: a mixture of rules, of which each cell draws one at
// each step.
//
//   nca_tissue --help
//
// nca_tissue/tissue.hpp has the tissue, settings.hpp the options, model.hpp the automata, trainer.hpp the training,
// measuring.hpp what is measured, showing.hpp what is drawn, watching.hpp what is seen in the terminal.

#include <algorithm>
#include <cstdio>
#include <string>

#include "nca_tissue/settings.hpp"
#include "nca_tissue/showing.hpp"
#include "nca_tissue/trainer.hpp"
#include "nca_tissue/watching.hpp"

namespace nca_tissue {

/// Before tissues are recorded and states are made.
inline void check_sizes(const Settings& settings, bool trains) {
  const double places = static_cast<double>(settings.side) * settings.side;
  const double recordings = (trains ? settings.recordings : 0) + std::min(settings.tissues, 20);
  // Besides, the sizes of the tissues of six growers at all steps, and of those that heal.
  basin::examples::check_memory(
      "--side " + std::to_string(settings.side) + ", --steps " + std::to_string(settings.steps) + ", --recordings " +
          std::to_string(settings.recordings) + ", --batch " + std::to_string(settings.batch) + " and --tissues " +
          std::to_string(settings.tissues),
      places * (recordings * (settings.steps + 1.0) + settings.tissues +
                sizeof(float) * kinds * (3.0 * settings.tissues + 20.0 * settings.batch)) +
          sizeof(double) * 6.0 * settings.tissues * (4.0 * settings.steps / 3 + 2));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  basin::examples::check_live(settings.live, command_line);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  basin::set_threads(settings.threads);
  check_sizes(settings, trains);
  const bool only_watched = settings.live.on && !from.empty();
  if (!only_watched) {
    basin::examples::prepare_outputs(
        settings.out, {"metrics.json", "tissues.png", "rules.png", "sizes.png", "sizes.svg", "wounds.png", "wounds.svg",
                       "growing.gif", "loss.png", "loss.svg"});
  }
  Trainer trainer(settings);
  basin::Training training({.iterations = settings.iterations,
                            .checkpoint = trains && !only_watched ? settings.out + "/checkpoint.safetensors" : "",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(), .settings = command_line.settings()}});
  if (!from.empty()) trainer.resume(training, from);
  if (only_watched) return watch(settings, trainer);
  if (trains) {
    std::printf("%d recorded tissues of %d steps; a mixture of %d rules, %zu parameters; one rule, %zu; %d threads\n",
                settings.recordings, settings.steps, rules, Mixture::param_count, OneRule::param_count,
                basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training);
  return settings.live.on ? watch(settings, trainer) : 0;
}

}  // namespace nca_tissue

int main(int argc, char** argv) {
  nca_tissue::Settings settings;
  basin::examples::CommandLine command_line("nca_tissue", nca_tissue::description, nca_tissue::footer);
  nca_tissue::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return nca_tissue::run(settings, command_line); });
}
