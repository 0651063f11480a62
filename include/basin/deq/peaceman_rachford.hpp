#pragma once

// Peaceman-Rachford splitting of a monotone cell (deq/monotone.hpp), itself a cell: a map of the splitting's own
// variable v,
//
//   T(v, u) = 2 V (|v| + alpha u) - |v|        V = (I + alpha (I - W))^-1,  prepared once a theta
//
// whose fixed point gives the equilibrium of z = relu(W z + u) as z = relu(v). So the whole is the layer
//
//   Sequential<Equilibrium<PeacemanRachford<MonotoneDense<87>>, Picard>, Relu>
//
// and statuses, starts, adjoints and everything else are those of any equilibrium. |v| = 2 relu(v) - v is the reflected
// resolvent of relu, 2 V (. + alpha u) - I that of z - W z - u. The first does not lengthen distances. The second makes
// them shorter: with p the difference of two points after V, x = p + alpha (I - W) p that before it,
//
//   |2 p - x|^2 = |x|^2 - 4 alpha <p, (I - W) p>  <=  (1 - 4 alpha m / (1 + alpha L)^2) |x|^2        L = |I - W|
//
// So T is a contraction for every alpha > 0 and every theta, and Picard iteration of it converges from anywhere.
// E. Winston, J. Z. Kolter 2020, arXiv 2006.08591, algorithm 2; D. W. Peaceman, H. H. Rachford 1955, J. SIAM 3(1).
//
// An evaluation costs one product with V, as one of the cell costs one with W; what prepares V costs a factorization.
// With D = sign(v) (-1 at 0), dT/dv = (2 V - I) D and its transpose D (2 V^T - I), which is as short: the adjoint
// equation, too, is solved by Picard iteration, Implicit<Picard>, for every theta. The gradient in theta needs no
// further solve: with y = V s, dy = alpha V dW y.
//
// PeacemanRachford<Cell> for cells on every cell of a grid by itself (MonotoneDense);
// PeacemanRachford<Cell, Width, Height> for periodic convolutions on planes of that size (deq/resolvent.hpp).

#include <cmath>
#include <memory>
#include <type_traits>
#include <utility>

#include "basin/deq/monotone.hpp"
#include "basin/deq/resolvent.hpp"

namespace basin {

template <class C, int... Plane>
struct PeacemanRachford {
  static_assert(C::periodic,
                "PeacemanRachford: there is no fast resolvent with zeros beyond the edge: take the cell "
                "itself, which is forward-backward splitting");
  static_assert(sizeof...(Plane) == (C::kernel == 1 ? 0 : 2),
                "PeacemanRachford: a convolution's resolvent is of one plane: write PeacemanRachford<Cell, Width, "
                "Height>; a dense one's is of any: PeacemanRachford<Cell>");

  static constexpr int features = C::features;  ///< of v and of u
  static constexpr int state_features = features, input_features = features;
  static constexpr std::size_t param_count = C::param_count;
  using Linear = typename C::Linear;  ///< z -> W z, as a layer with W for its theta
  /// A convolution's resolvent is megabytes, which samples share (deq/equilibrium.hpp): fewer than so many samples are
  /// one tile, on one thread.
  static constexpr Index samples_together = sizeof...(Plane) == 0 ? 1 : 8;

  C cell{};  ///< its m counts; its alpha, that of forward-backward splitting, does not
  /// Of this splitting. 0: 1 / sqrt(m L), with L a bound of |I - W| found once a theta: the best for a symmetric W.
  /// relu(v) does not depend on it at the fixed point, so that the gradient in theta takes it for constant.
  double alpha = 0;

  static void leaves(LeafList& list) { C::leaves(list); }

  /// Throws std::invalid_argument if u has other features, or another plane.
  [[nodiscard]] Shape state_shape(const Shape& u) const {
    if constexpr (sizeof...(Plane) == 2) {
      constexpr std::array<Index, 2> plane{Plane...};
      const bool fits = u.space == std::array<Index, 3>{plane[0], plane[1], 1};
      if (!fits) {  // before the message takes memory: this is on hot paths
        check(fits, "PeacemanRachford: shape of an injection", u.to_string(),
              "a plane of " + std::to_string(plane[0]) + " x " + std::to_string(plane[1]));
      }
    }
    return cell.state_shape(u);
  }

  /// The resolvent of a convolution on these extents.
  template <class S, int... extents>
  struct ResolventOf {
    using type = PeriodicResolvent<S, features, extents...>;
  };
  /// The resolvent of a dense layer.
  template <class S>
  struct ResolventOf<S> {
    using type = DenseResolvent<S, features>;
  };
  /// What computes V s.
  template <class S>
  using Resolvent = typename ResolventOf<S, Plane...>::type;

  /// The resolvent, and W for the gradient in theta. Linearizations refer to it: it does not move.
  template <class S>
  struct Made {
    double alpha;            ///< as given, or as chosen where the option is 0
    Buffer<S> w;             ///< W, its taps in the order of theta of `Linear`
    Resolvent<S> resolvent;  ///< V, for this alpha
  };
  template <class S>
  using Prepared = std::unique_ptr<const Made<S>>;

  /// Throws std::invalid_argument if m or alpha is out of range.
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    check(alpha >= 0 && std::isfinite(alpha), "PeacemanRachford: alpha", alpha,
          "a finite number above 0, or 0 to choose it");
    const std::vector<double> taps = cell.template one_minus_w<S>(theta);
    const double step = alpha > 0 ? alpha : 1 / std::sqrt(cell.m * C::lipschitz(taps));
    const auto resolvent = [&] {
      if constexpr (sizeof...(Plane) == 2) {
        return Resolvent<S>(taps, C::Weights::wide, step);
      } else {
        return Resolvent<S>(taps, step);
      }
    };
    return std::unique_ptr<const Made<S>>(new Made<S>{step, C::template w_of<S>(taps), resolvent()});
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> v, In<S> u, View<S> out, const Context& context = {},
             IfPrepared<Prepared<S>> prepared = {}) const {
    if (!prepared) {
      const Prepared<S> made = prepare<S>(theta);
      return apply<S>(theta, v, u, out, context, made);
    }
    check_shapes(v.shape(), u.shape(), out.shape());
    Scratch scratch;
    const View<S> y = scratch.state<S>(out.shape());
    evaluate<S>(**prepared, v, u, y, out);
  }

  template <class S>
  class Linearization {
   public:
    Linearization(std::span<const S, param_count> theta, View<const S> v, View<const S> u, View<S> out,
                  const Prepared<S>* prepared, Prepared<S> owned)
        : theta_(theta),
          owned_(std::move(owned)),
          made_(prepared != nullptr ? prepared->get() : owned_.get()),
          step_(static_cast<S>(made_->alpha)),
          shape_(v.shape()),
          y_(v.size()),
          signs_(v.size()) {
      evaluate<S>(*made_, v, u, View<S>(y_.data(), shape_), out);
      signs_.vector() = v.vector().unaryExpr([](S a) { return a > S(0) ? S(1) : S(-1); });
    }

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("PeacemanRachford", shape_, shape_, t, out);
      Scratch scratch;
      const View<S> turned = scratch.state<S>(shape_);
      turned.array() = signs_.array() * t.array();
      made_->resolvent.apply(turned, out);
      out.vector() = S(2) * out.vector() - turned.vector();
    }
    void jvp_input(View<const S> t, View<S> out) const {
      check_jvp("PeacemanRachford", shape_, shape_, t, out);
      made_->resolvent.apply(t, out);
      out.vector() *= S(2) * step_;
    }
    void vjp(View<const S> w, View<S> dv) const {
      check_vjp("PeacemanRachford", shape_, shape_, w, dv);
      made_->resolvent.apply_transposed(w, dv);
      dv.array() = signs_.array() * (S(2) * dv.array() - w.array());
    }
    void vjp_input(View<const S> w, View<S> du) const {
      check_vjp("PeacemanRachford", shape_, shape_, w, du);
      made_->resolvent.apply_transposed(w, du);
      du.vector() *= S(2) * step_;
    }
    void pullback(View<const S> w, View<S> dv, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      check_pullback("PeacemanRachford", shape_, shape_, w, dv);
      Scratch scratch;
      const View<S> g = scratch.state<S>(shape_);  // 2 alpha V^T w
      vjp_input(w, g);
      if (dv) dv.array() = signs_.array() * (g.array() / step_ - w.array());
      if (du) {
        check_shape("PeacemanRachford", "du", du.shape(), shape_);
        du.vector() = g.vector();
      }
      Buffer<S> dw(C::Weights::composed_count);
      dw.vector().setZero();
      weight_gradient(View<const S>(y_.data(), shape_), View<const S>(g),
                      std::span<S, Linear::param_count>(dw.data(), Linear::param_count));
      C::Weights::pull_back(theta_.data(), static_cast<const S*>(dw.data()), dtheta.data(),
                            dtheta.data() + C::Weights::count);
    }

   private:
    /// dw += (d(W y)/dW)^T g. The linearization is made by itself, as W y is not wanted.
    void weight_gradient(View<const S> y, View<const S> g, std::span<S, Linear::param_count> dw) const {
      using Of = typename Linear::template Linearization<S>;
      if constexpr (C::kernel == 1) {
        Of(made_->w.data(), y, nullptr).pullback(g, View<S>{}, dw);
      } else {
        Of(made_->w.data(), y, shape_, nullptr).pullback(g, View<S>{}, dw);
      }
    }

    std::span<const S, param_count> theta_;
    Prepared<S> owned_;  // unless it was prepared
    const Made<S>* made_;
    S step_;
    Shape shape_;
    Buffer<S> y_, signs_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> v, In<S> u, View<S> out, const Context& = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(v.shape(), u.shape(), out.shape());
    return Linearization<S>(theta, v, u, out, prepared.get(), prepared ? nullptr : prepare<S>(theta));
  }

 private:
  /// y = V (|v| + alpha u), out = T(v, u).
  template <class S>
  static void evaluate(const Made<S>& made, View<const S> v, View<const S> u, View<S> y, View<S> out) {
    const S step = static_cast<S>(made.alpha);
    kernels::elementwise(
        out.size(), out.data(), [step](const auto& v_i, const auto& u_i) { return v_i.abs() + step * u_i; }, v.data(),
        u.data());
    made.resolvent.apply(View<const S>(out), y);
    kernels::elementwise(
        out.size(), out.data(), [](const auto& y_i, const auto& v_i) { return S(2) * y_i - v_i.abs(); },
        static_cast<const S*>(y.data()), v.data());
  }

  void check_shapes(const Shape& v, const Shape& u, const Shape& out) const {
    const Shape state = state_shape(u);
    check_shape("PeacemanRachford", "v", v, state);
    check_shape("PeacemanRachford", "out", out, state);
  }
};

}  // namespace basin
