// nca_equilibrium: automata that settle. Trains one through its equilibrium, beside the same one trained through its
// steps; measures attractors; and trains a published automaton that circles until it rests.
//
//   nca_equilibrium --help
//
// nca_equilibrium/settings.hpp has the options, contracting.hpp the automaton that is trained through its equilibrium,
// settling.hpp what is measured of it, reach.hpp how far a seed's influence goes, calming.hpp the published automaton,
// stages.hpp how one training follows another, watching.hpp what is seen in the terminal.

#include <cstdio>
#include <string>

#include "nca_equilibrium/calming.hpp"
#include "nca_equilibrium/reach.hpp"
#include "nca_equilibrium/settings.hpp"
#include "nca_equilibrium/settling.hpp"
#include "nca_equilibrium/stages.hpp"
#include "nca_equilibrium/watching.hpp"

namespace nca_equilibrium {

/// Before pictures are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  const bool calms = !settings.model.empty();
  const double side = settings.size + 2.0 * (settings.padding >= 0 ? settings.padding : calms ? 16 : 2);
  // With --model the states in which a period is looked for, and those of four rollouts; else those that a gradient
  // through 800 steps keeps.
  const double states = calms ? 132 + 4 * 96 : 800;
  basin::examples::check_memory(
      "--size " + std::to_string(settings.size) + " and --padding " + std::to_string(settings.padding),
      side * side * features * sizeof(float) * states);
}

/// Before hours of training.
inline void check_outputs(const Settings& settings) {
  if (settings.model.empty()) {
    basin::examples::prepare_outputs(settings.out, {"metrics.json", "loss.png", "loss.svg", "equilibrium.png",
                                                    "reach.png", "reach.svg", "settling.safetensors"});
    for (const char* stage : {settled_stage, unrolled_stage}) basin::check_writable(checkpoint_of(settings.out, stage));
    for (const double one : contractions) basin::check_writable(checkpoint_of(settings.out, reach_stage(one)));
  } else {
    basin::examples::prepare_outputs(settings.out,
                                     {"metrics.json", "loss.png", "loss.svg", "calm.png", "calm.safetensors"});
    basin::check_writable(checkpoint_of(settings.out, calm_stage));
  }
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_live(settings.live, command_line);
  const std::string from = take_folder(settings.resume, command_line);
  if (settings.iterations < 0) settings.iterations = settings.model.empty() ? 2000 : 1200;
  basin::set_threads(settings.threads);
  check_sizes(settings);
  if (settings.live.on && (!from.empty() || !settings.model.empty()))
    return watch(settings, from, command_line.program());
  check_outputs(settings);
  Stages stages(settings, command_line, from);
  basin::OrderedJson metrics;
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  try {
    if (settings.model.empty()) {
      settle(settings, stages, metrics);
      if (settings.reach_iterations > 0) reach(settings, stages, metrics);
    } else {
      calm(settings, stages, metrics);
    }
  } catch (const Stopped& stopped) {
    return stopped.status;
  }
  stages.describe(metrics);
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
  if (settings.live.on) {
    return watch_settling(settings, basin::load_parameters<Implicit, float>(settings.out + "/settling.safetensors"));
  }
  return 0;
}

}  // namespace nca_equilibrium

int main(int argc, char** argv) {
  nca_equilibrium::Settings settings;
  basin::examples::CommandLine command_line("nca_equilibrium", nca_equilibrium::description, nca_equilibrium::footer);
  nca_equilibrium::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv,
                                  [&] { return nca_equilibrium::run(settings, command_line); });
}
