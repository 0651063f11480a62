#pragma once

// A cell that has one equilibrium for every theta and u, the monotone operator equilibrium, as one step of
// forward-backward splitting:
//
//   f(z, u) = relu(z + alpha (W z + u - z))        W = (1 - m) I - A^T A + B - B^T
//
// z = f(z, u) is z = relu(W z + u) for every alpha > 0. The symmetric part of I - W is m I + A^T A, so that z - W z is
// strongly monotone with constant m: the equilibrium exists and is unique, and Picard iteration of f converges to it
// from anywhere if
//
//   0 < alpha < 2 m / L^2        L >= |I - W|, the spectral norm
//
// at a rate of sqrt(1 - 2 alpha m + alpha^2 L^2), at best sqrt(1 - m^2 / L^2). E. Winston, J. Z. Kolter, "Monotone
// operator equilibrium networks", NeurIPS 2020 (arXiv 2006.08591), theorem 1, proposition 1 and algorithm 1. Where L is
// large beside m, deq/peaceman_rachford.hpp converges sooner, and says more: the residual of a step is alpha times that
// of z = relu(W z + u), and so small for small alpha that a tolerance says little. Anderson<> takes fewer steps,
// without the proof.
//
// MonotoneDense<Features> has matrices A and B, on every cell by itself; MonotoneConv<Features, Kernel, Edge> two
// convolutions of Kernel x Kernel, on planes of any size, periodic or with zeros beyond the edge
// (deq/monotone_weights.hpp). z and u are (Features, X, Y, Z, N), Z = 1 for convolutions. What is injected comes from
// the layer before, for the U x + b of the paper a Dense or Conv.

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/deq/monotone_weights.hpp"
#include "basin/kernels/elementwise.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/linear/norm_bound.hpp"

namespace basin {

template <int Features, int Kernel, Boundary Edge>
struct Monotone {
  static_assert(Features > 0, "Monotone: the number of features must be positive");
  static_assert(Kernel > 0 && Kernel % 2 == 1, "Monotone: the kernel must be odd, so that it has a centre cell");
  static_assert(std::is_same_v<Edge, Periodic> || std::is_same_v<Edge, Zero>,
                "Monotone: the boundary must be Periodic or Zero; with a mirrored one W would not be monotone");

  /// Makes W of A and B, and the gradients in A and B of the one in W (deq/monotone_weights.hpp).
  using Weights = detail::MonotoneWeights<Features, Kernel>;
  /// z -> W z, as a layer with the composed weights for its theta.
  using Linear = std::conditional_t<Kernel == 1, Dense<Features, Features, Bias::no>,
                                    Conv<Features, Features, Weights::wide, 1, Edge, Bias::no>>;

  static constexpr int state_features = Features, input_features = Features;
  static constexpr std::size_t param_count = 2 * static_cast<std::size_t>(Weights::count);
  static constexpr int features = Features;  ///< of z and of u
  static constexpr int kernel = Kernel;      ///< taps of A and of B along an axis; 1: matrices. W has 2 Kernel - 1
  /// Whether W wraps round at the edges, or works on every cell by itself: PeacemanRachford inverts no other.
  static constexpr bool periodic = Kernel == 1 || std::is_same_v<Edge, Periodic>;

  double m = 1;  ///< above 0: how strongly monotone, the least eigenvalue of the symmetric part of I - W
  /// Of the splitting. 0: m / L^2, with L a proved bound of |I - W| that is found once a theta (linear/norm_bound.hpp),
  /// so that Picard iteration converges whatever theta is. Nothing depends on it at the equilibrium, so that the
  /// gradient in theta takes it for constant. 1: the step of z = relu(W z + u) itself.
  double alpha = 0;

  static void leaves(LeafList& list) {
    const std::vector<Index> shape =
        Kernel == 1 ? std::vector<Index>{Features, Features} : std::vector<Index>{Features, Features, Kernel, Kernel};
    for (const char* const name : {"A", "B"}) {
      list.weight(name, shape, Features * Kernel * Kernel, Features * Kernel * Kernel);
    }
  }

  /// Throws std::invalid_argument if u has other features, or a third axis of space under a convolution.
  [[nodiscard]] Shape state_shape(const Shape& u) const {
    check_features("Monotone: injection", u.features, Features);
    return Linear{}.out_shape(u);
  }

  /// I - W in double, its taps column-major as those of a Conv. Throws std::invalid_argument if m is out of range.
  template <class S>
  [[nodiscard]] std::vector<double> one_minus_w(std::span<const S, param_count> theta) const {
    check(m > 0 && std::isfinite(m), "Monotone: m", m, "a finite number above 0");
    const std::vector<double> parameters(theta.begin(), theta.end());
    std::vector<double> taps(static_cast<std::size_t>(Weights::composed_count));
    Weights::compose(parameters.data(), parameters.data() + Weights::count, m, taps.data());
    for (double& tap : taps) tap = -tap;
    Weights::wide_tap(taps.data(), 0, 0).diagonal().array() += 1;
    return taps;
  }

  /// A proved bound of |I - W|: of convolutions for planes of any size, on large ones at most some 1.3 times as large.
  [[nodiscard]] static double lipschitz(std::span<const double> one_minus_w) {
    return convolution_norm_bound(one_minus_w, Features, Features, Weights::wide,
                                  {.squarings = 4, .points_per_degree = 8});
  }

  /// W, what the layer z -> W z prepares, and alpha. Linearizations refer to it: it does not move.
  template <class S>
  struct Made {
    Buffer<S> w;                           ///< W, its taps in the order of theta of `Linear`
    double alpha;                          ///< as given, or as chosen where the option is 0
    detail::PreparedOf<Linear, S> linear;  ///< what `Linear` prepares of W

    /// W, as theta of `Linear`. Refers to w.
    [[nodiscard]] std::span<const S, Linear::param_count> theta() const {
      return std::span<const S, Linear::param_count>(w.data(), Linear::param_count);
    }
  };
  template <class S>
  using Prepared = std::unique_ptr<const Made<S>>;

  /// Throws std::invalid_argument if m or alpha is out of range.
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    check(alpha >= 0 && std::isfinite(alpha), "Monotone: alpha", alpha, "a finite number above 0, or 0 to choose it");
    const std::vector<double> taps = one_minus_w<S>(theta);
    double step = alpha;
    if (step == 0) {
      const double bound = lipschitz(taps);
      step = m / (bound * bound);
    }
    Buffer<S> w = w_of<S>(taps);
    auto linear = Linear{}.prepare(std::span<const S, Linear::param_count>(w.data(), Linear::param_count));
    return std::make_unique<const Made<S>>(Made<S>{std::move(w), step, std::move(linear)});
  }

  /// W in S, from I - W.
  template <class S>
  [[nodiscard]] static Buffer<S> w_of(const std::vector<double>& one_minus_w) {
    Buffer<S> w(Weights::composed_count);
    for (Index i = 0; i < w.size(); ++i) w[i] = static_cast<S>(-one_minus_w[static_cast<std::size_t>(i)]);
    const auto middle = Eigen::Map<const Matrix<double>>(
        one_minus_w.data() + (Weights::composed_count - Weights::tap_size) / 2, Features, Features);
    for (int i = 0; i < Features; ++i) {
      Weights::wide_tap(w.data(), 0, 0)(i, i) = static_cast<S>(1 - middle(i, i));
    }
    return w;
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
             IfPrepared<Prepared<S>> prepared = {}) const {
    if (!prepared) {
      const Prepared<S> made = prepare<S>(theta);
      return apply<S>(theta, z, u, out, context, made);
    }
    check_shapes(z.shape(), u.shape(), out.shape());
    const Made<S>& made = **prepared;
    (void)detail::apply_with<Linear, S>(Linear{}, made.theta(), &made.linear, context, z, out);
    finish<S>(static_cast<S>(made.alpha), z, u, out);
  }

  /// J = D ((1 - alpha) I + alpha W), D = 1 where f > 0 and else 0. Refers to theta, z and what was prepared, or owns
  /// it.
  template <class S>
  class Linearization {
   public:
    Linearization(std::span<const S, param_count> theta, View<const S> z, View<const S> u, View<S> out,
                  const Context& context, const Prepared<S>* prepared, Prepared<S> owned)
        : theta_(theta),
          owned_(std::move(owned)),
          made_(prepared != nullptr ? prepared->get() : owned_.get()),
          step_(static_cast<S>(made_->alpha)),
          linear_(Linear{}.linearize(made_->theta(), z, out, context, made_->linear)),
          slopes_(out.size()) {
      finish<S>(step_, z, u, out);
      slopes_.vector() = (out.array() > S(0)).template cast<S>();
      shape_ = z.shape();
    }

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("Monotone", shape_, shape_, t, out);
      linear_.jvp(t, out);
      out.array() = slopes_.array() * (t.array() + step_ * (out.array() - t.array()));
    }
    void jvp_input(View<const S> t, View<S> out) const {
      check_jvp("Monotone", shape_, shape_, t, out);
      out.array() = step_ * slopes_.array() * t.array();
    }
    void vjp(View<const S> w, View<S> dz) const {
      check_vjp("Monotone", shape_, shape_, w, dz);
      Scratch scratch;
      const View<S> g = scratch.state<S>(shape_);
      g.array() = slopes_.array() * w.array();
      linear_.vjp(View<const S>(g), dz);
      dz.array() = g.array() + step_ * (dz.array() - g.array());
    }
    void vjp_input(View<const S> w, View<S> du) const { jvp_input(w, du); }  // a diagonal
    void pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      check_pullback("Monotone", shape_, shape_, w, dz);
      if (dz) vjp(w, dz);
      Scratch scratch;
      const View<S> g = scratch.state<S>(shape_);
      vjp_input(w, g);
      if (du) {
        check_shape("Monotone", "du", du.shape(), shape_);
        du.vector() = g.vector();
      }
      Buffer<S> dw(Weights::composed_count);
      dw.vector().setZero();
      linear_.pullback(View<const S>(g), View<S>{}, std::span<S, Linear::param_count>(dw.data(), Linear::param_count));
      Weights::pull_back(theta_.data(), static_cast<const S*>(dw.data()), dtheta.data(),
                         dtheta.data() + Weights::count);
    }

   private:
    std::span<const S, param_count> theta_;
    Prepared<S> owned_;  // unless it was prepared
    const Made<S>* made_;
    S step_;
    typename Linear::template Linearization<S> linear_;
    Buffer<S> slopes_;
    Shape shape_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z.shape(), u.shape(), out.shape());
    return Linearization<S>(theta, z, u, out, context, prepared.get(), prepared ? nullptr : prepare<S>(theta));
  }

 private:
  /// out = f(z, u) of out = W z.
  template <class S>
  static void finish(S step, View<const S> z, View<const S> u, View<S> out) {
    kernels::elementwise(
        out.size(), out.data(),
        [step](const auto& w_z, const auto& z_i, const auto& u_i) {
          return Relu{}.map(z_i + step * (w_z + u_i - z_i));
        },
        static_cast<const S*>(out.data()), z.data(), u.data());
  }

  void check_shapes(const Shape& z, const Shape& u, const Shape& out) const {
    const Shape state = state_shape(u);
    check_shape("Monotone", "z", z, state);
    check_shape("Monotone", "out", out, state);
  }
};

template <int Features>
using MonotoneDense = Monotone<Features, 1, Periodic>;

template <int Features, int Kernel = 3, Boundary Edge = Periodic>
using MonotoneConv = Monotone<Features, Kernel, Edge>;

}  // namespace basin
