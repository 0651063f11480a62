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
  static constexpr Index border = (Kernel - 1) / 2;
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

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply_then(theta, x, y, context, [](S*, Index, Index) {});
  }

  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then) const {
    check_output<Conv, S>("Conv", *this, x, y);
    const Prepared<S>* nothing_prepared = nullptr;
    correlate(theta.data(), bias_of(theta.data()), nothing_prepared, x, y, then);
  }

  /// Weights as apply and linearizations want them.
  template <class S>
  struct Prepared {
    Vector<S> turned;             ///< for the gradient in x: [K - 1 - l][K - 1 - k][o][c]
    Vector<S> forward, backward;  ///< the weights, and those turned, transformed; only for Winograd
  };
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    Prepared<S> out;
    out.turned = turned_weights(theta.data());
    if constexpr (winograd) {
      out.forward.resize(transformed_count);
      out.backward.resize(transformed_count);
      kernels::winograd_weights<Inputs, Outputs>(theta.data(), out.forward.data());
      kernels::winograd_weights<Outputs, Inputs>(out.turned.data(), out.backward.data());
    }
    return out;
  }

  /// The same as apply, with weights that were prepared.
  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context,
             const Prepared<S>& prepared) const {
    apply_then(theta, x, y, context, prepared, [](S*, Index, Index) {});
  }

  /// The same as apply_then, with weights that were prepared.
  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Prepared<S>& prepared,
                  const Then& then) const {
    check_output<Conv, S>("Conv", *this, x, y);
    correlate(theta.data(), bias_of(theta.data()), &prepared, x, y, then);
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(theta.data(), x, y.shape(), nullptr);
  }

  /// Refers to what was prepared.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context,
                             const Prepared<S>& prepared) const {
    apply(theta, x, y, context, prepared);
    return Linearization<S>(theta.data(), x, y.shape(), &prepared);
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
  static Vector<S> turned_weights(const S* weights) {
    Vector<S> turned(static_cast<Index>(weight_count));
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

/// J and its transposes. Refers to theta and x; owns the weights turned round, or refers to what was prepared.
template <int Inputs, int Outputs, int Kernel, int Stride, Boundary Edge, Bias WithBias>
template <class S>
class Conv<Inputs, Outputs, Kernel, Stride, Edge, WithBias>::Linearization {
 public:
  Linearization(const S* theta, View<const S> x, const Shape& y, const Prepared<S>* prepared)
      : weights_(theta), x_(x), y_(y), prepared_(prepared) {
    if (prepared == nullptr) turned_ = turned_weights(theta);
  }

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("Conv", x_.shape(), y_, t, out);
    correlate(weights_, static_cast<const S*>(nullptr), prepared_, t, out, [](S*, Index, Index) {});
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp("Conv", x_.shape(), y_, w, dx);
    const Index width = x_.shape().space[0], height = x_.shape().space[1];
    // The gradient in y, spread out by the stride, with zeros around it; cell p of x, counted from -border, takes what
    // lies at p ... p + Kernel - 1 of Kernel - 1 zeros and then the spread lines. Zeros beyond the edge of x take no
    // gradient, so then only the cells of x itself are computed.
    constexpr bool zero_edge = std::is_same_v<Edge, Zero>;
    constexpr Index zeros = Kernel - 1 - (zero_edge ? border : 0);
    const Index full_width = width + (zero_edge ? 0 : 2 * border), full_height = height + (zero_edge ? 0 : 2 * border);
    const Index line = Outputs * (full_width + Kernel - 1), spread_lines = (y_.space[1] - 1) * Stride + 1;
    Scratch scratch;
    S* full = zero_edge ? nullptr : scratch.take<S>(Inputs * full_width * full_height);
    const S* turned = prepared_ == nullptr ? turned_.data() : prepared_->turned.data();
    const S* of_tiles = nullptr;  // null: directly
    if constexpr (winograd) {
      of_tiles = transformed<Outputs, Inputs>(turned, prepared_ == nullptr ? nullptr : prepared_->backward.data(),
                                              x_.shape(), scratch);
    }
    for (Index n = 0; n < w.samples(); ++n) {
      const auto spread = [&](Index i, S* to) {
        std::fill_n(to, line, S(0));
        if (i < 0 || i >= spread_lines || i % Stride != 0) return;
        const S* from = w.sample(n).data() + i / Stride * Outputs * y_.space[0];
        to += zeros * Outputs;
        if constexpr (Stride == 1) {
          std::copy_n(from, Outputs * y_.space[0], to);
        } else {
          for (Index p = 0; p < y_.space[0]; ++p) std::copy_n(from + p * Outputs, Outputs, to + p * Stride * Outputs);
        }
      };
      S* out = zero_edge ? dx.sample(n).data() : full;
      const S* none = nullptr;
      const auto as_it_is = [](S*, Index) {};
      if (of_tiles == nullptr) {
        detail::conv_lines<Kernel, Outputs, 1, Inputs, true>(spread_lines, line, zeros, 1, full_height, full_width,
                                                             spread, turned, none, out, as_it_is);
      } else if constexpr (winograd) {
        detail::winograd_lines<Outputs, Inputs>(zeros, full_height, full_width, spread, of_tiles, none, out, as_it_is);
      }
      if constexpr (!zero_edge) fold_border<Edge>(full, Inputs, width, height, border, dx.sample(n).data());
    }
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_vjp("Conv", x_.shape(), y_, w, dx);
    if (dx) vjp(w, dx);
    pull_weights(w, dtheta.data());
    if constexpr (WithBias == Bias::yes) {
      kernels::add_columns<Outputs>(w.shape().cells(), w.data(), dtheta.data() + weight_count);
    }
  }

 private:
  /// Makes the bordered lines of one sample of x.
  [[nodiscard]] auto line_of(Index n) const {
    return [this, n](Index i, S* to) {
      bordered_line<Edge>(x_.sample(n).data(), Inputs, x_.shape().space[0], x_.shape().space[1], border, i, to);
    };
  }

  void pull_weights(View<const S> w, S* dweights) const {
    if constexpr (winograd) {
      if (winograd_pays_for_weights(x_.shape())) {
        pull_weights_by_winograd(w, dweights);
        return;
      }
    }
    const Index line = Inputs * (x_.shape().space[0] + 2 * border);
    // Bands of lines of y, so that the numbers of a register tile are added to dtheta once a band, and a band of x
    // still lies in a near cache.
    constexpr Index near_bytes = 24 * 1024, most = 16;
    const Index band = std::clamp<Index>(near_bytes / (line * Index{sizeof(S)}) / Stride, 1, most);
    Scratch scratch;
    S* memory = scratch.take<S>(line * (band * Stride + Kernel));
    for (Index n = 0; n < w.samples(); ++n) {
      const auto load = line_of(n);
      detail::LineRing<S, decltype(load)> lines(memory, line, band * Stride + Kernel, -border, load);
      for (Index first = 0; first < y_.space[1]; first += band) {
        const Index count = std::min(band, y_.space[1] - first), top = first * Stride - border;
        lines.reach(top, top + (count - 1) * Stride + Kernel);
        for (int k = 0; k < Kernel; ++k) {
          const S* under[most];
          for (Index j = 0; j < count; ++j) under[j] = lines.slot(top + j * Stride + k);
          kernels::outer<Kernel * Inputs, Stride * Inputs, Outputs>(count, y_.space[0], under,
                                                                    w.sample(n).data() + first * y_.space[0] * Outputs,
                                                                    dweights + k * Kernel * Inputs * Outputs);
        }
      }
    }
  }

  void pull_weights_by_winograd(View<const S> w, S* dweights) const {
    Scratch scratch;
    S* transformed = scratch.take<S>(transformed_count);
    std::fill_n(transformed, transformed_count, S(0));
    for (Index n = 0; n < w.samples(); ++n) {
      detail::winograd_gradient<Inputs, Outputs>(border, y_.space[1], y_.space[0], line_of(n), w.sample(n).data(),
                                                 transformed);
    }
    kernels::winograd_weights_back<Inputs, Outputs>(transformed, dweights);
  }

  const S* weights_;
  View<const S> x_;
  Shape y_;
  const Prepared<S>* prepared_;
  Vector<S> turned_;  // unless it was prepared
};

}  // namespace basin
