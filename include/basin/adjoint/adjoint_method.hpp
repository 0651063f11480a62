#pragma once

// What an adjoint method is: a way from an incoming gradient g to the w that is pulled back through one evaluation of
// the cell. At a fixed point z = f(z, u) the implicit function theorem gives, for a loss with dl/dz = g,
//
//   (I - J^T) w = g,    dl/du = (df/du)^T w,    dl/dtheta = (df/dtheta)^T w,    J = df/dz,
//
// and a method may solve that equation or only approach it. It is asked for each tile of samples:
//
//   method.solve_tile<S>(apply_a, g, w, results)     w with (I - A) w = g, exactly or not
//
// where apply_a(v, out) writes A v for the whole tile: A = J^T for gradients, A = J for tangents. w is overwritten. If
// the cell's linearization has
//
//   precondition(v, out)               out = M^-1 v, with an M close to I - J that is easy to solve for
//   precondition_transposed(w, out)    out = M^-T w
//
// (each of them linear, sample by sample), apply_a.precondition(v, out) is the one that goes with A, for a method that
// likes to use it, as Implicit with a linear solver does. A method with
//
//   static constexpr bool uses_inverse_of_solve = true
//
// makes the equilibrium keep what its solver knows of (I - J)^-1 (fixed_point/inverse_estimate.hpp), and finds it as
// apply_a.estimate(v, out), transposed where A is.
//
// results holds one SampleResult a sample, with the residual |g - (I - A) w| / |g| that was really reached. A method
// that solves nothing says Status::approximated. Whatever fails, w is never a zero for a g that is none; and where g or
// A is not finite, w is NaN.

#include <cmath>
#include <limits>
#include <span>

#include "basin/core/layer.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

namespace detail {

/// Stands for A in the concept's requirements.
struct AnyOperator {
  template <class S>
  void operator()(View<const S>, View<S>) const {}
};

}  // namespace detail

template <class M, class S = float>
concept AdjointMethod = requires(const M& method, View<const S> g, View<S> w, std::span<SampleResult> results) {
  method.solve_tile(detail::AnyOperator{}, g, w, results);
};

namespace detail {

template <class Operator, class S>
concept HasPreconditioner = requires(const Operator& apply_a, View<const S> v, View<S> out) {
  apply_a.precondition(v, out);
};

template <class Operator, class S>
concept HasInverseEstimate = requires(const Operator& apply_a, View<const S> v, View<S> out) {
  apply_a.estimate(v, out);
};

/// Whether an adjoint method wants that.
template <class M>
inline constexpr bool uses_inverse_of_solve = [] {
  if constexpr (requires { M::uses_inverse_of_solve; }) {
    return static_cast<bool>(M::uses_inverse_of_solve);
  } else {
    return false;
  }
}();

/// What solve_tile begins with. Throws std::invalid_argument if w has not the shape of g, or the number of results is
/// not that of its samples.
template <class S>
void check_adjoint(View<const S> g, View<S> w, std::span<SampleResult> results) {
  if (w.shape() != g.shape()) check(false, "shape of w", w.shape(), g.shape());
  check(static_cast<Index>(results.size()) == g.samples(), "number of results", results.size(), g.samples());
}

/// |g - (I - A) w| / |g| of one sample, given a_w = A w; 0 where g = 0 and the equation holds.
template <class S>
[[nodiscard]] double adjoint_residual(View<const S> g, View<const S> w, View<const S> a_w, const Extent& size) {
  const double wrong = size.complete_length(static_cast<double>((g.vector() - w.vector() + a_w.vector()).stableNorm()));
  return wrong == 0 ? 0 : wrong / norm(g.data(), size);
}

/// What methods that solve nothing say of a w that took so many steps and, with a_w = A w, one application of A more.
template <class S, class Operator>
void approximated(const Operator& apply_a, View<const S> g, View<S> w, View<const S> a_w, int steps,
                  std::span<SampleResult> results) {
  const Extent size = extent_of(apply_a, g.shape().with_samples(1));
  for (Index n = 0; n < g.samples(); ++n) {
    SampleResult& result = results[static_cast<std::size_t>(n)];
    result = {.status = Status::approximated, .iterations = steps, .evaluations = steps + 1};
    result.residual = adjoint_residual<S>(g.sample(n), w.sample(n), a_w.sample(n), size);
    if (result.residual == 0) result.status = Status::converged;
    if (!std::isfinite(result.residual)) {
      result.status = Status::non_finite;
      w.sample(n).vector().setConstant(std::numeric_limits<S>::quiet_NaN());
    }
  }
}

}  // namespace detail

}  // namespace basin
