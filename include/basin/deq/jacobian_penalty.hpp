#pragma once

// A penalty on the size of a cell's Jacobian at the equilibrium, which keeps it contracting while it is trained:
//
//   P = sum over samples of |J^T v|^2 / size        J = df/dz at z = f(z, u),  v normal,  size = numbers of a z
//
// S. Bai, V. Koltun, J. Z. Kolter, "Stabilizing equilibrium models by Jacobian regularization", ICML 2021 (arXiv
// 2106.14342). P is an unbiased estimate of |J|_F^2 / size (Hutchinson 1989), and |J|_F bounds the spectral
// radius. v is a function of (seed, context.draw, number of the sample, number within it).
//
// The gradient is that of P as a function of theta and of what is injected, exact: also through z, the equilibrium,
// where the paper holds z fixed. With q = J^T v, which counts as constant, P changes as (2 / size) <v, dJ q>, and
//
//   grad <v, J q>  =  d/de of what pullback(v) gives at (z + e q, u), in z, u and theta
//
// which no cell has to write: it is taken as a central difference in double, whatever the scalar of the model,
// (pullback at z + h q less pullback at z - h q) / 2 h. Measured: relative errors of 2e-10 to 3e-10 for a cell with
// Tanh, and for those with Relu the derivative where there is one. A kink between the two points would make a
// difference of the order of 1 / h, so h is shortened, sample by sample, until the one of an eighth of it gives the
// same; where none does, the second derivatives of that sample are left out and counted.
//
// Cost: P takes one linearization and a vjp in double; its gradient five linearizations or more, with as many vjp, and
// two pullbacks.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/deq/equilibrium.hpp"

namespace basin {

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp), one for each draw.
inline constexpr std::uint64_t penalty_streams = std::uint64_t{1} << 60;

/// P of a cell at z, sample by sample, and its gradient.
template <class C, class S>
class PenaltyAt {
  static constexpr std::size_t param_count = C::param_count;

 public:
  /// Copies everything, in double. Throws std::invalid_argument if z and u do not fit the cell.
  PenaltyAt(const C& cell, std::span<const S, param_count> theta, View<const S> z, View<const S> u,
            const Context& context, std::uint64_t seed)
      : cell_(cell),
        theta_(theta.begin(), theta.end()),
        z_(z.shape()),
        u_(u.shape()),
        v_(z.shape()),
        q_(z.shape()),
        context_(context),
        prepared_(prepared_of<C, double>(cell, theta_span())) {
    context_.log = nullptr;
    context_.overwritten = nullptr;
    z_.values = z.vector().template cast<double>();
    u_.values = u.vector().template cast<double>();
    const Index size = z.shape().sample_size();
    for (Index n = 0; n < z.samples(); ++n) {
      const Random random{fold_in(seed, static_cast<std::uint64_t>(context.sample(n))), context.draw ^ penalty_streams};
      for (Index i = 0; i < size; ++i) v_.values[n * size + i] = random.normal(static_cast<std::uint64_t>(i));
    }
    vjp_at(z_, v_, q_);
  }

  /// |J^T v|^2 / size of sample n.
  [[nodiscard]] double value(Index n) const {
    return q_.view().sample(n).vector().squaredNorm() / static_cast<double>(z_.shape.sample_size());
  }

  /// dz, du and dtheta += weight times the gradient of the sum over samples; dz and du may be not wanted. Returns for
  /// how many samples that was left out.
  Index add_gradient(double weight, View<S> dz, View<S> du, std::span<S, param_count> dtheta) const {
    const std::vector<double> steps = choose_steps();
    const Index size = z_.shape.sample_size();
    State<double> point(z_.shape), scaled(z_.shape), value(z_.shape), dz_here(z_.shape), du_here(u_.shape);
    std::vector<double> sum(param_count);
    Index left_out = 0;
    for (const double side : {1.0, -1.0}) {
      for (Index n = 0; n < z_.shape.samples; ++n) {
        const double h = steps[static_cast<std::size_t>(n)];
        move(n, side * h, point);
        if (h == 0) ++left_out;
        const double factor = h == 0 ? 0 : side * weight / (h * static_cast<double>(size));
        scaled.view().sample(n).vector() = factor * v_.view().sample(n).vector();
      }
      const auto linear =
          linearize_with<C, double>(cell_, theta_span(), &prepared_, context_, View<const double>(point.view()),
                                    View<const double>(u_.view()), value.view());
      static_cast<void>(linear.pullback(scaled.view(), dz_here.view(), du_here.view(),
                                        std::span<double, param_count>(sum.data(), param_count)));
      if (dz) dz.vector() += dz_here.values.template cast<S>();
      if (du) du.vector() += du_here.values.template cast<S>();
    }
    for (std::size_t i = 0; i < param_count; ++i) dtheta[i] += static_cast<S>(sum[i]);
    return left_out / 2;
  }

 private:
  [[nodiscard]] std::span<const double, param_count> theta_span() const {
    return std::span<const double, param_count>(theta_.data(), param_count);
  }

  /// out = J^T w at a point.
  void vjp_at(const State<double>& point, const State<double>& w, State<double>& out) const {
    State<double> value(z_.shape);
    const auto linear =
        linearize_with<C, double>(cell_, theta_span(), &prepared_, context_, point.view(), u_.view(), value.view());
    static_cast<void>(linear.vjp(w.view(), out.view()));
  }

  /// Sample n of the point is z + h q.
  void move(Index n, double h, State<double>& point) const {
    point.view().sample(n).vector() = z_.view().sample(n).vector() + h * q_.view().sample(n).vector();
  }

  /// h of each sample: the first of a falling sequence at which the difference in z is that of the one before; 0: none.
  [[nodiscard]] std::vector<double> choose_steps() const {
    constexpr int tries = 5;
    const Index samples = z_.shape.samples;
    std::vector<double> steps(static_cast<std::size_t>(samples)), chosen(steps.size());
    for (Index n = 0; n < samples; ++n) {
      const double length = q_.view().sample(n).vector().norm();
      steps[static_cast<std::size_t>(n)] = length > 0 ? 8e-5 * (1 + z_.view().sample(n).vector().norm()) / length : 0;
    }
    State<double> point(z_.shape), above(z_.shape), below(z_.shape), before(z_.shape);
    for (int k = 0; k < tries; ++k) {
      for (const double side : {1.0, -1.0}) {
        for (Index n = 0; n < samples; ++n) move(n, side * steps[static_cast<std::size_t>(n)], point);
        vjp_at(point, v_, side > 0 ? above : below);
      }
      bool all = true;
      for (Index n = 0; n < samples; ++n) {
        double& h = steps[static_cast<std::size_t>(n)];
        auto difference = above.view().sample(n).vector();
        difference = h == 0 ? Vector<double>::Zero(difference.size())
                            : Vector<double>((difference - below.view().sample(n).vector()) / (2 * h));
        const double rounding =
            h == 0 ? 0 : 1e3 * std::numeric_limits<double>::epsilon() * q_.view().sample(n).vector().norm() / h;
        const auto last = before.view().sample(n).vector();
        const bool same = (difference - last).norm() <= 1e-3 * difference.norm() + rounding;
        double& found = chosen[static_cast<std::size_t>(n)];
        if (k > 0 && found == 0 && same) found = h;
        all = all && (found > 0 || h == 0);
        before.view().sample(n).vector() = difference;
        h /= 8;
      }
      if (all) break;
    }
    return chosen;
  }

  const C& cell_;
  std::vector<double> theta_;
  State<double> z_, u_, v_, q_;
  Context context_;
  PreparedOf<C, double> prepared_;
};

}  // namespace detail

/// P of each sample of z, which should be an equilibrium of the cell for u, and, where wanted, its gradient for theta
/// and u as independent of z: dz, du and dtheta += weight times that of their sum. For the exact gradient dz has then
/// to go back through the equilibrium, as JacobianPenalty does. Throws std::invalid_argument if shapes do not fit, or
/// there is not one value a sample.
template <class C, class S>
void jacobian_penalty(const C& cell, Theta<S, C::param_count> theta, In<S> z, In<S> u, std::span<double> values,
                      double weight, Out<S> dz, Out<S> du, std::span<S, C::param_count> dtheta,
                      const Context& context = {}, std::uint64_t seed = 0) {
  check(static_cast<Index>(values.size()) == z.samples(), "number of values of jacobian_penalty", values.size(),
        z.samples());
  const detail::PenaltyAt<C, S> penalty(cell, theta, z, u, context, seed);
  for (Index n = 0; n < z.samples(); ++n) values[static_cast<std::size_t>(n)] = penalty.value(n);
  static_cast<void>(penalty.add_gradient(weight, dz, du, dtheta));
}

/// The same without a gradient.
template <class C, class S>
void jacobian_penalty(const C& cell, Theta<S, C::param_count> theta, In<S> z, In<S> u, std::span<double> values,
                      const Context& context = {}, std::uint64_t seed = 0) {
  check(static_cast<Index>(values.size()) == z.samples(), "number of values of jacobian_penalty", values.size(),
        z.samples());
  const detail::PenaltyAt<C, S> penalty(cell, theta, z, u, context, seed);
  for (Index n = 0; n < z.samples(); ++n) values[static_cast<std::size_t>(n)] = penalty.value(n);
}

/// An equilibrium whose gradient is that of the loss and of weight P together. It stands where the equilibrium does,
/// with the same theta:
///
///   Sequential<Conv<1, 16, 3>, JacobianPenalty<Equilibrium<Cell>>, ...>
///
/// apply, jvp and vjp are the equilibrium's own; pullback, which training calls, adds the penalty's part in u and
/// theta. The loss that value_and_gradient returns does not contain it: `values` takes P of each sample.
template <class E>
struct JacobianPenalty {
  using C = decltype(E::cell);
  static constexpr int in_features = E::in_features, out_features = E::out_features;
  static constexpr std::size_t param_count = E::param_count;

  E equilibrium{};
  /// Of P, summed over samples. Beside a loss that is a mean over a batch, a weight for that batch's size: 1 / batch is
  /// a penalty of the mean P. 0: nothing is computed.
  double weight = 0;
  std::uint64_t seed = 0;
  /// Takes P of each sample, a state of one number, by number of sample in the batch, whenever pullback makes it.
  Ends values{};

  static void leaves(LeafList& list) { E::leaves(list); }
  [[nodiscard]] Shape out_shape(const Shape& u) const { return equilibrium.out_shape(u); }

  template <class S>
  using Prepared = typename E::template Prepared<S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return equilibrium.template prepare<S>(theta);
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {}) const {
    return equilibrium.template apply<S>(theta, u, z, context);
  }
  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context,
               const Prepared<S>& prepared) const {
    return equilibrium.template apply<S>(theta, u, z, context, prepared);
  }

  template <class S>
  class Linearization {
    using Inner = typename E::template Linearization<S>;

   public:
    Linearization(const JacobianPenalty& model, std::span<const S, param_count> theta, View<const S> u, View<S> z,
                  const Context& context, Inner inner)
        : model_(model),
          theta_(theta),
          u_(u),
          z_(z),
          context_(with_own_samples(context, z.samples(), numbers_)),
          inner_(std::move(inner)) {}

    /// Moves, but does not copy: it refers to what it owns.
    Linearization(Linearization&&) = default;
    Linearization& operator=(Linearization&&) = default;

    [[nodiscard]] Report report() const { return inner_.report(); }
    Report jvp(View<const S> t, View<S> out) const { return inner_.jvp(t, out); }
    Report vjp(View<const S> w, View<S> du) const { return inner_.vjp(w, du); }

    Report pullback(View<const S> w, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      if (model_.weight == 0) return inner_.pullback(w, du, dtheta);
      check_vjp<S>("JacobianPenalty", u_.shape(), z_.shape(), w, du);
      Scratch scratch;
      const View<S> both = scratch.state<S>(z_.shape()), of_penalty = scratch.state<S>(u_.shape());
      std::vector<double> of_samples(static_cast<std::size_t>(z_.samples()));
      both.vector() = w.vector();
      of_penalty.vector().setZero();
      jacobian_penalty<C, S>(model_.equilibrium.cell, theta_, z_, u_, of_samples, model_.weight, both, of_penalty,
                             dtheta, context_, model_.seed);
      const Report report = inner_.pullback(View<const S>(both), du, dtheta);
      if (du) du.vector() += of_penalty.vector();
      for (Index n = 0; model_.values && n < z_.samples(); ++n) {
        const View<S> taken = model_.values.template at<S>(context_, n, Shape{1}, "JacobianPenalty: values");
        taken.data()[0] = static_cast<S>(of_samples[static_cast<std::size_t>(n)]);
      }
      return report;
    }

   private:
    JacobianPenalty model_;
    std::span<const S, param_count> theta_;
    View<const S> u_, z_;
    std::vector<Index> numbers_;  // what context_.samples points at, if at anything
    Context context_;
    Inner inner_;
  };

  /// Throws std::invalid_argument if weight is negative or not finite, and as the equilibrium does.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {}) const {
    check_weight();
    return Linearization<S>(*this, theta, u, z, context, equilibrium.template linearize<S>(theta, u, z, context));
  }

  /// Refers to what was prepared.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context,
                             const Prepared<S>& prepared) const {
    check_weight();
    return Linearization<S>(*this, theta, u, z, context,
                            equilibrium.template linearize<S>(theta, u, z, context, prepared));
  }

 private:
  void check_weight() const {
    check(weight >= 0 && std::isfinite(weight), "JacobianPenalty: weight", weight, "a finite number, 0 or more");
  }
};

}  // namespace basin
