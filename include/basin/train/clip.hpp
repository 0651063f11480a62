#pragma once

// Gradients of a bounded size, before the optimizer sees them; weights of a bounded size, after it.
//
//   clip_by_global_norm   g <- g min(1, max_norm / |g|)                 Pascanu, Mikolov & Bengio 2013, algorithm 1
//   normalize_leaves      g_leaf <- g_leaf / (|g_leaf| + epsilon)       Mordvintsev et al. 2020, for automata
//   limit_output_norms    w_o <- w_o min(1, max_norm / |w_o|), w_o the weights into output o
//                                                               Srebro, Rennie & Jaakkola 2005 (max-norm)
//
// The first two return |g| as it came, in double. If that is a NaN or an infinity the gradient stays untouched, so the
// caller can look at the returned norm and skip the step; an optimizer would refuse it. All throw std::invalid_argument
// for a limit that is not positive or not finite as a number of the gradient, and change nothing.

#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "basin/core/parameters.hpp"

namespace basin {

namespace detail {

template <class S>
void check_limit(std::string_view thing, double value) {
  check(static_cast<S>(value) > S(0) && value <= static_cast<double>(std::numeric_limits<S>::max()), thing, value,
        "a positive number, and finite");
}

}  // namespace detail

/// Scales the gradient to a norm of at most max_norm; returns the norm before.
template <class Model, class S>
double clip_by_global_norm(Parameters<Model, S>& gradient, double max_norm) {
  detail::check_limit<S>("largest norm of the gradient", max_norm);
  const double norm = gradient.vector().template cast<double>().norm();
  if (std::isfinite(norm) && norm > max_norm) gradient.vector() *= static_cast<S>(max_norm / norm);
  return norm;
}

/// Scales each leaf to a norm just below 1 (a leaf of zeros stays); returns the norm of the whole before.
/// Throws std::invalid_argument if epsilon is negative or not finite.
template <class Model, class S>
double normalize_leaves(Parameters<Model, S>& gradient, double epsilon = 1e-8) {
  check(epsilon >= 0 && std::isfinite(epsilon), "epsilon", epsilon, "0 or more, and finite");
  const double norm = gradient.vector().template cast<double>().norm();
  if (!std::isfinite(norm)) return norm;
  for (const Leaf& leaf : leaves_of<Model>()) {
    auto values = gradient.vector().segment(static_cast<Index>(leaf.offset), static_cast<Index>(leaf.size));
    const double size = values.template cast<double>().norm();
    if (size > 0) values = (values.template cast<double>() / (size + epsilon)).template cast<S>();
  }
  return norm;
}

/// Scales the weights into each output to a norm of at most max_norm. Behind a normalization it is this norm, against
/// the size of the injection, that says how strongly a cell answers to its own state: a limit keeps it contracting.
/// Throws std::invalid_argument, too, if there is no such leaf or it is not one of weights.
template <class Model, class S>
void limit_output_norms(Parameters<Model, S>& theta, std::string_view leaf_name, double max_norm) {
  detail::check_limit<S>("largest norm of an output's weights", max_norm);
  const std::span<S> values = theta.leaf(leaf_name);
  for (const Leaf& leaf : leaves_of<Model>()) {
    if (leaf.name != leaf_name) continue;
    check(leaf.kind == LeafKind::weight, "kind of leaf '" + leaf.name + "'", "bias or scale", "weight");
    const Index outputs = leaf.shape[0];
    Eigen::Map<Matrix<S>> weights(values.data(), outputs, static_cast<Index>(values.size()) / outputs);
    const Vector<double> norms = weights.template cast<double>().rowwise().norm();
    for (Index o = 0; o < outputs; ++o) {
      if (norms[o] > max_norm) weights.row(o) *= static_cast<S>(max_norm / norms[o]);
    }
  }
}

}  // namespace basin
