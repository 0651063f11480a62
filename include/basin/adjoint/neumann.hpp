#pragma once

// The Neumann series of (I - A)^-1, cut off after the power k:
//
//   w = sum_{j <= k} A^j g        g - (I - A) w = A^{k+1} g
//
// so that its residual, |A^{k+1} g| / |g|, falls with k if the spectral radius of A is below 1, and grows if it is
// above: it is measured, by one application of A more, and reported. Nothing is solved, so the status is approximated
// unless the residual is 0, as where A^{k+1} = 0.
//
// k = 0 is JacobianFree. Neumann{k} is Phantom{k + 1, 1}: Phantom counts terms, not powers, and may damp, so that it
// converges for eigenvalues of A below -1, too. J. Lorraine, P. Vicol, D. Duvenaud, "Optimizing millions of
// hyperparameters by implicit differentiation", AISTATS 2020.

#include <span>
#include <string_view>

#include "basin/adjoint/phantom.hpp"

namespace basin {

struct Neumann {
  static constexpr std::string_view name = "neumann";

  int k = 5;  ///< the highest power of A, at least 0

  /// See adjoint/adjoint_method.hpp. Throws std::invalid_argument for a negative k.
  template <class S, class Operator>
  void solve_tile(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results) const {
    check(k >= 0, "Neumann: k", k, "at least 0");
    detail::damped_series(apply_a, g, w, k + 1, 1.0, results);
  }
};

}  // namespace basin
