// A small program from its start to its first result: one equilibrium of 16 features on 14 x 14 cells. compare.py
// measures how long that takes; the program itself says how much memory it took. The peer is torch_start.py.

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/train/initial.hpp"

#include "measuring.hpp"

int main(int argc, char** argv) {
  using namespace basin;
  using namespace basin::benchmarks;
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  using F = Injected<Sequential<Conv<16, 16, 3, 1, Zero, Bias::no>, Tanh>>;
  const Equilibrium<F> layer;
  const auto theta = initial_parameters<float>(layer, 1);
  State<float> u(Shape{16, {14, 14, 1}, 1});
  fill_uniform(u.values, 1, -1, 1);
  State<float> z(u.shape);
  const Report report = layer.apply(theta, u.view(), z.view());
  print_result("memory from start to first result", "", "MB", memory_megabytes("VmHWM"),
               {{"evaluations", report.forward.mean_evaluations()}});
}
