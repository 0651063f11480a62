#pragma once

// J = df/dz of a linearized cell, and its transpose, as adjoint methods see them (adjoint/adjoint_method.hpp).

#include "basin/core/layer.hpp"

namespace basin::detail {

/// A = J, with the cell's preconditioner if it has one. Calls that may report are made by note(call).
template <class S, class Linear, class Note>
struct TangentOperator {
  const Linear& linear;
  const Note& note;

  void operator()(View<const S> v, View<S> out) const {
    note([&] { return linear.jvp(v, out); });
  }
  void precondition(View<const S> v, View<S> out) const requires requires { linear.precondition(v, out); }
  { static_cast<void>(linear.precondition(v, out)); }
};

/// A = J^T, likewise.
template <class S, class Linear, class Note>
struct TransposedOperator {
  const Linear& linear;
  const Note& note;

  void operator()(View<const S> v, View<S> out) const {
    note([&] { return linear.vjp(v, out); });
  }
  void precondition(View<const S> v, View<S> out) const requires requires { linear.precondition_transposed(v, out); }
  { static_cast<void>(linear.precondition_transposed(v, out)); }
};

}  // namespace basin::detail
