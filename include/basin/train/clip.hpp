#pragma once

// Gradients of a bounded size, before the optimizer sees them.
//
//   clip_by_global_norm   g <- g min(1, max_norm / |g|)                 Pascanu, Mikolov & Bengio 2013, algorithm 1
//   normalize_leaves      g_leaf <- g_leaf / (|g_leaf| + epsilon)       Mordvintsev et al. 2020, for automata
//
// Both return |g| as it came, in double. If that is a NaN or an infinity the gradient stays untouched, so the caller
// can look at the returned norm and skip the step.

#include <cmath>

#include "basin/core/parameters.hpp"

namespace basin {

/// Scales the gradient to a norm of at most max_norm; returns the norm before.
/// Throws std::invalid_argument if max_norm is not positive.
template <class Model, class S>
double clip_by_global_norm(Parameters<Model, S>& gradient, double max_norm) {
  check(max_norm > 0, "largest norm of the gradient", max_norm, "a positive number");
  const double norm = gradient.vector().template cast<double>().norm();
  if (std::isfinite(norm) && norm > max_norm) gradient.vector() *= static_cast<S>(max_norm / norm);
  return norm;
}

/// Scales each leaf to a norm just below 1 (a leaf of zeros stays); returns the norm of the whole before.
/// Throws std::invalid_argument if epsilon is negative.
template <class Model, class S>
double normalize_leaves(Parameters<Model, S>& gradient, double epsilon = 1e-8) {
  check(epsilon >= 0, "epsilon", epsilon, "0 or a positive number");
  const double norm = gradient.vector().template cast<double>().norm();
  if (!std::isfinite(norm)) return norm;
  for (const Leaf& leaf : leaves_of<Model>()) {
    auto values = gradient.vector().segment(static_cast<Index>(leaf.offset), static_cast<Index>(leaf.size));
    const double size = values.template cast<double>().norm();
    if (size > 0) values = (values.template cast<double>() / (size + epsilon)).template cast<S>();
  }
  return norm;
}

}  // namespace basin
