#pragma once

// SwiGLU: the first N features gated by the Silu of the second (N. Shazeer, "GLU Variants Improve Transformer", 2020,
// equation 6, without its linear maps, and with the halves as in Reglu):
//
//   y(c) = x(c) b s(b),   b = x(N + c),   s(b) = 1 / (1 + e^-b),   c = 0 ... N - 1      (2 N features -> N, no
//   parameters)
//
// A transformer's feed-forward part is Sequential<Dense<C, 2 * N>, SwiGlu<N>, Dense<N, C>>.

#include "basin/layers/activation.hpp"
#include "basin/layers/halves.hpp"

namespace basin {

template <int N>
struct SwiGlu : detail::Halves<SwiGlu<N>, N> {
  static constexpr const char* name = "SwiGlu";  ///< in messages

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<SwiGlu, S>(name, *this, x, y);
    for (Index cell = 0; cell < x.shape().cells(); ++cell) {
      const S* from = x.data() + cell * 2 * N;
      kernels::elementwise(
          N, y.data() + cell * N, [](const auto& a, const auto& b) { return a * SiluFunction{}.map(b); }, from,
          from + N);
    }
  }

  /// Owns both factors' derivatives: Silu(b), and x times its slope.
  template <class S>
  class Linearization {
   public:
    Linearization(View<const S> x) : x_(x.shape()), gate_(x.shape().cells() * N), through_(x.shape().cells() * N) {
      for (Index cell = 0; cell < x.shape().cells(); ++cell) {
        const S *from = x.data() + cell * 2 * N, *b = from + N;
        S *gate = gate_.data() + cell * N, *through = through_.data() + cell * N;
        kernels::elementwise(
            N, gate, [](const auto& at) { return SiluFunction{}.map(at); }, b);
        kernels::elementwise(
            N, through, [](const auto& a, const auto& at, const auto& y) { return a * SiluFunction{}.slope(at, y); },
            from, b, static_cast<const S*>(gate));
      }
    }

    void jvp(View<const S> t, View<S> out) const {
      check_jvp(name, x_, x_.with_features(N), t, out);
      for (Index cell = 0; cell < x_.cells(); ++cell) {
        const S *from = t.data() + cell * 2 * N, *gate = gate_.data() + cell * N, *through = through_.data() + cell * N;
        S* to = out.data() + cell * N;
        for (int c = 0; c < N; ++c) to[c] = gate[c] * from[c] + through[c] * from[N + c];
      }
    }

    void vjp(View<const S> w, View<S> dx) const {
      check_vjp(name, x_, x_.with_features(N), w, dx);
      for (Index cell = 0; cell < x_.cells(); ++cell) {
        const S *from = w.data() + cell * N, *gate = gate_.data() + cell * N, *through = through_.data() + cell * N;
        S* to = dx.data() + cell * 2 * N;
        for (int c = 0; c < N; ++c) {
          to[c] = gate[c] * from[c];
          to[N + c] = through[c] * from[c];
        }
      }
    }

    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
      if (dx) vjp(w, dx);
    }

   private:
    Shape x_;
    Buffer<S> gate_, through_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(x);
  }
};

}  // namespace basin
