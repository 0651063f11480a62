// solve_fixed_point: basin as a plain nonlinear solver, on five problems of the literature, with nothing to learn.
//
//   solve_fixed_point --help
//
// solve_fixed_point/equation.hpp says what a map is and how it is solved; each problem has a header of its own.

#include "solve_fixed_point/bratu.hpp"
#include "solve_fixed_point/chandrasekhar.hpp"
#include "solve_fixed_point/gray_scott.hpp"
#include "solve_fixed_point/inverse.hpp"
#include "solve_fixed_point/reaction.hpp"
#include "solve_fixed_point/settings.hpp"

namespace solve_fixed_point {

inline int run(const Settings& settings) {
  if (settings.grid % 16 != 0) {
    throw basin::examples::UsageError("--grid is " + std::to_string(settings.grid) + ", expected a multiple of 16");
  }
  basin::examples::prepare_outputs(settings.out, {"metrics.json", "history.csv"});
  Eigen::setNbThreads(1);  // products this small take longer on two threads than on one
  const basin::examples::Stopwatch watch;
  Results results{settings.out};
  const auto wanted = [&](const char* problem) { return settings.problem == "all" || settings.problem == problem; };
  if (wanted("bratu")) run_bratu(settings.points, settings.lambda, results);
  if (wanted("reaction")) run_reaction(results);
  if (wanted("chandrasekhar")) run_chandrasekhar(settings.c, results);
  if (wanted("gray_scott")) run_gray_scott(settings.grid, results);
  if (wanted("inverse")) run_inverse(settings.noise, results);
  results.metrics["seconds"] = watch.seconds();
  results.metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_file(settings.out + "/history.csv", results.history);
  basin::write_json(settings.out + "/metrics.json", results.metrics);
  std::printf("wrote %s\n", settings.out.c_str());
  return 0;
}

}  // namespace solve_fixed_point

int main(int argc, char** argv) {
  solve_fixed_point::Settings settings;
  basin::examples::CommandLine command_line("solve_fixed_point", solve_fixed_point::description,
                                            solve_fixed_point::footer);
  solve_fixed_point::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return solve_fixed_point::run(settings); });
}
