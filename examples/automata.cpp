// automata: the classical cellular automata, elementary, Life-like and Lenia, as films and pictures.
//
//   automata --help
//
// automata/settings.hpp has the options, patterns.hpp what a run starts from, watching.hpp what is measured and drawn,
// running.hpp the runs.

#include <filesystem>

#include "automata/running.hpp"
#include "automata/settings.hpp"

namespace automata {

/// One where steps are so short that threads would mostly wait for one another; else 0, all.
inline int worthwhile_threads(const Chosen& chosen) {
  if (chosen.unbounded || chosen.family == Family::elementary) return 1;
  const Index dear = chosen.family == Family::lenia ? 8 : 1;  // a cell of Lenia sums over its disc
  return chosen.size * chosen.size * dear < Index{512} * 512 ? 1 : 0;
}

inline int run(Settings& settings) {
  const Chosen chosen = choose(settings);
  basin::set_threads(settings.threads > 0 ? settings.threads : worthwhile_threads(chosen));
  std::filesystem::create_directories(settings.out);
  switch (chosen.family) {
    case Family::elementary:
      run_elementary(settings, chosen);
      break;
    case Family::life_like:
      run_life_like(settings, chosen);
      break;
    case Family::lenia:
      run_lenia(settings, chosen);
      break;
  }
  return 0;
}

}  // namespace automata

int main(int argc, char** argv) {
  automata::Settings settings;
  basin::examples::CommandLine command_line("automata", automata::description, automata::footer);
  automata::describe(settings, command_line);
  return basin::examples::main_of("automata", command_line, argc, argv, [&] { return automata::run(settings); });
}
