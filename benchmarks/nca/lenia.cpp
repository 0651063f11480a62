// Steps of automata that nobody trained: Lenia (R = 13), the creature of three channels and fifteen kernels, a
// Flow-Lenia with the same kernels and its gradient, the finder of ways, and Particle Lenia; with the share of the
// machine's peak that the products of kernels and rules reach.
//
//   lenia           one thread
//   lenia 2         two

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../support/timing.hpp"
#include "basin/nca/flow_lenia.hpp"
#include "basin/nca/lenia.hpp"
#include "basin/nca/particle_lenia.hpp"
#include "basin/nca/path_finding.hpp"
#include "basin/nca/tessellatium.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

State<float> random_state(const Shape& shape) {
  State<float> z(shape);
  const Random random{1, 1};
  for (Index i = 0; i < z.values.size(); ++i) {
    z.values[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i)));
  }
  return z;
}

/// Multiply-adds of a disc, counted twice: rows above and below the cell are added first, and share theirs.
double disc_flops(double radius) {
  double taps = 0;
  for (int y = 0; y <= radius; ++y) {
    const int reach = static_cast<int>(std::sqrt(radius * radius - y * y));
    taps += 2 * reach + 1;
  }
  return 2 * taps;
}

void print(const char* name, const Shape& shape, double seconds, double flops, double peak) {
  const double each = seconds / static_cast<double>(shape.cells());
  std::printf("| %s | %s | %.1f ns a cell |", name, shape.to_string().c_str(), each * 1e9);
  if (flops > 0) std::printf(" %.0f%%", 100 * flops / each * 1e-9 / peak);
  std::printf(" |\n");
}

template <class A>
void time_step(const char* name, const A& automaton, std::span<const float, A::param_count> theta, const Shape& shape,
               double flops, double peak) {
  const State<float> z = random_state(shape);
  State<float> out(shape);
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(shape.cells()));
  const double seconds =
      median_seconds([&] { (void)automaton.template step<float>(theta, z.view(), out.view(), marks.data()); }, 7, 0.1);
  print(name, shape, seconds, flops, peak);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  set_threads(threads);
  const double peak = peak_gflops() * threads;
  std::printf("%d threads, peak %.0f GFLOP/s\n\n| work | state | time | share of peak |\n|---|---|---|---|\n", threads,
              peak);
  time_step("Lenia, R = 13", lenia(), {}, {1, {256, 256, 1}, 1}, disc_flops(13), peak);

  const std::vector<LeniaKernel> kernels = tessellatium_kernels();
  double flops = 0;
  for (const LeniaKernel& kernel : kernels) flops += disc_flops(kernel.radius);
  using Expanded = ExpandedLenia<3, 15>;
  const auto expanded = expanded_lenia<3, 15>(kernels, tessellatium_steps_per_time);
  const auto theta = lenia_parameters<Expanded>(kernels);  // of Flow-Lenia as well
  const Shape shape{3, {128, 128, 1}, 1};
  time_step("15 kernels, R = 6 to 11.6", expanded, theta.span(), shape, flops, peak);
  using Flow = FlowLenia<3, 15>;
  const Flow flow(kernels);
  time_step("Flow-Lenia, the same kernels", flow, theta.span(), shape, flops, peak);
  const State<float> z = random_state(shape), w = random_state(shape);
  State<float> out(shape), dz(shape);
  Parameters<Flow, float> dtheta;
  const View<const float> none(nullptr, shape.with_features(0));
  const double seconds = median_seconds(
      [&] {
        const auto linear = flow.linearize(theta.span(), z.view(), none, out.view());
        (void)linear.pullback(w.view(), dz.view(), View<float>{}, dtheta.span());
      },
      5, 0.1);
  print("Flow-Lenia, step and gradient", shape, seconds, 2 * flops, peak);

  const auto weights = path_finder_parameters();
  time_step("finder of ways, 419 parameters", PathFinder{}, weights.span(), {path_features, {64, 64, 1}, 8},
            2 * (5 * path_features * 9 + 9 * 5), peak);
  time_step("Particle Lenia, 200 particles", particle_lenia(), {}, {2, {200, 1, 1}, 1}, 0, peak);
  time_step("Particle Lenia, energy of all", particle_lenia({.total = true}), {}, {2, {200, 1, 1}, 1}, 0, peak);
}
