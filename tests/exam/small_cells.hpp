#pragma once

// Cells of a line or two for the tests of adjoints: any map f(z, u, theta) on short vectors whose Jacobians are given.

#include <span>

#include "basin/core/layer.hpp"

namespace basin::test {

/// A cell on vectors of n numbers, with an injection of n numbers and p parameters, sample by sample, in any scalar.
/// Rule has, for vectors z, u and theta,
///   value(z, u, theta), by_z(z, u, theta), by_u(z, u, theta), by_theta(z, u, theta): f and its three Jacobians.
template <class Rule, int n, int p>
struct SmallCell {
  static constexpr int state_features = n, input_features = n;
  static constexpr std::size_t param_count = p;

  Rule rule{};

  static void leaves(LeafList& list) { list.bias("theta", p); }
  [[nodiscard]] Shape state_shape(const Shape& u) const { return u; }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    const Vector<S> parameters = Eigen::Map<const Vector<S>>(theta.data(), p);
    for (Index s = 0; s < z.samples(); ++s) {
      out.sample(s).vector() = rule.value(Vector<S>(z.sample(s).vector()), Vector<S>(u.sample(s).vector()), parameters);
    }
  }

  template <class S>
  struct Linearization {
    std::vector<Matrix<S>> by_z, by_u, by_theta;

    void jvp(View<const S> t, View<S> out) const { product(by_z, t, out); }
    void jvp_input(View<const S> t, View<S> out) const { product(by_u, t, out); }
    void vjp(View<const S> w, View<S> dz) const { transposed(by_z, w, dz); }
    void vjp_input(View<const S> w, View<S> du) const { transposed(by_u, w, du); }
    void pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      if (dz) transposed(by_z, w, dz);
      if (du) transposed(by_u, w, du);
      Eigen::Map<Vector<S>> sum(dtheta.data(), p);
      for (Index s = 0; s < w.samples(); ++s) {
        sum += by_theta[static_cast<std::size_t>(s)].transpose() * w.sample(s).vector();
      }
    }

   private:
    static void product(const std::vector<Matrix<S>>& j, View<const S> t, View<S> out) {
      for (Index s = 0; s < t.samples(); ++s) {
        out.sample(s).vector() = j[static_cast<std::size_t>(s)] * t.sample(s).vector();
      }
    }
    static void transposed(const std::vector<Matrix<S>>& j, View<const S> w, View<S> out) {
      for (Index s = 0; s < w.samples(); ++s) {
        out.sample(s).vector() = j[static_cast<std::size_t>(s)].transpose() * w.sample(s).vector();
      }
    }
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    apply(theta, z, u, out);
    Linearization<S> linear;
    const Vector<S> parameters = Eigen::Map<const Vector<S>>(theta.data(), p);
    for (Index s = 0; s < z.samples(); ++s) {
      const Vector<S> zs = z.sample(s).vector(), us = u.sample(s).vector();
      linear.by_z.push_back(rule.by_z(zs, us, parameters));
      linear.by_u.push_back(rule.by_u(zs, us, parameters));
      linear.by_theta.push_back(rule.by_theta(zs, us, parameters));
    }
    return linear;
  }
};

}  // namespace basin::test
