#pragma once

// ReGLU: the first N features gated by the second (N. Shazeer, "GLU Variants Improve Transformer", 2020, equation 5,
// without its linear maps):
//
//   y(c) = x(c) max(0, x(N + c)),      c = 0 ... N - 1,      (2 N features -> N, no parameters).
//
// The slope of max(0, b) at b = 0 counts as 0.

#include "basin/layers/halves.hpp"

namespace basin {

template <int N>
struct Reglu : detail::Halves<Reglu<N>, N> {
  static constexpr const char* name = "Reglu";  ///< in messages

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<Reglu, S>(name, *this, x, y);
    for (Index cell = 0; cell < x.shape().cells(); ++cell) {
      const S* from = x.data() + cell * 2 * N;
      S* to = y.data() + cell * N;
      for (int c = 0; c < N; ++c) to[c] = from[c] * positive(from[N + c]);
    }
  }

  /// Refers to x.
  template <class S>
  class Linearization {
   public:
    explicit Linearization(View<const S> x) : x_(x) {}

    void jvp(View<const S> t, View<S> out) const {
      check_jvp(name, x_.shape(), x_.shape().with_features(N), t, out);
      for (Index cell = 0; cell < x_.shape().cells(); ++cell) {
        const S *x = x_.data() + cell * 2 * N, *dx = t.data() + cell * 2 * N;
        S* to = out.data() + cell * N;
        for (int c = 0; c < N; ++c) {
          const S gate = x[N + c], through = x[c] * dx[N + c];
          to[c] = dx[c] * positive(gate) + (gate > S(0) ? through : S(0));
        }
      }
    }

    void vjp(View<const S> w, View<S> dx) const {
      check_vjp(name, x_.shape(), x_.shape().with_features(N), w, dx);
      for (Index cell = 0; cell < x_.shape().cells(); ++cell) {
        const S *x = x_.data() + cell * 2 * N, *from = w.data() + cell * N;
        S* to = dx.data() + cell * 2 * N;
        for (int c = 0; c < N; ++c) {
          const S gate = x[N + c], through = from[c] * x[c];
          to[c] = from[c] * positive(gate);
          to[N + c] = gate > S(0) ? through : S(0);
        }
      }
    }

    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
      if (dx) vjp(w, dx);
    }

   private:
    View<const S> x_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(x);
  }

 private:
  /// max(0, b), and NaN for NaN. Of values: std::max chooses between addresses, a loop that g++ 12 -O1
  /// -ftree-vectorize leaves alone.
  template <class S>
  static S positive(S b) {
    return b < S(0) ? S(0) : b;
  }
};

}  // namespace basin
