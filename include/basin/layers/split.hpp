#pragma once

// Features First ... End - 1 of every cell: y(c) = x(First + c), of Inputs features. No parameters. J^T puts them back
// between zeros. With Concat (layers/parallel.hpp) it is how a network goes on with parts of a state.

#include "basin/core/layer.hpp"
#include "basin/layers/feature_slices.hpp"

namespace basin {

template <int Inputs, int First, int End>
struct Split {
  static_assert(0 <= First && First < End && End <= Inputs, "Split: expected 0 <= First < End <= Inputs");

  static constexpr int in_features = Inputs;
  static constexpr int out_features = End - First;
  static constexpr std::size_t param_count = 0;

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Split", x.features, Inputs);
    return x.with_features(out_features);
  }

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<Split, S>("Split", *this, x, y);
    detail::move_features<out_features, Inputs, out_features>(x.shape().cells(), x.data() + First, y.data());
  }

  template <class S>
  class Linearization {
   public:
    explicit Linearization(const Shape& x) : x_(x), y_(x.with_features(out_features)) {}

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("Split", x_, y_, t, out);
      Split{}.apply({}, t, out);
    }
    void vjp(View<const S> w, View<S> dx) const {
      check_vjp("Split", x_, y_, w, dx);
      dx.vector().setZero();
      detail::move_features<out_features, out_features, Inputs>(x_.cells(), w.data(), dx.data() + First);
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
      check_pullback("Split", x_, y_, w, dx);
      if (dx) vjp(w, dx);
    }

   private:
    Shape x_, y_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(x.shape());
  }
};

}  // namespace basin
