#pragma once

// Convolution over two axes of space (cross-correlation, as the field calls it):
//
//   y(o, i, j, n) = b(o) + sum_{c, k, l} W(o, c, k, l) x(c, s i + k - r, s j + l - r, n),   r = (K - 1) / 2,
//
// with Inputs and Outputs features, an odd kernel K, a stride s, and a boundary that says what stands beyond the
// edge. x is (Inputs, X, Y, 1, N), y is (Outputs, ceil(X / s), ceil(Y / s), 1, N).
//
// No image is unfolded: some lines of a sample at a time, as many as stay in the first-level cache, get a border.
// Directly, each line of output cells is one product over the bordered lines under the kernel (kernels/product.hpp),
// and lines of zeros are left out. The gradient in x is the same product with the kernel turned round, over the
// gradient in y spread out by the stride; the gradient in W sums outer products.
//
// 3 x 3 kernels without stride and with 16 features or more go by Winograd's minimal filtering (kernels/winograd.hpp)
// on planes that are large enough for it: y and the gradient in x if the weights were prepared, as solvers do once a
// solve, the gradient in W always. Sums are then rounded otherwise, by a few units in the last place of the largest
// number. Which way is taken depends on the layer, the plane and whether there is something prepared, not on the batch.

#include <algorithm>

#include "basin/core/layer.hpp"
#include "basin/layers/bias.hpp"
#include "basin/layers/conv_lines.hpp"
#include "basin/stencil/border.hpp"

namespace basin {

template <int Inputs, int Outputs, int Kernel, int Stride = 1, Boundary Edge = Zero, Bias WithBias = Bias::yes>
struct Conv {
  static_assert(Inputs > 0 && Outputs > 0, "Conv: the numbers of features must be positive");
  static_assert(Kernel > 0 && Kernel % 2 == 1, "Conv: the kernel must be odd, so that it has a centre cell");
  static_assert(Stride > 0, "Conv: the stride must be positive");

  static constexpr int in_features = Inputs;
  static constexpr int out_features = Outputs;
  static constexpr std::size_t weight_count = std::size_t{Kernel} * Kernel * Inputs * Outputs;
  static constexpr std::size_t param_count = weight_count + (WithBias == Bias::yes ? Outputs : 0);
  static constexpr Index border = (Kernel - 1) / 2;  ///< r: cells that a kernel sees beyond each edge
  /// Whether Winograd's filtering may win (benchmarks/peers/conv.cpp measures it).
  static constexpr bool winograd = Kernel == 3 && Stride == 1 && Inputs >= 16 && Outputs >= 16;

  static void leaves(LeafList& list) {
    list.weight("weight", {Outputs, Inputs, Kernel, Kernel}, Inputs * Kernel * Kernel, Outputs * Kernel * Kernel);
    if constexpr (WithBias == Bias::yes) list.bias("bias", Outputs);
  }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Conv", x.features, Inputs);
    check(x.space[2] == 1, "Conv: extent of the third axis of space", x.space[2], 1);
    for (const std::size_t axis : {0u, 1u}) {
      check(x.space[axis] > 0, "Conv: extent of an axis of space", x.space[axis], "at least 1");
      Edge::check_border(border, x.space[axis]);
    }
    return {Outputs, {(x.space[0] - 1) / Stride + 1, (x.space[1] - 1) / Stride + 1, 1}, x.samples};
  }

  /// Weights as apply and linearizations want them.
  template <class S>
  struct Prepared {
    Buffer<S> turned;             ///< for the gradient in x: [K - 1 - l][K - 1 - k][o][c]
    Buffer<S> forward, backward;  ///< the weights, and those turned, transformed; only for Winograd
  };
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    Prepared<S> out;
    out.turned = turned_weights(theta.data());
    if constexpr (winograd) {
      out.forward = Buffer<S>(transformed_count);
      out.backward = Buffer<S>(transformed_count);
      kernels::winograd_weights<Inputs, Outputs>(theta.data(), out.forward.data());
      kernels::winograd_weights<Outputs, Inputs>(out.turned.data(), out.backward.data());
    }
    return out;
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
             IfPrepared<Prepared<S>> prepared = {}) const {
    apply_then(theta, x, y, context, detail::NoThen{}, prepared);
  }

  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then,
                  IfPrepared<Prepared<S>> prepared = {}) const {
    check_output<Conv, S>("Conv", *this, x, y);
    correlate(theta.data(), bias_of(theta.data()), prepared.get(), x, y, then);
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    apply(theta, x, y, context, prepared);
    return Linearization<S>(theta.data(), x, y.shape(), prepared.get());
  }

 private:
  static constexpr Index transformed_count = kernels::winograd_matrices * Inputs * Outputs;

  /// On planes of a line or a column half of each tile is wasted; and the gradient in W reads and writes its 16
  /// matrices once a sample.
  static constexpr bool winograd_pays(const Shape& x) { return std::min(x.space[0], x.space[1]) >= 2; }
  static constexpr bool winograd_pays_for_weights(const Shape& x) {
    return winograd_pays(x) && x.space[0] * x.space[1] >= 16;
  }

  /// The transform of all weights in each call is worth it for planes that take several times as long.
  static constexpr bool winograd_pays_unprepared(const Shape& x) {
    return winograd_pays(x) && x.space[0] * x.space[1] >= 400;
  }

  /// Transformed weights for planes of such a shape: those that were prepared, or made here of `weights` (From, To);
  /// null if the direct sum is to be taken.
  template <int From, int To, class S>
  static const S* transformed(const S* weights, const S* prepared, const Shape& x, Scratch& scratch) {
    if (prepared != nullptr) return winograd_pays(x) ? prepared : nullptr;
    if (!winograd_pays_unprepared(x)) return nullptr;
    S* made = scratch.take<S>(transformed_count);
    kernels::winograd_weights<From, To>(weights, made);
    return made;
  }

  template <class S>
  static Buffer<S> turned_weights(const S* weights) {
    Buffer<S> turned(static_cast<Index>(weight_count));
    for (int tap = 0; tap < Kernel * Kernel; ++tap) {
      const S* from = weights + tap * Inputs * Outputs;
      S* to = turned.data() + (Kernel * Kernel - 1 - tap) * Inputs * Outputs;
      for (int c = 0; c < Inputs; ++c) {
        for (int o = 0; o < Outputs; ++o) to[o * Inputs + c] = from[c * Outputs + o];
      }
    }
    return turned;
  }

  /// y = the sum above; `then` gets each finished line. `prepared` may be null.
  template <class S, class Then>
  static void correlate(const S* weights, const S* bias, const Prepared<S>* prepared, View<const S> x, View<S> y,
                        const Then& then) {
    const Index width = x.shape().space[0], height = x.shape().space[1];
    Scratch scratch;
    const S* of_tiles = nullptr;  // null: directly
    if constexpr (winograd) {
      of_tiles = transformed<Inputs, Outputs>(weights, prepared == nullptr ? nullptr : prepared->forward.data(),
                                              x.shape(), scratch);
    }
    for (Index n = 0; n < x.samples(); ++n) {
      const auto load = [&](Index i, S* to) {
        bordered_line<Edge>(x.sample(n).data(), Inputs, width, height, border, i, to);
      };
      const auto then_line = [&](S* out, Index size) { then(out, out - y.data(), size); };
      if (of_tiles == nullptr) {
        detail::conv_lines<Kernel, Inputs, Stride, Outputs, std::is_same_v<Edge, Zero>>(
            height, Inputs * (width + 2 * border), border, Stride, y.shape().space[1], y.shape().space[0], load,
            weights, bias, y.sample(n).data(), then_line);
      } else if constexpr (winograd) {
        detail::winograd_lines<Inputs, Outputs>(border, height, width, load, of_tiles, bias, y.sample(n).data(),
                                                then_line);
      }
    }
  }

  template <class S>
  static const S* bias_of(const S* theta) {
    return WithBias == Bias::yes ? theta + weight_count : nullptr;
  }
};

}  // namespace basin

#include "basin/layers/conv_linearization.hpp"
