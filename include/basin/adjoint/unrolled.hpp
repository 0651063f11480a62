#pragma once

// The gradient through the iteration itself: z_{k+1} = z_k + beta (f(z_k, u) - z_k), differentiated step by step back
// to the start, which is a constant,
//
//   w_k = (1 - beta) w_{k+1} + beta J_k^T w_{k+1},    du += beta (df/du)_k^T w_{k+1},    dtheta likewise.
//
// It is the exact gradient of what Picard iteration computed, and the reference that the implicit gradient is compared
// with. Its memory grows with the number of steps: the states are kept, and each step is linearized again on the way
// back. Differentiates Picard only, because the steps of accelerated methods depend on all that came before.
//
// What reaches the start, w_0, is dropped with it. After a solve that has converged that must be little, |w_0| <=
// tolerance |w_T| with the tolerance of the solve, or the gradient is not that of the equilibrium: a start that is the
// equilibrium already takes no step at all, and a good one few. Then the iteration is taken to have been there before:
// the same steps go on at the equilibrium z_T, with its Jacobian, until w_0 is as small as that, or as many steps as
// the solve may make evaluations have been gone through. A solve that did not converge is differentiated as it is,
// through one step at least. So no gradient is zero because the iteration was short. The reports count each sample,
// with the residual |w_0| / |w_T|: it is that of (I - J^T) w = w_T where J does not change on the way. diverged: |w_0|
// exceeded a thousand times |w_T| at the equilibrium.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

struct Unrolled {};

namespace detail {

/// The steps of one sample.
template <class S, Cell<S> C>
struct Steps {
  const C& cell;
  std::span<const S, C::param_count> theta;
  const PreparedOf<C, S>& prepared;
  View<const S> u;
  Context context;
  std::span<const S* const> states;  // z_0 ... z_T
  double damping;
  bool settled;      // the solve has converged
  double tolerance;  // of the solve
  int most;          // steps

  static constexpr double most_growth = 1e3;

  [[nodiscard]] std::size_t recorded() const { return states.size() - 1; }

  [[nodiscard]] auto linearize_at(std::size_t k, View<S> value) const {
    return linearize_with<C, S>(cell, theta, &prepared, context, View<const S>(states[k], value.shape()), u, value);
  }

  /// The w of each step, from the last to the first, beta w, goes to pull(linearization, beta w, dz, du of the step).
  template <class Pull>
  SampleResult back(View<const S> w, View<S> du, const Pull& pull) const {
    Scratch scratch;
    const Shape& shape = w.shape();
    const S beta = static_cast<S>(damping);
    const View<S> gradient = scratch.state<S>(shape), step = scratch.state<S>(shape), dz = scratch.state<S>(shape);
    const View<S> value = scratch.state<S>(shape), du_step = scratch.state<S>(u.shape());
    const double start = norm(w.data(), w.size());
    double left = start;
    SampleResult result;
    gradient.vector() = w.vector();
    if (du) du.vector().setZero();
    const auto one = [&](const auto& linear) {
      step.vector() = beta * gradient.vector();
      pull(linear, View<const S>(step), dz, du_step);
      if (du) du.vector() += du_step.vector();
      gradient.vector() += dz.vector() - step.vector();
      ++result.iterations;
    };
    const auto measure = [&] { left = norm(gradient.data(), gradient.size()); };
    for (std::size_t k = recorded(); k-- > 0;) one(linearize_at(k, value));
    measure();
    if (recorded() == 0 || (settled && left > tolerance * start)) {
      const auto linear = linearize_at(recorded(), value);
      do {
        one(linear);
        measure();
      } while (settled && left > tolerance * start && left <= most_growth * start && result.iterations < most);
    }
    if (!std::isfinite(left) && du) du.vector().setConstant(std::numeric_limits<S>::quiet_NaN());
    return ended(result, left, start);
  }

  /// out = the tangent of z_T for a tangent t of u. Calls on steps are made by noted(call).
  template <class Noted>
  SampleResult forward(View<const S> t, View<S> out, const Noted& noted) const {
    Scratch scratch;
    const Shape& shape = out.shape();
    const S beta = static_cast<S>(damping);
    const View<S> value = scratch.state<S>(shape), through = scratch.state<S>(shape), from_u = scratch.state<S>(shape);
    double change = 0, first_change = 0;
    SampleResult result;
    const auto one = [&](const auto& linear) {
      noted([&] { return linear.jvp(View<const S>(out), through); });
      noted([&] { return linear.jvp_input(t, from_u); });
      through.vector() += from_u.vector() - out.vector();
      out.vector() += beta * through.vector();
      change = static_cast<double>(beta) * norm(through.data(), through.size());
      if (result.iterations++ == 0) first_change = change;
    };
    const auto through_all = [&] {
      for (std::size_t k = 0; k < recorded(); ++k) one(linearize_at(k, value));
    };
    const auto goes_on = [&] { return settled && change > tolerance * norm(out.data(), out.size()); };
    out.vector().setZero();
    through_all();
    if (recorded() == 0 || goes_on()) {
      // The steps at the equilibrium come before the others, as they come after them on the way back.
      out.vector().setZero();
      result.iterations = 0;
      const auto linear = linearize_at(recorded(), value);
      do {
        one(linear);
      } while (goes_on() && change <= most_growth * first_change &&
               result.iterations + static_cast<int>(recorded()) < most);
      through_all();
    }
    return ended(result, change, norm(out.data(), out.size()));
  }

 private:
  [[nodiscard]] SampleResult ended(SampleResult result, double left, double scale) const {
    result.evaluations = result.iterations;
    result.residual = left == 0 ? 0 : left / scale;
    result.status = !std::isfinite(result.residual)            ? Status::non_finite
                    : result.residual <= tolerance             ? Status::converged
                    : settled && result.residual > most_growth ? Status::diverged
                    : tolerance == 0                           ? Status::approximated  // so many steps were asked for
                                                               : Status::max_iterations;
    return result;
  }
};

}  // namespace detail

}  // namespace basin
