#pragma once

// A penalty on the size of a cell's Jacobian at the equilibrium, which keeps it contracting while it is trained:
//
//   P = sum over samples of |J^T v|^2 / size        J = df/dz at z = f(z, u),  v normal,  size = numbers of a z
//
// S. Bai, V. Koltun, J. Z. Kolter, "Stabilizing equilibrium models by Jacobian regularization", ICML 2021 (arXiv
// 2106.14342). P is an unbiased estimate of |J|_F^2 / size (Hutchinson 1989), and |J|_F bounds the spectral radius.
// v is a function of (seed, context.draw, number of the sample, number within it).
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
// same; where none does, the second derivatives of that sample are left out.
//
// Cost: P takes a linearization and a vjp in double; its gradient four of both besides, or more next to kinks, and two
// linearizations and pullbacks.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/random.hpp"

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

  /// |J^T v|^2 / size of each sample. Throws std::invalid_argument if there is not one value a sample.
  void values(std::span<double> of) const {
    check(static_cast<Index>(of.size()) == z_.shape.samples, "number of values of jacobian_penalty", of.size(),
          z_.shape.samples);
    for (Index n = 0; n < z_.shape.samples; ++n) {
      const double squares = q_.view().sample(n).vector().squaredNorm();
      of[static_cast<std::size_t>(n)] = squares / static_cast<double>(z_.shape.sample_size());
    }
  }

  /// dz, du and dtheta += weight times the gradient of the sum over samples; dz and du may be not wanted.
  void add_gradient(double weight, View<S> dz, View<S> du, std::span<S, param_count> dtheta) const {
    const std::vector<double> steps = choose_steps();
    State<double> point(z_.shape), scaled(z_.shape), value(z_.shape), dz_side(z_.shape), du_side(u_.shape);
    State<double> dz_sum(z_.shape), du_sum(u_.shape);
    std::vector<double> sum(param_count);
    for (const double side : {1.0, -1.0}) {
      for (Index n = 0; n < z_.shape.samples; ++n) {
        const double h = steps[static_cast<std::size_t>(n)];
        const double factor = h == 0 ? 0 : side * weight / (h * static_cast<double>(z_.shape.sample_size()));
        move(n, side * h, point);
        scaled.view().sample(n).vector() = factor * v_.view().sample(n).vector();
      }
      const auto linear = linearize_at(point, value);
      static_cast<void>(linear.pullback(scaled.view(), dz_side.view(), du_side.view(),
                                        std::span<double, param_count>(sum.data(), param_count)));
      dz_sum.values += dz_side.values;
      du_sum.values += du_side.values;
    }
    // Rounded to S only here: the two sides nearly cancel.
    if (dz) dz.vector() += dz_sum.values.template cast<S>();
    if (du) du.vector() += du_sum.values.template cast<S>();
    for (std::size_t i = 0; i < param_count; ++i) dtheta[i] += static_cast<S>(sum[i]);
  }

 private:
  [[nodiscard]] std::span<const double, param_count> theta_span() const {
    return std::span<const double, param_count>(theta_.data(), param_count);
  }

  [[nodiscard]] auto linearize_at(const State<double>& point, State<double>& value) const {
    return linearize_with<C, double>(cell_, theta_span(), &prepared_, context_, point.view(), u_.view(), value.view());
  }

  /// out = J^T w at a point.
  void vjp_at(const State<double>& point, const State<double>& w, State<double>& out) const {
    State<double> value(z_.shape);
    static_cast<void>(linearize_at(point, value).vjp(w.view(), out.view()));
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
  const detail::PenaltyAt<C, S> penalty(cell, theta, z, u, context, seed);
  penalty.values(values);
  static_cast<void>(penalty.add_gradient(weight, dz, du, dtheta));
}

/// The same without a gradient.
template <class C, class S>
void jacobian_penalty(const C& cell, Theta<S, C::param_count> theta, In<S> z, In<S> u, std::span<double> values,
                      const Context& context = {}, std::uint64_t seed = 0) {
  detail::PenaltyAt<C, S>(cell, theta, z, u, context, seed).values(values);
}

}  // namespace basin
