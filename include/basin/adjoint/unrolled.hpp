#pragma once

// The gradient through the iteration itself: z_{k+1} = z_k + beta (f(z_k, u) - z_k), differentiated step by step back
// to the start, which is a constant,
//
//   w_k = (1 - beta) w_{k+1} + beta J_k^T w_{k+1},    du += beta (df/du)_k^T w_{k+1},    dtheta likewise.
//
// It is the exact gradient of what Picard iteration computed, converged or not, and the reference that the implicit
// gradient is compared with. Its memory grows with the number of steps: the states are kept, and each step is
// linearized again on the way back. Differentiates Picard only, because the steps of accelerated methods depend on all
// that came before.

#include <vector>

#include "basin/core/layer.hpp"

namespace basin {

struct Unrolled {};

namespace detail {

/// The states z_0 ... z_T of one sample, in order; z_T is the value.
template <class S>
using States = std::vector<Vector<S>>;

/// du += and dtheta += the gradients through the steps, for w = dl/dz_T of one sample.
template <class S, Cell<S> C>
Report pull_back_steps(const C& cell, std::span<const S, C::param_count> theta, const PreparedOf<C, S>& prepared,
                       const States<S>& states, const Shape& shape, double damping, View<const S> u, View<const S> w,
                       View<S> du, std::span<S, C::param_count> dtheta, const Context& context) {
  Report report;
  Scratch scratch;
  const S beta = static_cast<S>(damping);
  const View<S> gradient = scratch.state<S>(shape), step = scratch.state<S>(shape), dz = scratch.state<S>(shape);
  const View<S> value = scratch.state<S>(shape), du_step = scratch.state<S>(u.shape());
  gradient.vector() = w.vector();
  for (std::size_t k = states.size() - 1; k-- > 0;) {
    const View<const S> z(states[k].data(), shape);
    const auto linear = linearize_with<C, S>(cell, theta, &prepared, context, z, u, value);
    step.vector() = beta * gradient.vector();
    report += report_of([&] { return linear.pullback(View<const S>(step), dz, du_step, dtheta); });
    if (du) du.vector() += du_step.vector();
    gradient.vector() += dz.vector() - step.vector();
  }
  return report;
}

/// out = the tangent of z_T for a tangent t of u, of one sample.
template <class S, Cell<S> C>
Report push_forward_steps(const C& cell, std::span<const S, C::param_count> theta, const PreparedOf<C, S>& prepared,
                          const States<S>& states, const Shape& shape, double damping, View<const S> u, View<const S> t,
                          View<S> out, const Context& context) {
  Report report;
  Scratch scratch;
  const S beta = static_cast<S>(damping);
  const View<S> value = scratch.state<S>(shape), through = scratch.state<S>(shape), from_u = scratch.state<S>(shape);
  out.vector().setZero();
  for (std::size_t k = 0; k + 1 < states.size(); ++k) {
    const View<const S> z(states[k].data(), shape);
    const auto linear = linearize_with<C, S>(cell, theta, &prepared, context, z, u, value);
    report += report_of([&] { return linear.jvp(View<const S>(out), through); });
    report += report_of([&] { return linear.jvp_input(t, from_u); });
    out.vector() += beta * (through.vector() + from_u.vector() - out.vector());
  }
  return report;
}

}  // namespace detail

}  // namespace basin
