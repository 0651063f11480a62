#pragma once

// A learned scale of each feature that never reaches a bound:
//
//   y_c = limit tanh(theta_c) x_c
//
// so that the diagonal it multiplies by has a norm, and a spectral radius, below `limit` for every theta (at most,
// where tanh rounds to 1). As the first layer of a cell it is a diagonal gate,
//
//   Injected<Sequential<BoundedDiagonal<C>, Tanh>>:   f(z, u) = tanh(a z + u),   |a_c| <= limit < 1
//
// a contraction in each number, with any activation that stretches nothing behind it: it settles from anywhere at the
// rate `limit` (Banach 1922). A recurrence whose matrix is diagonal: S. Li, W. Li, C. Cook, C. Zhu, Y. Gao,
// "Independently recurrent neural network (IndRNN)", CVPR 2018.
//
// x and y are (Features, X, Y, Z, N).

#include <cmath>

#include "basin/core/layer.hpp"

namespace basin {

template <int Features>
struct BoundedDiagonal {
  static_assert(Features > 0, "BoundedDiagonal: the number of features must be positive");
  static constexpr int in_features = Features, out_features = Features;
  static constexpr std::size_t param_count = Features;

  double limit = 0.99;  ///< above 0; below 1 for a contraction

  /// A weight: drawn at random, small at first.
  static void leaves(LeafList& list) { list.weight("diagonal", {Features}, 1, 1); }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("BoundedDiagonal", x.features, Features);
    return x;
  }

  /// Throws std::invalid_argument for shapes that do not fit, and a limit that is not positive and finite.
  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& = {}) const {
    check_output<BoundedDiagonal, S>("BoundedDiagonal", *this, x, y);
    check(limit > 0 && std::isfinite(limit), "BoundedDiagonal: limit", limit, "a finite number above 0");
    Scratch scratch;
    S* const factors = scratch.take<S>(Features);
    factors_of(theta.data(), factors);
    multiply(factors, x, y);
  }

  /// J, which is its own transpose. Refers to x; owns the factors.
  template <class S>
  class Linearization {
   public:
    Linearization(const BoundedDiagonal& layer, const S* theta, View<const S> x)
        : limit_(static_cast<S>(layer.limit)), x_(x), factors_(Features) {
      layer.factors_of(theta, factors_.data());
    }

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("BoundedDiagonal", x_.shape(), x_.shape(), t, out);
      multiply(factors_.data(), t, out);
    }
    void vjp(View<const S> w, View<S> dx) const {
      check_vjp("BoundedDiagonal", x_.shape(), x_.shape(), w, dx);
      multiply(factors_.data(), w, dx);
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
      check_pullback("BoundedDiagonal", x_.shape(), x_.shape(), w, dx);
      if (dx) vjp(w, dx);
      Scratch scratch;
      S* const sums = scratch.take<S>(Features);
      std::fill_n(sums, Features, S(0));
      for (Index cell = 0; cell < w.shape().cells(); ++cell) {
        for (int c = 0; c < Features; ++c) sums[c] += w.data()[cell * Features + c] * x_.data()[cell * Features + c];
      }
      for (int c = 0; c < Features; ++c) {
        const S tanh = factors_[c] / limit_;
        dtheta[static_cast<std::size_t>(c)] += sums[c] * limit_ * (1 - tanh * tanh);
      }
    }

   private:
    S limit_;
    View<const S> x_;
    Buffer<S> factors_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply<S>(theta, x, y, context);
    return Linearization<S>(*this, theta.data(), x);
  }

 private:
  template <class S>
  void factors_of(const S* theta, S* factors) const {
    for (int c = 0; c < Features; ++c) factors[c] = static_cast<S>(limit) * std::tanh(theta[c]);
  }

  template <class S>
  static void multiply(const S* factors, View<const S> in, View<S> out) {
    for (Index cell = 0; cell < in.shape().cells(); ++cell) {
      for (int c = 0; c < Features; ++c) {
        out.data()[cell * Features + c] = factors[c] * in.data()[cell * Features + c];
      }
    }
  }
};

}  // namespace basin
