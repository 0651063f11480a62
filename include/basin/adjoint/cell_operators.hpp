#pragma once

// J = df/dz of a linearized cell, and its transpose, as adjoint methods see them (adjoint/adjoint_method.hpp).

#include "basin/core/layer.hpp"

namespace basin::detail {

/// A = J, with the cell's preconditioner if it has one, and with what the solve left of the inverse: Estimates are
/// those of the samples, a std::span<const InverseEstimate<S>>, or nothing. Calls that may report are made by
/// note(call).
template <class S, class Linear, class Note, class Estimates>
struct TangentOperator {
  const Linear& linear;
  const Note& note;
  Estimates estimates;

  void operator()(View<const S> v, View<S> out) const {
    note([&] { return linear.jvp(v, out); });
  }
  void precondition(View<const S> v, View<S> out) const requires requires { linear.precondition(v, out); }
  { static_cast<void>(linear.precondition(v, out)); }
  void estimate(View<const S> v, View<S> out) const requires requires { estimates[0].apply(v, out); }
  {
    for (Index n = 0; n < v.samples(); ++n) estimates[static_cast<std::size_t>(n)].apply(v.sample(n), out.sample(n));
  }
};

/// A = J^T, likewise.
template <class S, class Linear, class Note, class Estimates>
struct TransposedOperator {
  const Linear& linear;
  const Note& note;
  Estimates estimates;

  void operator()(View<const S> v, View<S> out) const {
    note([&] { return linear.vjp(v, out); });
  }
  void precondition(View<const S> v, View<S> out) const requires requires { linear.precondition_transposed(v, out); }
  { static_cast<void>(linear.precondition_transposed(v, out)); }
  void estimate(View<const S> v, View<S> out) const requires requires { estimates[0].apply_transposed(v, out); }
  {
    for (Index n = 0; n < v.samples(); ++n) {
      estimates[static_cast<std::size_t>(n)].apply_transposed(v.sample(n), out.sample(n));
    }
  }
};

}  // namespace basin::detail
