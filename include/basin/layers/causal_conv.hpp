#pragma once

// A causal convolution of each feature by itself, along X: what a cell gets depends on itself and on the cells before
// it, as in a text or a signal of which the rest is not known yet:
//
//   y(c, i) = sum_{k < Taps} W(c, k) x(c, i + k - (Taps - 1)),   x = 0 before the first cell.
//
// The last of the Taps weights of a feature is that of the cell itself. It is PyTorch's Conv1d(C, C, Taps, groups=C,
// bias=False) of an input with Taps - 1 zeros ahead of it. With attention it gives each character or word its next
// neighbours at a small cost (So et al. 2021, "Primer: searching for efficient transformers", after the projections to
// queries, keys and values).
//
// x and y are (C, X, 1, 1, N); theta is W, C numbers of each tap. There is no bias. A Dense after it mixes features.

#include <algorithm>
#include <cstddef>
#include <span>

#include "basin/core/layer.hpp"
#include "basin/kernels/depthwise.hpp"

namespace basin {

template <int C, int Taps>
struct CausalConv {
  static_assert(C > 0, "CausalConv: the number of features must be positive");
  static_assert(Taps > 0, "CausalConv: the number of taps must be positive");

  static constexpr int in_features = C, out_features = C;
  static constexpr std::size_t param_count = std::size_t{C} * Taps;

  static void leaves(LeafList& list) { list.weight("weight", {C, 1, Taps}, Taps, Taps); }

  /// Throws std::invalid_argument for other features, and for cells along Y or Z.
  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("CausalConv", x.features, C);
    check(x.space[1] == 1 && x.space[2] == 1, "CausalConv: cells beyond its axis", x, "(C, X, 1, 1, N)");
    return x;
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& = {}) const {
    check_output<CausalConv, S>("CausalConv", *this, x, y);
    sum<S>(theta.data(), x, y);
  }

  /// J and its transposes. Refers to theta and x.
  template <class S>
  class Linearization {
   public:
    Linearization(std::span<const S, param_count> theta, View<const S> x) : weights_(theta.data()), x_(x) {}

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("CausalConv", x_.shape(), x_.shape(), t, out);
      sum<S>(weights_, t, out);
    }
    void vjp(View<const S> w, View<S> dx) const {
      check_vjp("CausalConv", x_.shape(), x_.shape(), w, dx);
      transpose<S>(weights_, w, dx);
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
      check_pullback("CausalConv", x_.shape(), x_.shape(), w, dx);
      if (dx) transpose<S>(weights_, w, dx);
      add_gradient<S>(x_, w, dtheta.data());
    }

   private:
    const S* weights_;
    View<const S> x_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(theta, x);
  }

 private:
  static constexpr Index before = Taps - 1;  // cells that a cell looks back

  // Cells whose taps all lie in the line are the kernel's. Those at its edge, of which there are `before`, are summed
  // one tap after the other.

  template <class S>
  static void sum(const S* weights, View<const S> x, View<S> y) {
    const Index cells = x.shape().space[0], edge = std::min(before, cells);
    for (Index n = 0; n < x.samples(); ++n) {
      const S* in = x.sample(n).data();
      S* out = y.sample(n).data();
      for (Index i = 0; i < edge; ++i) {
        std::fill_n(out + i * C, C, S(0));
        for (Index j = 0; j <= i; ++j) add_tap(weights + (before + j - i) * C, in + j * C, out + i * C);
      }
      kernels::depthwise_gather<C, Taps, 1, 1>(cells - edge, 1, &in, weights, static_cast<const S*>(nullptr),
                                               out + edge * C);
    }
  }

  template <class S>
  static void transpose(const S* weights, View<const S> w, View<S> dx) {
    Scratch scratch;
    S* const turned = scratch.take<S>(static_cast<Index>(param_count));  // the taps from the last to the first
    for (Index k = 0; k < Taps; ++k) std::copy_n(weights + k * C, C, turned + (before - k) * C);
    const Index cells = w.shape().space[0], edge = std::min(before, cells);
    for (Index n = 0; n < w.samples(); ++n) {
      const S* in = w.sample(n).data();
      S* out = dx.sample(n).data();
      kernels::depthwise_gather<C, Taps, 1, 1>(cells - edge, 1, &in, turned, static_cast<const S*>(nullptr), out);
      for (Index i = cells - edge; i < cells; ++i) {
        std::fill_n(out + i * C, C, S(0));
        for (Index j = i; j < cells; ++j) add_tap(weights + (before + i - j) * C, in + j * C, out + i * C);
      }
    }
  }

  template <class S>
  static void add_gradient(View<const S> x, View<const S> w, S* dweights) {
    const Index cells = x.shape().space[0], edge = std::min(before, cells);
    for (Index n = 0; n < x.samples(); ++n) {
      const S *in = x.sample(n).data(), *of_out = w.sample(n).data();
      for (Index i = 0; i < edge; ++i) {
        for (Index j = 0; j <= i; ++j) add_tap(of_out + i * C, in + j * C, dweights + (before + j - i) * C);
      }
      kernels::depthwise_outer<C, 1, Taps, 1>(1, cells - edge, &in, of_out + edge * C, dweights);
    }
  }

  template <class S>
  static void add_tap(const S* a, const S* b, S* sum) {
    for (int c = 0; c < C; ++c) sum[c] += a[c] * b[c];
  }
};

}  // namespace basin
