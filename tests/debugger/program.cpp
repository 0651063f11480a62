// What tests/checks/gdb.cmake looks at in a debugger, stopped in shown_to_gdb(). Numbers are written out in gdb.py.

#include "basin/core/parameters.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/layers/dense.hpp"

namespace {

using namespace basin;

[[gnu::noinline]] int shown_to_gdb(State<float>& state, View<const float>& view, View<double>& nothing,
                                   Solution<double>& solution, SolveCounts& counts,
                                   Parameters<Dense<2, 1>, float>& theta) {
  return static_cast<int>(state.values.sum() + view.vector().sum() + theta.vector().sum()) + (nothing ? 1 : 0) +
         static_cast<int>(counts.evaluations) + static_cast<int>(solution.samples.size());
}

}  // namespace

int main() {
  State<float> state(Shape{2, {1, 3, 1}, 1});
  for (Index i = 0; i < 6; ++i) state.values[i] = static_cast<float>(i) + 0.5f;
  View<const float> view = state.view();
  View<double> nothing;
  const auto half = [](View<const double> z, View<double> out) { out.array() = z.array() / 2; };
  Solution<double> solution = solve(half, Matrix<double>::Zero(1, 2).eval(), Picard{});
  SolveCounts counts;
  for (const SampleResult& sample : solution.samples) counts.add(sample);
  Parameters<Dense<2, 1>, float> theta;
  theta.vector() << 3, 5, 7;
  return shown_to_gdb(state, view, nothing, solution, counts, theta) > 0 ? 0 : 1;
}
