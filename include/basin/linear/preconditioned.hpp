#pragma once

// A linear solver with a right preconditioner M, an A that is easy to solve for:
//
//   A M^-1 y = g,    w = M^-1 y
//
// (Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd edition, 2003, section 9.3.2.) Its residual g - A M^-1 y
// is that of w, so what decides and what is reported are true residuals, as without M. M^-1 is only applied, once for
// each application of A and once at the end, and is not counted among the evaluations.

#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "basin/core/scratch.hpp"
#include "basin/linear/extent.hpp"
#include "basin/linear/linear_solver.hpp"

namespace basin {

/// M^-1: inverse(View<const S> v, View<S> out) writes M^-1 v for all samples of the tile. It is linear, treats samples
/// independently and is the same map as long as the solve lasts.
template <class M, class S = float>
concept Preconditioner = requires(const M& inverse, View<const S> v, View<S> out) {
  inverse(v, out);
};

/// Any linear solver, preconditioned. As the solver of Implicit it serves for gradients and for tangents alike, so that
/// M^-1 must then fit both (I - J)^T and I - J; where it does not, or depends on the state, give the cell's
/// linearization one (adjoint/adjoint_method.hpp).
template <class Solver, class Inverse>
struct RightPreconditioned {
  static constexpr std::string_view name = "preconditioned";

  Solver solver{};    ///< of A M^-1 y = g, with its options (linear/linear_solver.hpp)
  Inverse inverse{};  ///< M^-1: see Preconditioner

  /// See linear/linear_solver.hpp, but that the solve starts at zero whatever w holds: a guess of w is none of y.
  template <class S, class Op>
  void solve_tile(const Op& op, std::type_identity_t<View<const S>> g, std::type_identity_t<View<S>> w,
                  const LinearStop& stop, std::span<SampleResult> results) const {
    static_assert(Preconditioner<Inverse, S>, "a preconditioner is called as inverse(View<const S> v, View<S> out)");
    Scratch scratch;
    const View<S> y = scratch.state<S>(w.shape()), between = scratch.state<S>(w.shape());
    y.vector().setZero();
    const auto preconditioned = detail::split_as(op, g.shape().with_samples(1), [&](View<const S> v, View<S> out) {
      static_cast<void>(inverse(v, between));
      static_cast<void>(op(View<const S>(between), out));
    });
    solver.template solve_tile<S>(preconditioned, g, y, stop, results);
    static_cast<void>(inverse(View<const S>(y), w));
    for (Index n = 0; n < w.samples(); ++n) {  // M^-1 of a NaN is to show as one
      const SampleResult& result = results[static_cast<std::size_t>(n)];
      if (result.status == Status::non_finite && result.residual == std::numeric_limits<double>::infinity()) {
        w.sample(n).vector().setConstant(std::numeric_limits<S>::quiet_NaN());
      }
    }
  }
};

}  // namespace basin
