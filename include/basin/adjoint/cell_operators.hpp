#pragma once

// J = df/dz of a linearized cell, or J^T, as adjoint methods see them (adjoint/adjoint_method.hpp).

#include "basin/core/layer.hpp"
#include "basin/linear/extent.hpp"

namespace basin::detail {

template <class S, bool transposed, class Linear>
concept PreconditionsCell = requires(const Linear& linear, View<const S> v, View<S> out) {
  requires !transposed;
  linear.precondition(v, out);
}
|| requires(const Linear& linear, View<const S> v, View<S> out) {
  requires transposed;
  linear.precondition_transposed(v, out);
};

/// A = J, or J^T, with the cell's preconditioner if it has one, and with what the solve left of the inverse: Estimates
/// are those of the samples, a std::span<const InverseEstimate<S>>, or nothing. Calls that may report are made by
/// note(call).
template <class S, bool transposed, class Linear, class Note, class Estimates>
struct JacobianOperator {
  const Linear& linear;
  const Note& note;
  Estimates estimates;

  void operator()(View<const S> v, View<S> out) const {
    note([&] {
      if constexpr (transposed) {
        return linear.vjp(v, out);
      } else {
        return linear.jvp(v, out);
      }
    });
  }

  [[nodiscard]] Extent extent(const Shape& one) const requires is_split<Linear> { return linear.extent(one); }

  void precondition(View<const S> v, View<S> out) const requires PreconditionsCell<S, transposed, Linear> {
    if constexpr (transposed) {
      static_cast<void>(linear.precondition_transposed(v, out));
    } else {
      static_cast<void>(linear.precondition(v, out));
    }
  }

  void estimate(View<const S> v, View<S> out) const requires requires { estimates[0].apply(v, out); }
  {
    for (Index n = 0; n < v.samples(); ++n) {
      const auto& inverse = estimates[static_cast<std::size_t>(n)];
      if constexpr (transposed) {
        inverse.apply_transposed(v.sample(n), out.sample(n));
      } else {
        inverse.apply(v.sample(n), out.sample(n));
      }
    }
  }
};

}  // namespace basin::detail
