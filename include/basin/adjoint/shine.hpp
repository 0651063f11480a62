#pragma once

// SHINE: w from the inverse that the forward solve has estimated anyway,
//
//   w = B^-T g,    B^-1 ~ (I - J)^-1
//
// with the factors of a quasi-Newton method (fixed_point/inverse_estimate.hpp) at the end of its solve, and one product
// with each of their vectors, no equation. Z. Ramzi, F. Mannel, S. Bai, J.-L. Starck, P. Ciuciu, T. Moreau, "SHINE:
// Sharing the inverse estimate from the forward pass for bi-level optimization and implicit models", ICLR 2022. The
// estimate is good along the steps that the solve took; along g it may be anything. So the residual is measured, and
// that of w = g, JacobianFree's, too: where the latter is lower, w is g, and SampleResult::adjusted is set (the paper
// falls back by the length of w). Two applications of A. Nothing is solved: approximated.
//
// The linearization of the equilibrium keeps the factors, the vectors of the method's memory for each sample.

#include <span>
#include <string_view>

#include "basin/adjoint/adjoint_method.hpp"

namespace basin {

struct Shine {
  static constexpr std::string_view name = "shine";
  static constexpr bool uses_inverse_of_solve = true;  ///< so the equilibrium keeps it (adjoint/adjoint_method.hpp)

  /// See adjoint/adjoint_method.hpp. apply_a.estimate(v, out) is the inverse that goes with A.
  template <class S, class Operator>
  void solve_tile(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results) const {
    static_assert(
        detail::HasInverseEstimate<Operator, S>,
        "Shine needs what the forward solve knows of the inverse: use it in Equilibrium<Cell, Broyden<>, Shine>");
    detail::check_adjoint(g, w, results);
    Scratch scratch;
    const View<S> a_w = scratch.state<S>(g.shape()), a_g = scratch.state<S>(g.shape());
    const Extent size = detail::extent_of(apply_a, g.shape().with_samples(1));
    bool* const falls_back = scratch.take<bool>(g.samples());
    apply_a.estimate(g, w);
    apply_a(View<const S>(w), a_w);
    apply_a(g, a_g);
    for (Index n = 0; n < g.samples(); ++n) {
      const double estimated = detail::adjoint_residual<S>(g.sample(n), w.sample(n), a_w.sample(n), size);
      const double free = detail::adjoint_residual<S>(g.sample(n), g.sample(n), a_g.sample(n), size);
      falls_back[n] = !(estimated <= free);
      if (!falls_back[n]) continue;
      w.sample(n).vector() = g.sample(n).vector();
      a_w.sample(n).vector() = a_g.sample(n).vector();
    }
    detail::approximated<S>(apply_a, g, w, a_w, 1, results);
    for (Index n = 0; n < g.samples(); ++n) results[static_cast<std::size_t>(n)].adjusted = falls_back[n];
  }
};

}  // namespace basin
