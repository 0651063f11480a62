// Anderson<5> on z = tanh(W z + b) to a relative residual of 1e-8, in double (solver_map.hpp): the time of a solve, and
// what it takes an evaluation beyond the evaluation itself. The peers are KINSOL (kinsol.cpp), SciPy and NumPy
// (scipy_solver.py). One problem is one sample, so that there is one thread.

#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/solve.hpp"

#include "measuring.hpp"
#include "solver_map.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

void measure(const Options& options, Index size) {
  const SolverMap map(options.folder, size);
  const auto f = [&](View<const double> z, View<double> out) { map(z.data(), out.data()); };
  const State<double> start(Shape{size, {1, 1, 1}, 1});
  const Stop stop{.tolerance = solver_tolerance, .max_evaluations = 500};
  const auto solution = solve(f, start, Anderson<5>{}, stop);
  const double evaluations = solution.samples[0].evaluations;
  Vector<double> value(size);

  const auto rounds = pairs_of(
      options, [&] { static_cast<void>(solve(f, start, Anderson<5>{}, stop)); },
      [&] { map(solution.value.values.data(), value.data()); });
  const double solve_seconds = median_of(rounds, [](const Pair& pair) { return pair.seconds; });
  const double overhead =
      median_of(rounds, [&](const Pair& pair) { return pair.seconds / evaluations - pair.other_seconds; });
  print_result(solver_work(size), "", "us", solve_seconds * 1e6,
               {{"evaluations", evaluations},
                {"residual", solution.samples[0].residual},
                {"check", length_of(solution.value.values)},
                {"check_tolerance", 1e-6}});
  print_result(overhead_work(size), "", "us", overhead * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  for (const Index size : {100, 1000, 10000}) measure(options, size);
}
