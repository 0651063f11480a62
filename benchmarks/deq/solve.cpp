// What a solve costs beyond the evaluations of its cell: the time of an equilibrium against that of as many bare
// evaluations, for each method, one thread. The cell is that of examples/deq_digits: 32 channels on 14 x 14 cells.

#include <cstdio>

#include "../support/timing.hpp"
#include "basin/core/random.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/group_norm.hpp"
#include "basin/train/initial.hpp"

namespace {

using namespace basin;
using F = Injected<Sequential<Conv<32, 32, 3, 1, Zero, Bias::no>, GroupNorm<32, 8>, Relu>>;

template <class Solver>
void row(const char* name) {
  Equilibrium<F, Solver> layer;
  layer.stop = {.tolerance = 1e-3, .max_evaluations = 100};
  const auto theta = initial_parameters<float>(layer, 1, He{.gain = 0.7});
  State<float> u(Shape{32, {14, 14, 1}, 8});
  const Random random{2, 0};
  for (Index i = 0; i < u.values.size(); ++i)
    u.values[i] = static_cast<float>(2 * random.normal(static_cast<std::uint64_t>(i)));
  State<float> z(u.shape), out(u.shape);
  const Report report = layer.apply(theta, u.view(), z.view());
  const double evaluations = report.forward.mean_evaluations();
  const double solve = benchmarks::median_seconds([&] { (void)layer.apply(theta, u.view(), z.view()); });
  const double bare =
      evaluations * benchmarks::median_seconds([&] {
        for (Index n = 0; n < u.shape.samples; ++n) {
          (void)layer.cell.apply(theta.span(), z.view().sample(n), u.view().sample(n), out.view().sample(n));
        }
      });
  const double samples = static_cast<double>(u.shape.samples);
  std::printf("| %-12s | %5.1f | %3.0f%% | %6.1f | %6.1f | %4.0f%% |\n", name, evaluations,
              100.0 - 100.0 * report.forward.nonconverged_fraction(), 1e6 * solve / samples, 1e6 * bare / samples,
              100 * (solve / bare - 1));
}

}  // namespace

int main() {
  set_threads(1);
  std::printf("An equilibrium of 32 channels on 14 x 14 cells to a relative residual of 1e-3, float, one thread\n\n");
  std::printf("| method | evaluations | converged | solve, us a sample | its evaluations alone, us | overhead |\n");
  std::printf("|---|---|---|---|---|---|\n");
  row<Picard>("Picard");
  row<Anderson<5>>("Anderson<5>");
  row<Broyden<20>>("Broyden<20>");
}
