#pragma once

// What a solver of linear equations A w = g is, when A is known only by what it does to a vector.
//
//   solver.solve_tile<S>(op, g, w, stop, results)
//     op(View<const S> v, View<S> out)   out = A v, for all samples of the tile; A treats samples independently
//     w                                  in: where to start (zero, or a guess); out: the best w of each sample
//     results[n]                         status, evaluations of op, and |g - A w| / |g| of the returned w
//
// All samples are solved in lockstep on the calling thread; each has its own stop. Memory comes from Scratch.

#include <cmath>
#include <span>
#include <string>
#include <type_traits>

#include "basin/core/scratch.hpp"
#include "basin/core/status.hpp"

namespace basin {

/// When a linear solve ends. Everything is relative to |g| (Euclidean, per sample), so that the answer does not depend
/// on the units of g.
struct LinearStop {
  double tolerance = 1e-5;    ///< converged: |g - A w| <= tolerance |g|, measured, not estimated
  int max_evaluations = 100;  ///< of A, for each sample; at least 1
};

namespace detail {

inline void check_linear_stop(const LinearStop& stop) {
  check(stop.tolerance >= 0 && std::isfinite(stop.tolerance), "tolerance of LinearStop", stop.tolerance,
        "a finite number, 0 or more");
  check(stop.max_evaluations >= 1, "max_evaluations of LinearStop", stop.max_evaluations, "1 or more");
}

template <class S>
struct ExampleOperator {
  void operator()(View<const S> v, View<S> out) const;
};

}  // namespace detail

template <class Solver, class S = float>
concept LinearSolver = requires(const Solver& solver, const detail::ExampleOperator<S>& op, View<const S> g, View<S> w,
                                const LinearStop& stop, std::span<SampleResult> results) {
  solver.template solve_tile<S>(op, g, w, stop, results);
};

/// Solves A w = g for all samples of g from w = 0, on the calling thread. g is a View, a State, an Eigen matrix
/// (features, samples) or an Eigen tensor (features, space..., samples).
template <class Op, class Right, LinearSolver Solver>
[[nodiscard]] auto solve(const Op& op, const Right& g, const Solver& solver, const LinearStop& stop = {}) {
  const auto right = view(g);
  using S = std::remove_const_t<std::remove_pointer_t<decltype(right.data())>>;
  Solution<S> solution{State<S>(right.shape()), {}};
  solution.samples.resize(static_cast<std::size_t>(right.samples()));
  solver.template solve_tile<S>(op, right, solution.value.view(), stop, solution.samples);
  return solution;
}

}  // namespace basin
