#pragma once

// A cell that plain Picard iteration solves from any start, whatever theta and u are, because it is positive and
// concave:
//
//   f(z, u) = tanh(W max(z, 0) + p)        W_ij = softplus(theta_ij) > 0,    p = floor + softplus(u) > 0
//
// All values of f are positive, so that a step from anywhere leads to z > 0. f is increasing and concave there, and at
// least tanh(floor) > 0, which makes it a standard interference mapping; it is bounded by 1, so that it has a fixed
// point, which is the only one, and to which Picard iteration converges: M. Gabor, T. Piotrowski, R. L. G. Cavalcante,
// "Positive concave deep equilibrium models", ICML 2024 (arXiv 2402.04029; there weights are cut off at 0 after each
// step, here no theta gives others). They are the case of degree at most 1 of
// subhomogeneous operators: P. Sittoni, F. Tudisco, "Subhomogeneous deep equilibrium models", ICML 2024 (arXiv
// 2403.00720).
//
// How fast: by concavity f(0) <= f(z) - J z, so that at the fixed point J z <= z - f(0), and as J and z are positive
// the spectral radius of J is at most max_i (1 - f_i(0) / z_i) (Collatz 1942, Wielandt 1950), hence
//
//   rho(J)  <=  1 - tanh(floor)
//
// With the floor of 0.05 that is 0.95 at the worst. In floating point, a softplus far below 0 may round to 0: W >= 0 is
// enough for all of this.
//
// z and u are (Features, X, Y, Z, N); the cell works on every cell of a grid by itself. Behind it all numbers lie in
// (0, 1]: the layer that follows has to give signs.

#include <cmath>
#include <memory>

#include "basin/kernels/elementwise.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"

namespace basin {

template <int Features>
struct PositiveConcave {
  static_assert(Features > 0, "PositiveConcave: the number of features must be positive");
  static constexpr int state_features = Features, input_features = Features;
  static constexpr std::size_t param_count = std::size_t{Features} * Features;
  using Linear = Dense<Features, Features, Bias::no>;  ///< multiplies by W, which is its theta

  double floor = 0.05;  ///< above 0

  static void leaves(LeafList& list) { Linear::leaves(list); }

  [[nodiscard]] Shape state_shape(const Shape& u) const {
    check_features("PositiveConcave: injection", u.features, Features);
    return u;
  }

  /// W, and its transpose. Linearizations refer to it: it does not move.
  template <class S>
  struct Made {
    Buffer<S> w;       ///< W = softplus(theta), Features x Features, column-major
    Buffer<S> turned;  ///< W^T, likewise

    /// W, as theta of `Linear`. Refers to w.
    [[nodiscard]] std::span<const S, param_count> theta() const {
      return std::span<const S, param_count>(w.data(), param_count);
    }
  };
  template <class S>
  using Prepared = std::unique_ptr<const Made<S>>;

  /// Throws std::invalid_argument if floor is not positive and finite.
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    check(floor > 0 && std::isfinite(floor), "PositiveConcave: floor", floor, "a finite number above 0");
    Buffer<S> w(static_cast<Index>(param_count));
    kernels::elementwise(
        w.size(), w.data(), [](const auto& a) { return Softplus{}.map(a); }, theta.data());
    Buffer<S> turned = Linear{}.prepare(std::span<const S, param_count>(w.data(), param_count));
    return std::make_unique<const Made<S>>(Made<S>{std::move(w), std::move(turned)});
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
             IfPrepared<Prepared<S>> prepared = {}) const {
    if (!prepared) {
      const Prepared<S> made = prepare<S>(theta);
      return apply<S>(theta, z, u, out, context, made);
    }
    check_shapes(z.shape(), u.shape(), out.shape());
    Scratch scratch;
    const View<S> positive = scratch.state<S>(z.shape());
    cut<S>(z, positive);
    Linear{}.apply((*prepared)->theta(), positive, out, context);
    finish<S>(u, out);
  }

  /// J = D W, D = 1 - f^2, without the columns where z <= 0. Refers to theta, u and what was prepared, or owns it.
  template <class S>
  class Linearization {
   public:
    Linearization(const PositiveConcave& cell, std::span<const S, param_count> theta, View<const S> z, View<const S> u,
                  View<S> out, const Context& context, const Prepared<S>* prepared, Prepared<S> owned)
        : theta_(theta),
          u_(u),
          owned_(std::move(owned)),
          made_(prepared != nullptr ? prepared->get() : owned_.get()),
          positive_(z.size()),
          linear_(Linear{}.linearize(made_->theta(), cut<S>(z, View<S>(positive_.data(), z.shape())), out, context,
                                     made_->turned)),
          slopes_(out.size()) {
      cell.finish<S>(u, out);
      slopes_.vector() = S(1) - out.array().square();
    }

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("PositiveConcave", u_.shape(), u_.shape(), t, out);
      Scratch scratch;
      const View<S> kept = scratch.state<S>(t.shape());
      keep_positive(t, kept);
      linear_.jvp(View<const S>(kept), out);
      out.array() *= slopes_.array();
    }
    void jvp_input(View<const S> t, View<S> out) const {
      check_jvp("PositiveConcave", u_.shape(), u_.shape(), t, out);
      sigmoid(u_, out);
      out.array() *= slopes_.array() * t.array();
    }
    void vjp(View<const S> w, View<S> dz) const {
      check_vjp("PositiveConcave", u_.shape(), u_.shape(), w, dz);
      Scratch scratch;
      linear_.vjp(before_tanh(w, scratch), dz);
      keep_positive(dz, dz);
    }
    void vjp_input(View<const S> w, View<S> du) const { jvp_input(w, du); }  // a diagonal
    void pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      check_pullback("PositiveConcave", u_.shape(), u_.shape(), w, dz);
      if (du) vjp_input(w, du);
      Scratch scratch;
      Buffer<S> dw(static_cast<Index>(param_count));
      dw.vector().setZero();
      linear_.pullback(before_tanh(w, scratch), dz, std::span<S, param_count>(dw.data(), param_count));
      if (dz) keep_positive(dz, dz);
      const Shape weights{static_cast<Index>(param_count)};
      const View<S> slopes = scratch.state<S>(weights);
      sigmoid(View<const S>(theta_.data(), weights), slopes);
      Eigen::Map<Vector<S>>(dtheta.data(), dw.size()) += slopes.vector().cwiseProduct(dw.vector());
    }

   private:
    /// D w.
    [[nodiscard]] View<const S> before_tanh(View<const S> w, Scratch& scratch) const {
      const View<S> g = scratch.state<S>(w.shape());
      g.array() = slopes_.array() * w.array();
      return g;
    }

    /// Zeros where z <= 0. In and out may be the same.
    void keep_positive(View<const S> in, View<S> out) const {
      for (Index i = 0; i < in.size(); ++i) out.data()[i] = positive_[i] > S(0) ? in.data()[i] : S(0);
    }

    /// The derivative of softplus.
    static void sigmoid(View<const S> x, View<S> out) {
      kernels::elementwise(
          x.size(), out.data(), [](const auto& a) { return Sigmoid{}.map(a); }, x.data());
    }

    std::span<const S, param_count> theta_;
    View<const S> u_;
    Prepared<S> owned_;  // unless it was prepared
    const Made<S>* made_;
    Buffer<S> positive_;  // max(z, 0)
    typename Linear::template Linearization<S> linear_;
    Buffer<S> slopes_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z.shape(), u.shape(), out.shape());
    return Linearization<S>(*this, theta, z, u, out, context, prepared.get(), prepared ? nullptr : prepare<S>(theta));
  }

 private:
  /// out = max(z, 0), and out.
  template <class S>
  static View<const S> cut(View<const S> z, View<S> out) {
    kernels::elementwise(
        z.size(), out.data(), [](const auto& a) { return Relu{}.map(a); }, z.data());
    return out;
  }

  /// out = f(z, u) of out = W max(z, 0).
  template <class S>
  void finish(View<const S> u, View<S> out) const {
    const S least = static_cast<S>(floor);
    kernels::elementwise(
        out.size(), out.data(),
        [least](const auto& w_z, const auto& u_i) { return Tanh{}.map(w_z + (least + Softplus{}.map(u_i))); },
        static_cast<const S*>(out.data()), u.data());
  }

  void check_shapes(const Shape& z, const Shape& u, const Shape& out) const {
    const Shape state = state_shape(u);
    check_shape("PositiveConcave", "z", z, state);
    check_shape("PositiveConcave", "out", out, state);
  }
};

}  // namespace basin
