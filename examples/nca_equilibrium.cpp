// nca_equilibrium: automata that settle. Trains one through its equilibrium, beside the same one trained through its
// steps; measures attractors; and trains a published automaton that circles until it rests.
//
//   nca_equilibrium --help
//
// nca_equilibrium/settings.hpp has the options, contracting.hpp the automaton that is trained through its equilibrium,
// settling.hpp what is measured of it, reach.hpp how far a seed's influence goes, calming.hpp the published automaton.

#include <cstdio>
#include <filesystem>

#include "nca_equilibrium/calming.hpp"
#include "nca_equilibrium/reach.hpp"
#include "nca_equilibrium/settings.hpp"
#include "nca_equilibrium/settling.hpp"

namespace nca_equilibrium {

inline int run(Settings& settings) {
  if (settings.iterations < 0) settings.iterations = settings.model.empty() ? 2000 : 1200;
  basin::set_threads(settings.threads);
  std::filesystem::create_directories(settings.out);
  basin::OrderedJson metrics;
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  if (settings.model.empty()) {
    settle(settings, metrics);
    if (settings.reach_iterations > 0) reach(settings, metrics);
  } else {
    calm(settings, metrics);
  }
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
  return 0;
}

}  // namespace nca_equilibrium

int main(int argc, char** argv) {
  nca_equilibrium::Settings settings;
  basin::examples::CommandLine command_line("nca_equilibrium", nca_equilibrium::description, nca_equilibrium::footer);
  nca_equilibrium::describe(settings, command_line);
  return basin::examples::main_of("nca_equilibrium", command_line, argc, argv,
                                  [&] { return nca_equilibrium::run(settings); });
}
