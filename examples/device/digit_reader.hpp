#pragma once

// The digit reader of deq_digits (examples/deq_digits/model.hpp), layer by layer, so that all of its memory is Scratch:
// what looks at the image, the cell that settles, and what reads the settled state.

#include <span>

#include "basin/core/layer.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/flatten.hpp"
#include "basin/layers/group_norm.hpp"
#include "basin/layers/pool.hpp"
#include "basin/layers/sequential.hpp"

namespace device {

inline constexpr int channels = 32, pooled = 4, classes = 10;

/// One is the convolution that looks at the image, Two the one of the cell, and Three the layer that reads.
template <class One, class Two, class Three>
struct Reader {
  using Norm = basin::GroupNorm<channels, 8>;
  using Looks = basin::Sequential<One, Norm>;
  using Cell = basin::Injected<basin::Sequential<Two, Norm, basin::Relu>>;
  using Reads = basin::Sequential<basin::AveragePool<5, 3>, basin::Flatten<channels, pooled, pooled>, Three>;
  static constexpr std::size_t param_count = Looks::param_count + Cell::param_count + Reads::param_count;

  Looks looks{};
  Cell cell{};
  Reads reads{};
  basin::Anderson<3> solver{};  // three differences, as memory is short
  basin::Stop stop{.tolerance = 1e-2, .max_evaluations = 60};

  using Theta = std::span<const float, param_count>;

  /// z = where the cell settles for an image, 28 x 28, and how that ended; `see` is shown each z on the way.
  template <class See>
  basin::SampleResult settle(Theta theta, basin::View<const float> image, basin::View<float> z, const See& see) const {
    using basin::View;
    const auto of_cell = theta.template subspan<Looks::param_count, Cell::param_count>();
    basin::Scratch scratch;
    const View<float> u = scratch.state<float>(z.shape());
    static_cast<void>(looks.template apply<float>(theta.template first<Looks::param_count>(), image, u));
    z.vector().setZero();
    const auto f = [&](View<const float> from, View<float> to) {
      see(from);
      static_cast<void>(cell.template apply<float>(of_cell, from, u, to));
    };
    basin::SampleResult result;
    basin::solve_tile(f, z, solver, stop, std::span(&result, 1));
    return result;
  }

  /// Ten scores of an image, and how the solve ended. All memory is Scratch.
  basin::SampleResult read(Theta theta, basin::View<const float> image, basin::View<float> scores) const {
    basin::Scratch scratch;
    const basin::View<float> z = scratch.state<float>(looks.out_shape(image.shape()));
    const basin::SampleResult result = settle(theta, image, z, [](const auto&) {});
    static_cast<void>(reads.template apply<float>(theta.template last<Reads::param_count>(), z, scores));
    return result;
  }
};

using First = basin::Conv<1, channels, 3, 2, basin::Zero, basin::Bias::no>;
using Again = basin::Conv<channels, channels, 3, 1, basin::Zero, basin::Bias::no>;
using Last = basin::Dense<channels * pooled * pooled, classes>;
using FloatReader = Reader<First, Again, Last>;

}  // namespace device
