// automata: cellular automata that nobody trained, from elementary rules over Life to Lenia and its kin, as films and
// pictures.
//
//   automata --help
//
// automata/settings.hpp has the options, patterns.hpp what a run starts from, watching.hpp what is measured and drawn,
// course.hpp how a run is stopped and resumed, running.hpp the runs; systems.hpp and run_systems.hpp the same for
// systems that have no patterns of others, mazes.hpp the mazes; live.hpp and worlds.hpp what is seen in the terminal.

#include <cstdio>
#include <string>

#include "automata/live.hpp"
#include "automata/run_systems.hpp"
#include "automata/running.hpp"
#include "automata/settings.hpp"

namespace automata {

/// One where steps are so short that threads would mostly wait for one another; else 0, all.
inline int worthwhile_threads(const Chosen& chosen) {
  if (chosen.unbounded || chosen.family == Family::elementary) return 1;
  if (chosen.family == Family::particles || chosen.family == Family::path) return 1;
  const bool many = chosen.family == Family::expanded || chosen.family == Family::flow;
  const Index dear = many ? 64 : chosen.family == Family::lenia ? 8 : 1;  // a cell of Lenia sums over its discs
  return chosen.size * chosen.size * dear < Index{512} * 512 ? 1 : 0;
}

/// Options of some rules alone are not given with others.
inline void check_used(const Settings& settings, const Chosen& chosen) {
  const Settings usual;
  const auto of = [&](bool used, const std::string& name, const auto& value, const auto& as_usual) {
    basin::examples::check_option(used || value == as_usual, "--" + name + " with rule " + chosen.rule, value,
                                  "none: it has no part in this rule");
  };
  const bool lenia = chosen.family == Family::lenia, path = chosen.family == Family::path;
  of(lenia, "radius", settings.radius, usual.radius);
  of(lenia, "time", settings.time, usual.time);
  of(lenia, "centre", settings.centre, usual.centre);
  of(lenia, "width", settings.width, usual.width);
  of(path, "loops", settings.loops, usual.loops);
  of(path, "mazes", settings.mazes, usual.mazes);
  of(chosen.family == Family::particles, "total", settings.total, usual.total);
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_live(settings.live, command_line);
  if (settings.live.on && !(settings.resume.empty() && settings.save.empty())) {
    throw basin::examples::UsageError(
        "--live is given with --" + std::string(settings.save.empty() ? "resume" : "save") + ", expected one of them");
  }
  const std::string from = basin::examples::take_checkpoint(command_line, settings.resume);
  const Chosen chosen = choose(settings);
  check_used(settings, chosen);
  basin::set_threads(settings.threads > 0 ? settings.threads : worthwhile_threads(chosen));
  if (settings.live.on) return watch_family(settings, chosen);
  basin::examples::prepare_outputs(
      settings.out, {"metrics.json", "automata.png", "automata.gif", "strip.png", "population.png", "population.svg"});
  if (!settings.save.empty()) basin::check_writable(settings.save);
  Course course(settings, chosen, command_line, from);
  std::printf("%s, %s, %s: %td steps\n", chosen.rule.c_str(), chosen.pattern.c_str(), settings.boundary.c_str(),
              chosen.steps);
  switch (chosen.family) {
    case Family::elementary:
      return run_elementary(settings, chosen, course);
    case Family::life_like:
      return run_life_like(settings, chosen, course);
    case Family::lenia:
      return run_lenia(settings, chosen, course);
    case Family::expanded:
      return run_expanded(settings, chosen, course);
    case Family::flow:
      return run_flow(settings, chosen, course);
    case Family::particles:
      return run_particles(settings, chosen, course);
    case Family::path:
      return run_path(settings, chosen, course);
  }
  return 0;
}

}  // namespace automata

int main(int argc, char** argv) {
  automata::Settings settings;
  basin::examples::CommandLine command_line("automata", automata::description, automata::footer);
  automata::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return automata::run(settings, command_line); });
}
