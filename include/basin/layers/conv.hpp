#pragma once

// Convolution over two axes of space (cross-correlation, as the field calls it):
//
//   y(o, i, j, n) = b(o) + sum_{c, k, l} W(o, c, k, l) x(c, s i + k - r, s j + l - r, n),   r = (K - 1) / 2,
//
// with Inputs and Outputs features, an odd kernel K, a stride s, and a boundary that says what stands beyond the
// edge. x is (Inputs, X, Y, 1, N), y is (Outputs, ceil(X / s), ceil(Y / s), 1, N).
//
// No image is unfolded: a sample gets a border, and each line of output cells is one product over the bordered lines
// under the kernel (kernels/product.hpp). The gradient in x is the same product with the kernel turned round, over the
// gradient in y spread out by the stride; the gradient in W sums outer products.

#include "basin/core/layer.hpp"
#include "basin/kernels/product.hpp"
#include "basin/layers/bias.hpp"
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
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y) const {
    apply_then(theta, x, y, [](S*, Index, Index) {});
  }

  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Then& then) const {
    correlate(theta.data(), WithBias == Bias::yes ? theta.data() + weight_count : nullptr, x, y, then);
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y) const {
    apply(theta, x, y);
    return Linearization<S>(theta.data(), x, y.shape());
  }

 private:
  /// y = the sum above; `then` gets each finished line.
  template <class S, class Then>
  static void correlate(const S* weights, const S* bias, View<const S> x, View<S> y, const Then& then) {
    const Index width = x.shape().space[0], height = x.shape().space[1];
    const Index out_width = y.shape().space[0], out_height = y.shape().space[1];
    const Index line = Inputs * (width + 2 * border), out_line = Outputs * out_width;
    Scratch scratch;
    S* bordered = scratch.take<S>(line * (height + 2 * border));
    for (Index n = 0; n < x.samples(); ++n) {
      add_border<Edge>(x.sample(n).data(), Inputs, width, height, border, bordered);
      S* out = y.sample(n).data();
      for (Index j = 0; j < out_height; ++j, out += out_line) {
        kernels::gather<Kernel * Inputs, Stride * Inputs, Outputs>(out_width, Kernel, bordered + j * Stride * line,
                                                                   line, weights, bias, out);
        then(out, out - y.data(), out_line);
      }
    }
  }
};

/// J and its transposes. Refers to theta and x; owns the weights turned round.
template <int Inputs, int Outputs, int Kernel, int Stride, Boundary Edge, Bias WithBias>
template <class S>
class Conv<Inputs, Outputs, Kernel, Stride, Edge, WithBias>::Linearization {
 public:
  Linearization(const S* theta, View<const S> x, const Shape& y)
      : weights_(theta), x_(x), y_(y), turned_(static_cast<Index>(weight_count)) {
    for (int tap = 0; tap < Kernel * Kernel; ++tap) {
      const S* from = weights_ + tap * Inputs * Outputs;
      S* to = turned_.data() + (Kernel * Kernel - 1 - tap) * Inputs * Outputs;
      for (int c = 0; c < Inputs; ++c) {
        for (int o = 0; o < Outputs; ++o) to[o * Inputs + c] = from[c * Outputs + o];
      }
    }
  }

  void jvp(View<const S> t, View<S> out) const {
    correlate<S>(weights_, nullptr, t, out, [](S*, Index, Index) {});
  }

  void vjp(View<const S> w, View<S> dx) const {
    const Index width = x_.shape().space[0], height = x_.shape().space[1];
    // The gradient in y, spread out by the stride, with Kernel - 1 zeros around it: bordered cell p of x, counted from
    // -border, is reached from spread cells p ... p + Kernel - 1.
    const Index spread_width = width + 2 * border + Kernel - 1, spread_height = height + 2 * border + Kernel - 1;
    const Index line = Outputs * spread_width;
    // Zeros beyond the edge take no gradient, so then only the cells of x itself are computed.
    constexpr bool zero_edge = std::is_same_v<Edge, Zero>;
    const Index skip = zero_edge ? border : 0;
    const Index full_width = width + 2 * (border - skip), full_height = height + 2 * (border - skip);
    Scratch scratch;
    S* spread = scratch.take<S>(line * spread_height);
    S* full = zero_edge ? nullptr : scratch.take<S>(Inputs * full_width * full_height);
    std::fill_n(spread, line * spread_height, S(0));
    for (Index n = 0; n < w.samples(); ++n) {
      const S* from = w.sample(n).data();
      for (Index j = 0; j < y_.space[1]; ++j) {
        S* to = spread + (j * Stride + Kernel - 1) * line + (Kernel - 1) * Outputs;
        if constexpr (Stride == 1) {
          std::copy_n(from, Outputs * y_.space[0], to);
          from += Outputs * y_.space[0];
        } else {
          for (Index i = 0; i < y_.space[0]; ++i, from += Outputs, to += Stride * Outputs)
            std::copy_n(from, Outputs, to);
        }
      }
      S* out = zero_edge ? dx.sample(n).data() : full;
      for (Index j = 0; j < full_height; ++j) {
        kernels::gather<Kernel * Outputs, Outputs, Inputs>(
            full_width, Kernel, spread + (j + skip) * line + skip * Outputs, line, turned_.data(),
            static_cast<const S*>(nullptr), out + j * Inputs * full_width);
      }
      if constexpr (!zero_edge) fold_border<Edge>(full, Inputs, width, height, border, dx.sample(n).data());
    }
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    if (dx) vjp(w, dx);
    const Index width = x_.shape().space[0], height = x_.shape().space[1], line = Inputs * (width + 2 * border);
    Scratch scratch;
    S* bordered = scratch.take<S>(line * (height + 2 * border));
    for (Index n = 0; n < w.samples(); ++n) {
      add_border<Edge>(x_.sample(n).data(), Inputs, width, height, border, bordered);
      for (int k = 0; k < Kernel; ++k) {
        kernels::outer<Kernel * Inputs, Stride * Inputs, Outputs>(y_.space[1], y_.space[0], bordered + k * line,
                                                                  Stride * line, w.sample(n).data(),
                                                                  dtheta.data() + k * Kernel * Inputs * Outputs);
      }
    }
    if constexpr (WithBias == Bias::yes) {
      kernels::add_columns<Outputs>(w.shape().cells(), w.data(), dtheta.data() + weight_count);
    }
  }

 private:
  const S* weights_;
  View<const S> x_;
  Shape y_;
  Vector<S> turned_;  // [K - 1 - l][K - 1 - k][o][c]
};

}  // namespace basin
