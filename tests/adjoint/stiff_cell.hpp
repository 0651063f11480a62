#pragma once

// A cell whose adjoint equation needs a preconditioner, and has one.

#include <Eigen/Dense>
#include <cmath>

#include "basin/core/layer.hpp"

namespace basin::test {

/// f(z, u) = z - B z + tanh(z) / 2 + u with a triangular B whose diagonal goes from 1 to 1000, so that I - J is nearly
/// B. For u = 0 the equilibrium is 0, where I - J = B - I / 2.
template <bool with_preconditioner>
struct StiffCell {
  static constexpr int state_features = 40, input_features = 40;
  static constexpr std::size_t param_count = 0;

  static const Matrix<double>& b() {
    static const Matrix<double> matrix = [] {
      Matrix<double> m = Matrix<double>::Zero(40, 40);
      for (Index i = 0; i < 40; ++i) {
        m(i, i) = std::pow(10.0, 3.0 * static_cast<double>(i) / 39.0);
        for (Index j = i + 1; j < 40; ++j) m(i, j) = std::sin(static_cast<double>(3 * i + j));
      }
      return m;
    }();
    return matrix;
  }

  [[nodiscard]] Shape state_shape(const Shape& u) const { return u; }
  template <class S>
  void apply(Theta<S, 0>, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    for (Index n = 0; n < z.samples(); ++n) {
      const auto z_n = z.sample(n).vector();
      out.sample(n).vector() = z_n - b().template cast<S>() * z_n + u.sample(n).vector();
    }
    out.array() += z.array().tanh() / 2;
  }

  template <class S>
  struct Linearization {
    Vector<S> slope{};  // of tanh(z) / 2

    void jvp(View<const S> t, View<S> out) const { product(b().template cast<S>(), t, out); }
    void jvp_input(View<const S> t, View<S> out) const { out.vector() = t.vector(); }
    void vjp(View<const S> w, View<S> dz) const { product(b().transpose().template cast<S>(), w, dz); }
    void vjp_input(View<const S> w, View<S> du) const { du.vector() = w.vector(); }
    void pullback(View<const S> w, View<S> dz, View<S> du, std::span<S, 0>) const {
      if (dz) vjp(w, dz);
      if (du) vjp_input(w, du);
    }
    void precondition(View<const S> v, View<S> out) const requires with_preconditioner {
      const Matrix<S> m = b().template cast<S>();
      for (Index n = 0; n < v.samples(); ++n) {
        out.sample(n).vector() = m.template triangularView<Eigen::Upper>().solve(v.sample(n).vector());
      }
    }
    void precondition_transposed(View<const S> w, View<S> out) const requires with_preconditioner {
      const Matrix<S> m = b().transpose().template cast<S>();
      for (Index n = 0; n < w.samples(); ++n) {
        out.sample(n).vector() = m.template triangularView<Eigen::Lower>().solve(w.sample(n).vector());
      }
    }

   private:
    void product(const Matrix<S>& m, View<const S> v, View<S> out) const {
      for (Index n = 0; n < v.samples(); ++n) out.sample(n).vector() = v.sample(n).vector() - m * v.sample(n).vector();
      out.vector() += slope.cwiseProduct(v.vector());
    }
  };
  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> z, In<S> u, View<S> out, const Context& = {}) const {
    apply<S>(theta, z, u, out);
    Linearization<S> linear;
    linear.slope = (1 - z.array().tanh().square()) / 2;
    return linear;
  }
};

}  // namespace basin::test
