// Convolutions without bias. "conv": 3x3, batch 32, 28 x 28 cells, as many features out as in; the others are in main.
// Milliseconds of the forward pass, of the gradient in the input and of the gradient in the weights; GFLOP/s count the
// taps beyond the edge, as is the custom, and no zeros between the cells of a transposed convolution. "Weights
// prepared" is what a solve does, which transforms them once (kernels/winograd.hpp); the transform is left out of the
// time, and the GFLOP/s are those that the direct sum would need. The peers are oneDNN (onednn.cpp) and torch
// (torch_conv.py).

#include "basin/layers/conv.hpp"

#include "basin/layers/grouped.hpp"
#include "basin/layers/transposed_conv.hpp"
#include "basin/layers/window_conv.hpp"
#include "measuring.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

/// `kind` begins the names of its works, C ends them.
template <class Layer>
void measure(const Options& options, double peak, const std::string& kind, const Shape& shape) {
  using Linear = LinearizationOf<Layer, float>;
  const Layer layer;
  State<float> x(shape);
  State<float> y(layer.out_shape(shape));
  State<float> w(y.shape);
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
      static_cast<void>(report_of(
          [&] { return layer.apply(theta, x.view().samples(first, count), y.view().samples(first, count)); }));
    });
  };
  const auto input_gradient = [&] {
    for_parts(x.shape.samples, [&](Index part, Index first, Index count) {
      static_cast<void>(report_of([&] {
        return linear[static_cast<std::size_t>(part)].vjp(w.view().samples(first, count),
                                                          dx.view().samples(first, count));
      }));
    });
  };
  Parameters<Layer, float> gradient;
  const auto weight_gradient = [&] {
    for_parts(x.shape.samples, [&](Index part, Index first, Index count) {
      Parameters<Layer, float>& own = gradients[static_cast<std::size_t>(part)];
      own.vector().setZero();
      static_cast<void>(report_of([&] {
        return linear[static_cast<std::size_t>(part)].pullback(w.view().samples(first, count), View<float>{},
                                                               own.span());
      }));
    });
    gradient.vector().setZero();
    for (const Parameters<Layer, float>& own : gradients) gradient.vector() += own.vector();
  };

  // Each weight meets each cell of the coarser grid.
  const auto cells = static_cast<double>(std::min(x.shape.cells(), y.shape.cells()));
  const double flops = 2.0 * cells * static_cast<double>(Layer::param_count);
  const auto report = [&](const std::string& name, const auto& work, const auto& result) {
    const double seconds = seconds_of(options, work);
    const double gflops = flops / seconds * 1e-9;
    print_result(kind + " " + name + ", C = " + std::to_string(shape.features), "", "ms", seconds * 1e3,
                 {{"gflops", gflops}, {"share_of_peak", gflops / peak}, {"check", length_of(result)}});
  };
  report("forward", forward, y.values);
  report("input gradient", input_gradient, dx.values);
  report("weight gradient", weight_gradient, gradient.vector());
  if constexpr (requires { requires Layer::winograd; }) {
    const auto prepared = layer.prepare(std::as_const(theta).span());
    linear.clear();
    for (Index part = 0; part < parts_of_batch; ++part) {
      const Index count = x.shape.samples / parts_of_batch;
      const View<const float> samples = x.view().samples(part * count, count);
      linear.push_back(layer.linearize(theta, samples, y.view().samples(part * count, count), {}, prepared));
    }
    const auto forward_prepared = [&] {
      for_parts(x.shape.samples, [&](Index, Index first, Index count) {
        layer.apply(theta, x.view().samples(first, count), y.view().samples(first, count), {}, prepared);
      });
    };
    report("forward, weights prepared", forward_prepared, y.values);
    report("input gradient, weights prepared", input_gradient, dx.values);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  set_threads(options.threads);
  const double peak = peak_gflops() * options.threads;
  const Shape plane{0, {28, 28, 1}, 32};
  measure<Conv<8, 8, 3, 1, Zero, Bias::no>>(options, peak, "conv", plane.with_features(8));
  measure<Conv<16, 16, 3, 1, Zero, Bias::no>>(options, peak, "conv", plane.with_features(16));
  measure<Conv<32, 32, 3, 1, Zero, Bias::no>>(options, peak, "conv", plane.with_features(32));
  measure<Conv<48, 48, 3, 1, Zero, Bias::no>>(options, peak, "conv", plane.with_features(48));
  measure<Conv<64, 64, 3, 1, Zero, Bias::no>>(options, peak, "conv", plane.with_features(64));
  measure<Conv1d<32, 32, 5, 1, Zero, Bias::no>>(options, peak, "conv over 1 axis", Shape{32, {784, 1, 1}, 32});
  measure<Conv3d<16, 16, 3, 1, Zero, Bias::no>>(options, peak, "conv over 3 axes", Shape{16, {16, 16, 16}, 8});
  measure<ConvNd<32, 32, Window{.dilation = 2}, Zero, Bias::no>>(options, peak, "dilated conv",
                                                                 plane.with_features(32));
  measure<DepthwiseConv<32, Window{}, Zero, Bias::no>>(options, peak, "depthwise conv", plane.with_features(32));
  measure<Grouped<4, Conv<16, 16, 3, 1, Zero, Bias::no>>>(options, peak, "grouped conv", plane.with_features(64));
  measure<TransposedConv<32, 32, Window{.kernel = 4, .stride = 2}, Zero, Bias::no>>(options, peak, "transposed conv",
                                                                                    Shape{32, {14, 14, 1}, 32});
}
