#pragma once

// Maps of single numbers with known attractors, as cells.

#include <span>

#include "basin/core/layer.hpp"

namespace basin::test {

/// Every number by itself, on any grid: Map has value(z, u) and slope(z, u).
template <class Map>
struct EachNumber {
  static constexpr int state_features = 1, input_features = 1;
  static constexpr std::size_t param_count = 0;
  Map map{};

  [[nodiscard]] Shape state_shape(const Shape& u) const { return u; }

  template <class S>
  void apply(Theta<S, 0>, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    for (Index i = 0; i < z.size(); ++i) out.data()[i] = static_cast<S>(map.value(z.data()[i], u.data()[i]));
  }

  template <class S>
  struct Linearization {
    Vector<S> slopes;
    void jvp(View<const S> t, View<S> out) const { out.vector() = slopes.cwiseProduct(t.vector()); }
    void vjp(View<const S> w, View<S> dz) const { jvp(w, dz); }
  };
  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    apply(theta, z, u, out);
    Linearization<S> linear{Vector<S>(z.size())};
    for (Index i = 0; i < z.size(); ++i) {
      linear.slopes[i] = static_cast<S>(map.slope(z.data()[i], u.data()[i]));
    }
    return linear;
  }
};

struct Logistic {  // u is its parameter
  double value(double z, double u) const { return u * z * (1 - z); }
  double slope(double z, double u) const { return u * (1 - 2 * z); }
};
struct ShiftedLogistic {  // the same, where 0 stands for 0.5
  double value(double z, double u) const { return Logistic{}.value(z + 0.5, u) - 0.5; }
  double slope(double z, double u) const { return Logistic{}.slope(z + 0.5, u); }
};
struct Contraction {
  double value(double z, double u) const { return 0.5 * z + u; }
  double slope(double, double) const { return 0.5; }
};
/// Rests at -1, 0 and 1; all but 0 is drawn to -1 or 1.
struct TwoWells {
  double value(double z, double) const { return z + 0.4 * z * (1 - z * z); }
  double slope(double z, double) const { return 1.4 - 1.2 * z * z; }
};
struct Explosion {
  double value(double z, double) const { return 1 + z * z; }
  double slope(double z, double) const { return 2 * z; }
};

inline constexpr std::span<const double, 0> no_theta{};

inline State<double> filled(const Shape& shape, double value) {
  State<double> state(shape);
  state.values.setConstant(value);
  return state;
}

}  // namespace basin::test
