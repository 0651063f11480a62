// A deep equilibrium forward (deq_problem.hpp): milliseconds of one evaluation of f for the whole batch, of one product
// with its transposed derivative, both with weights prepared once, as a solve has them, and of Anderson<5> to a
// relative residual of 1e-3 in every sample; and what the solve takes beyond its evaluations. The peers are torch
// (torch_deq.py) and TorchDEQ (torchdeq_deq.py).

#include "basin/deq/equilibrium.hpp"
#include "deq_problem.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

template <int C>
void measure(const Options& options, double peak) {
  using F = DeqCell<C>;
  const auto theta = deq_weights<C>();
  Parameters<Injection<C>, float> injection;
  fill_injection(injection, "");
  const State<float> images = deq_images();
  State<float> u(Shape{C, {14, 14, 1}, deq_samples});
  Injection<C>{}.apply(injection, images.view(), u.view());

  const F f;
  State<float> z(u.shape);
  State<float> out(u.shape);
  State<float> w(u.shape);
  State<float> dz(u.shape);
  fill_uniform(z.values, 16, -1, 1);
  fill_uniform(w.values, 17, -1, 1);
  const double flops = 2.0 * static_cast<double>(u.shape.cells()) * 9 * C * C;

  const auto prepared = f.prepare(std::as_const(theta).span());
  const auto evaluate = [&] {
    for_parts(deq_samples, [&](Index, Index first, Index count) {
      static_cast<void>(f.apply(theta.span(), std::as_const(z).view().samples(first, count),
                                std::as_const(u).view().samples(first, count), out.view().samples(first, count), {},
                                prepared));
    });
  };
  const double f_seconds = seconds_of(options, evaluate);
  const double f_gflops = flops / f_seconds * 1e-9;
  print_result(with_features("f(z, u) = tanh(conv(z) + u)", C), "", "ms", f_seconds * 1e3,
               {{"gflops", f_gflops}, {"share_of_peak", f_gflops / peak}, {"check", length_of(out.values)}});

  std::vector<typename F::template Linearization<float>> linear;
  for (Index part = 0; part < parts_of_batch; ++part) {
    const Index count = deq_samples / parts_of_batch;
    const Index first = part * count;
    linear.push_back(f.linearize(theta.span(), std::as_const(z).view().samples(first, count),
                                 std::as_const(u).view().samples(first, count), out.view().samples(first, count), {},
                                 prepared));
  }
  const double vjp_seconds = seconds_of(options, [&] {
    for_parts(deq_samples, [&](Index part, Index first, Index count) {
      static_cast<void>(linear[static_cast<std::size_t>(part)].vjp(std::as_const(w).view().samples(first, count),
                                                                   dz.view().samples(first, count)));
    });
  });
  const double vjp_gflops = flops / vjp_seconds * 1e-9;
  print_result(with_features("vjp of f", C), "", "ms", vjp_seconds * 1e3,
               {{"gflops", vjp_gflops}, {"share_of_peak", vjp_gflops / peak}, {"check", length_of(dz.values)}});

  Equilibrium<F, Anderson<5>> layer;
  layer.stop = {.tolerance = deq_tolerance, .max_evaluations = 100};
  State<float> settled(u.shape);
  Report report;
  const auto rounds = pairs_of(
      options, [&] { report = layer.apply(theta.span(), std::as_const(u).view(), settled.view()); }, evaluate);
  const double solve_seconds = median_of(rounds, [](const Pair& pair) { return pair.seconds; });
  const double evaluations = report.forward.mean_evaluations();
  const double times_bare =
      median_of(rounds, [&](const Pair& pair) { return pair.seconds / (evaluations * pair.other_seconds); });
  print_result(with_features("Anderson forward", C), "", "ms", solve_seconds * 1e3,
               {{"evaluations", evaluations},
                {"residual", report.forward.worst_residual},
                {"not_converged", report.forward.nonconverged_fraction()},
                {"check", length_of(settled.values)},
                {"check_tolerance", 5e-3}});
  print_result(with_features("Anderson forward, overhead", C), "", "%", 100 * (times_bare - 1));
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  const double peak = peak_gflops() * options.threads;
  measure<16>(options, peak);
  measure<48>(options, peak);
}
