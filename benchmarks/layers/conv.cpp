// How fast a 3x3 convolution runs: forward, gradient in x and gradient in the weights, as GFLOP/s and as a share of
// what this core can do in registers, beside the same sum as plain loops. One thread.

#include <cstdio>

#include "../support/timing.hpp"
#include "basin/core/random.hpp"
#include "basin/layers/conv.hpp"

namespace {

using namespace basin;

/// The definition, with the loops in the order that suits the memory.
template <int C>
void plain_loops(const float* x, const float* w, Index width, Index height, float* y) {
  for (Index j = 0; j < height; ++j) {
    for (Index i = 0; i < width; ++i) {
      float sum[C] = {};
      for (Index l = -1; l <= 1; ++l) {
        for (Index k = -1; k <= 1; ++k) {
          if (i + k < 0 || i + k >= width || j + l < 0 || j + l >= height) continue;
          const float* cell = x + ((j + l) * width + i + k) * C;
          const float* tap = w + ((l + 1) * 3 + k + 1) * C * C;
          for (int c = 0; c < C; ++c) {
            for (int o = 0; o < C; ++o) sum[o] += tap[c * C + o] * cell[c];
          }
        }
      }
      for (int o = 0; o < C; ++o) y[(j * width + i) * C + o] = sum[o];
    }
  }
}

template <int C>
void row(Index extent, double peak) {
  using Layer = Conv<C, C, 3, 1, Zero, Bias::no>;
  const Layer layer;
  State<float> x(Shape{C, {extent, extent, 1}, 32}), y(x.shape), dx(x.shape);
  Parameters<Layer, float> theta, dtheta;
  const Random random{1, 0};
  for (Index i = 0; i < x.values.size(); ++i)
    x.values[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), -1, 1));
  for (Index i = 0; i < theta.vector().size(); ++i) {
    theta.vector()[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), -1, 1));
  }
  const auto linear = layer.linearize(theta, x.view(), y.view());
  // Taps in the zero border are counted, as is the custom.
  const double work = 2.0 * static_cast<double>(y.shape.cells()) * 9 * C * C * 1e-9;
  const double forward = work / benchmarks::median_seconds([&] { layer.apply(theta, x.view(), y.view()); });
  const double input = work / benchmarks::median_seconds([&] { linear.vjp(y.view(), dx.view()); });
  const double weights =
      work / benchmarks::median_seconds([&] { linear.pullback(y.view(), View<float>{}, dtheta.span()); });
  const double plain =
      work / benchmarks::median_seconds([&] {
        for (Index n = 0; n < x.shape.samples; ++n) {
          plain_loops<C>(x.view().sample(n).data(), theta.vector().data(), extent, extent, y.view().sample(n).data());
        }
      });
  std::printf("| %2d | %td x %td | %5.0f (%2.0f%%) | %5.0f (%2.0f%%) | %5.0f (%2.0f%%) | %5.0f | %4.1f |\n", C, extent,
              extent, forward, 100 * forward / peak, input, 100 * input / peak, weights, 100 * weights / peak, plain,
              forward / plain);
}

}  // namespace

int main() {
  const double peak = benchmarks::peak_gflops();
  std::printf("3x3 convolution, batch 32, one thread, float; GFLOP/s and share of the peak of %.0f\n\n", peak);
  std::printf("|  C | image | forward | gradient in x | gradient in W | plain loops, forward | ratio |\n");
  std::printf("|---|---|---|---|---|---|---|\n");
  row<8>(28, peak);
  row<16>(28, peak);
  row<20>(28, peak);
  row<32>(14, peak);
  row<32>(28, peak);
  row<48>(14, peak);
  row<64>(28, peak);
}
