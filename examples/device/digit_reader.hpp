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

/// First is the convolution that looks at the image, Again the one of the cell, and Last the layer that reads.
template <class First, class Again, class Last>
struct Reader {
  using Norm = basin::GroupNorm<channels, 8>;
  using Looks = basin::Sequential<First, Norm>;
  using Cell = basin::Injected<basin::Sequential<Again, Norm, basin::Relu>>;
  using Reads = basin::Sequential<basin::AveragePool<5, 3>, basin::Flatten<channels, pooled, pooled>, Last>;
  static constexpr std::size_t param_count = Looks::param_count + Cell::param_count + Reads::param_count;

  Looks looks{};
  Cell cell{};
  Reads reads{};
  basin::Anderson<3> solver{};  // three differences, as memory is short
  basin::Stop stop{.tolerance = 1e-2, .max_evaluations = 60};

  /// Ten scores of an image, 28 x 28, and how the solve ended. All memory is Scratch.
  basin::SampleResult read(std::span<const float, param_count> theta, basin::View<const float> image,
                           basin::View<float> scores) const {
    using basin::View;
    const auto of_cell = theta.template subspan<Looks::param_count, Cell::param_count>();
    basin::Scratch scratch;
    const View<float> u = scratch.state<float>(looks.out_shape(image.shape()));
    const View<float> z = scratch.state<float>(u.shape());
    static_cast<void>(looks.template apply<float>(theta.template first<Looks::param_count>(), image, u));
    z.vector().setZero();
    const auto settles = [&](View<const float> from, View<float> to) {
      static_cast<void>(cell.template apply<float>(of_cell, from, u, to));
    };
    basin::SampleResult result;
    basin::solve_tile(settles, z, solver, stop, std::span(&result, 1));
    static_cast<void>(reads.template apply<float>(theta.template last<Reads::param_count>(), z, scores));
    return result;
  }
};

using FloatReader = Reader<basin::Conv<1, channels, 3, 2, basin::Zero, basin::Bias::no>,
                           basin::Conv<channels, channels, 3, 1, basin::Zero, basin::Bias::no>,
                           basin::Dense<channels * pooled * pooled, classes>>;

}  // namespace device
