#pragma once

// The phantom gradient: k damped steps from the fixed point, differentiated there (the Neumann form),
//
//   w = tau * sum_{j < k} (tau A + (1 - tau) I)^j g,
//
// which tends to (I - A)^-1 g as k grows wherever the damped iteration converges.
//
// Z. Geng, X.-Y. Zhang, S. Bai, Y. Wang, Z. Lin, "On training implicit models", NeurIPS 2021, section 3. Linearizing at
// the fixed point keeps the memory of one evaluation whatever k. k = 1, tau = 1 is JacobianFree. The reported residual
// costs one more application of A. Nothing is solved, so the status is approximated unless the equation holds.

#include <string_view>

#include "basin/adjoint/adjoint_method.hpp"

namespace basin {

namespace detail {

/// w = tau sum_{j < terms} (tau A + (1 - tau) I)^j g for terms >= 1, and what it reached, by as many applications of A.
template <class S, class Operator>
void damped_series(const Operator& apply_a, View<const S> g, View<S> w, int terms, double tau,
                   std::span<SampleResult> results) {
  check_adjoint(g, w, results);
  Scratch scratch;
  const View<S> a_w = scratch.state<S>(g.shape());
  const S step = static_cast<S>(tau);
  w.vector() = step * g.vector();
  for (int j = 1; j <= terms; ++j) {
    apply_a(View<const S>(w), a_w);
    if (j < terms) w.vector() += step * (g.vector() + a_w.vector() - w.vector());
  }
  approximated<S>(apply_a, g, w, a_w, terms - 1, results);
}

}  // namespace detail

struct Phantom {
  static constexpr std::string_view name = "phantom";

  int k = 5;         ///< steps, at least 1
  double tau = 1.0;  ///< damping, in (0, 1]; 1 does not damp

  /// See adjoint/adjoint_method.hpp. Throws std::invalid_argument if options make no sense or shapes do not fit.
  template <class S, class Operator>
  void solve_tile(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results) const {
    check(k >= 1, "Phantom: k", k, "at least 1");
    check(tau > 0 && tau <= 1, "Phantom: tau", tau, "more than 0 and at most 1");
    detail::damped_series(apply_a, g, w, k, tau, results);
  }
};

}  // namespace basin
