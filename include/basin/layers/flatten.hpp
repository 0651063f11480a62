#pragma once

// A sample's cells become one cell: (C, X, Y, Z, N) to (C X Y Z, 1, 1, 1, N). The memory order stays, so feature
// c + C (i + X (j + Y k)) is feature c of cell (i, j, k). J is the identity. (PyTorch counts i + X (j + Y (k + Z c));
// leaves say so to files in its layout.)

#include "basin/core/layer.hpp"

namespace basin {

template <int C, int X, int Y = 1, int Z = 1>
struct Flatten {
  static_assert(C > 0 && X > 0 && Y > 0 && Z > 0, "Flatten: the extents must be positive");

  static constexpr int in_features = C;
  static constexpr int out_features = C * X * Y * Z;
  static constexpr std::size_t param_count = 0;

  /// None; but those of the next layer are for features in this order.
  static void leaves(LeafList& list) { list.flattened({C, X, Y, Z}); }

  /// Throws std::invalid_argument if a sample is not (C, X, Y, Z).
  [[nodiscard]] Shape out_shape(const Shape& x) const {
    const Shape expected{C, {X, Y, Z}, x.samples};
    check(x == expected, "Flatten: shape", x, expected);
    return {out_features, {1, 1, 1}, x.samples};
  }

  template <class S>
  class Linearization {
   public:
    explicit Linearization(const Shape& x) : x_(x), y_(Flatten{}.out_shape(x)) {}

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("Flatten", x_, y_, t, out);
      out.vector() = t.vector();
    }
    void vjp(View<const S> w, View<S> dx) const {
      check_vjp("Flatten", x_, y_, w, dx);
      dx.vector() = w.vector();
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
      check_pullback("Flatten", x_, y_, w, dx);
      if (dx) vjp(w, dx);
    }

   private:
    Shape x_, y_;
  };

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<Flatten, S>("Flatten", *this, x, y);
    y.vector() = x.vector();
  }

  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(x.shape());
  }
};

}  // namespace basin
