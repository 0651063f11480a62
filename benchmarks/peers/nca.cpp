// A step of the growing automaton (16 features, 48 -> 128 -> 16, Mordvintsev et al. 2020): nanoseconds a cell. Cells
// are random and alive; half of them fire at a step, or all. The peer is torch (torch_nca.py).

#include "../support/growing.hpp"
#include "measuring.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

template <class Fire>
void measure(const Options& options, const std::string& work, Index samples, Index size, double peak) {
  using Model = Rollout<Grows<Fire>>;
  Model model;
  model.steps = options.smoke ? 2 : 8;
  Parameters<Model, float> theta;
  fill_uniform(theta.leaf("0.weight"), 1, -0.2, 0.2);
  fill_uniform(theta.leaf("0.bias"), 2, -0.2, 0.2);
  fill_uniform(theta.leaf("2.weight"), 3, -0.001, 0.001);  // so small that the cells stay alive
  State<float> start(Shape{16, {size, size, 1}, samples});
  State<float> end(start.shape);
  fill_uniform(start.values, 4, 0.2, 0.7);

  // Of one step, against who makes the same; a random mask makes it another.
  double check = std::numeric_limits<double>::quiet_NaN();
  if (!Fire::random) {
    Model one_step = model;
    one_step.steps = 1;
    static_cast<void>(one_step.apply(theta, start.view(), end.view()));
    check = length_of(end.values);
  }
  const double seconds = seconds_of(options, [&] { static_cast<void>(model.apply(theta, start.view(), end.view())); });
  const double each = seconds / static_cast<double>(model.steps * start.shape.cells());
  const double gflops = step_flops * (Fire::random ? 0.5 : 1.0) / each * 1e-9;
  print_result(work, "", "ns", each * 1e9, {{"gflops", gflops}, {"share_of_peak", gflops / peak}, {"check", check}});
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  const double peak = peak_gflops() * options.threads;
  measure<RandomFire>(options, "automaton step a cell, 8 x 72 x 72, half fire", 8, 72, peak);
  measure<EveryCell>(options, "automaton step a cell, 8 x 72 x 72, all fire", 8, 72, peak);
  measure<RandomFire>(options, "automaton step a cell, 1 x 1024 x 1024, half fire", 1, 1024, peak);
}
