// 3x3 convolutions that keep the size, without bias: batch 32, 28 x 28 cells, as many features out as in. Milliseconds
// of the forward pass, of the gradient in the input and of the gradient in the weights; GFLOP/s count the taps beyond
// the edge, as is the custom. "Weights prepared" is what a solve does, which transforms them once
// (kernels/winograd.hpp); the transform is left out of the time, and the GFLOP/s are those that the direct sum would
// need. The peers are oneDNN (onednn.cpp) and torch (torch_conv.py).

#include "basin/layers/conv.hpp"

#include "measuring.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

template <int C>
void measure(const Options& options, double peak) {
  using Layer = Conv<C, C, 3, 1, Zero, Bias::no>;
  using Linear = typename Layer::template Linearization<float>;
  const Layer layer;
  State<float> x(Shape{C, {28, 28, 1}, 32});
  State<float> y(x.shape);
  State<float> w(x.shape);
  State<float> dx(x.shape);
  Parameters<Layer, float> theta;
  fill_uniform(x.values, 1, -1, 1);
  fill_uniform(theta.vector(), 2, -0.1, 0.1);
  fill_uniform(w.values, 3, -1, 1);

  std::vector<Linear> linear;
  std::vector<Parameters<Layer, float>> gradients(parts_of_batch);
  for (Index part = 0; part < parts_of_batch; ++part) {
    const Index count = x.shape.samples / parts_of_batch;
    const View<const float> samples = x.view().samples(part * count, count);
    linear.push_back(layer.linearize(theta, samples, y.view().samples(part * count, count)));
  }

  const auto forward = [&] {
    for_parts(x.shape.samples, [&](Index, Index first, Index count) {
      layer.apply(theta, x.view().samples(first, count), y.view().samples(first, count));
    });
  };
  const auto input_gradient = [&] {
    for_parts(x.shape.samples, [&](Index part, Index first, Index count) {
      linear[static_cast<std::size_t>(part)].vjp(w.view().samples(first, count), dx.view().samples(first, count));
    });
  };
  Parameters<Layer, float> gradient;
  const auto weight_gradient = [&] {
    for_parts(x.shape.samples, [&](Index part, Index first, Index count) {
      Parameters<Layer, float>& own = gradients[static_cast<std::size_t>(part)];
      own.vector().setZero();
      linear[static_cast<std::size_t>(part)].pullback(w.view().samples(first, count), View<float>{}, own.span());
    });
    gradient.vector().setZero();
    for (const Parameters<Layer, float>& own : gradients) gradient.vector() += own.vector();
  };

  const double flops = 2.0 * static_cast<double>(y.shape.cells()) * 9 * C * C;
  const auto report = [&](const std::string& name, const auto& work, const auto& result) {
    const double seconds = seconds_of(options, work);
    const double gflops = flops / seconds * 1e-9;
    print_result(name + ", C = " + std::to_string(C), "", "ms", seconds * 1e3,
                 {{"gflops", gflops}, {"share_of_peak", gflops / peak}, {"check", length_of(result)}});
  };
  report("conv forward", forward, y.values);
  report("conv input gradient", input_gradient, dx.values);
  report("conv weight gradient", weight_gradient, gradient.vector());
  if constexpr (Layer::winograd) {
    const auto prepared = layer.prepare(std::as_const(theta).span());
    linear.clear();
    for (Index part = 0; part < parts_of_batch; ++part) {
      const Index count = x.shape.samples / parts_of_batch;
      const View<const float> samples = x.view().samples(part * count, count);
      linear.push_back(layer.linearize(theta, samples, y.view().samples(part * count, count), {}, prepared));
    }
    const auto forward_prepared = [&] {
      for_parts(x.shape.samples, [&](Index, Index first, Index count) {
        layer.apply_then(theta, x.view().samples(first, count), y.view().samples(first, count), {}, prepared,
                         [](float*, Index, Index) {});
      });
    };
    report("conv forward, weights prepared", forward_prepared, y.values);
    report("conv input gradient, weights prepared", input_gradient, dx.values);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  const double peak = peak_gflops() * options.threads;
  measure<8>(options, peak);
  measure<16>(options, peak);
  measure<32>(options, peak);
  measure<48>(options, peak);
  measure<64>(options, peak);
}
