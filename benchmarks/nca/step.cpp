// The growing automaton (16 features, 48 -> 128 -> 16, Mordvintsev et al. 2020): time of a step a cell, and of the
// gradient of a rollout, with the share of the machine's peak that its arithmetic reaches.
//
//   step            one thread
//   step 2          two
//
// Cells are random, most of them alive; half of them fire, or all ("dense").

#include <cstdio>
#include <cstdlib>

#include "../support/growing.hpp"
#include "../support/timing.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

State<float> random_state(Index samples, Index size) {
  State<float> z(Shape{16, {size, size, 1}, samples});
  const Random random{1, 1};
  for (Index i = 0; i < z.values.size(); ++i) {
    z.values[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), 0.2, 0.7));
  }
  return z;
}

template <class Model>
Parameters<Model, float> small_theta() {
  auto theta = initial_parameters<float>(Model{}, 1);
  for (float& weight : theta.leaf("2.weight")) weight *= 0.01f;  // so that the pattern stays alive
  return theta;
}

template <class Fire>
void time_step(const char* name, Index samples, Index size, double peak) {
  Rollout<Grows<Fire>> model;
  model.steps = 8;
  const auto theta = small_theta<Rollout<Grows<Fire>>>();
  const State<float> start = random_state(samples, size);
  State<float> end(start.shape);
  const double seconds =
      benchmarks::median_seconds([&] { (void)model.apply(theta.span(), start.view(), end.view()); }, 7, 0.1);
  const double each = seconds / static_cast<double>(model.steps * start.shape.cells());
  const double updates = Fire::random ? 0.5 : 1.0;
  std::printf("| step, %s | %td x %td x %td | %.1f ns a cell | %.0f%% |\n", name, samples, size, size, each * 1e9,
              100 * step_flops * updates / each * 1e-9 / peak);
}

template <class Tape>
void time_gradient(const char* name, double peak) {
  using Model = Rollout<Grows<RandomFire>, Tape>;
  Model model;
  model.steps = 64;
  const auto theta = small_theta<Model>();
  const State<float> start = random_state(8, 72);
  const LeadingFeaturesError loss{State<float>(Shape{4, {72, 72, 1}, 1})};
  const std::vector<LossStep> at_end{{model.steps, 1}};
  const double seconds = benchmarks::median_seconds(
      [&] { (void)value_and_gradient_along(model, theta, start.view(), loss, at_end); }, 5, 0.1);
  // Forward, the inner values again, and two products backward for each forward one.
  const double flops = 4 * step_flops * 0.5 * static_cast<double>(model.steps * start.shape.cells());
  std::printf("| gradient of 64 steps, %s | 8 x 72 x 72 | %.3f s | %.0f%% |\n", name, seconds,
              100 * flops / seconds * 1e-9 / peak);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  set_threads(threads);
  const double peak = benchmarks::peak_gflops() * threads;
  std::printf("%d threads, peak %.0f GFLOP/s\n\n| work | size | time | share of peak |\n|---|---|---|---|\n", threads,
              peak);
  time_step<RandomFire>("half of the cells fire", 8, 72, peak);
  time_step<EveryCell>("dense", 8, 72, peak);
  time_step<RandomFire>("half of the cells fire", 1, 1024, peak);
  time_gradient<Recomputed>("states kept", peak);
  time_gradient<Checkpointed>("checkpoints", peak);
}
