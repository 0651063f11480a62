#pragma once

// Jacobian-free backpropagation: w = g, as if J were zero.
//
// S. W. Fung, H. Heaton, Q. Li, D. McKenzie, S. Osher, W. Yin, "JFB: Jacobian-free backpropagation for implicit
// networks", AAAI 2022. A descent direction for contractive, well-conditioned cells; not the gradient. One application
// of A tells how far from it: the reported residual is |A g| / |g|. Nothing is solved, so the status is approximated
// unless A g = 0.

#include <string_view>

#include "basin/adjoint/adjoint_method.hpp"

namespace basin {

struct JacobianFree {
  static constexpr std::string_view name = "jacobian_free";

  /// See adjoint/adjoint_method.hpp. Throws std::invalid_argument if shapes do not fit.
  template <class S, class Operator>
  void solve_tile(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results) const {
    detail::check_adjoint(g, w, results);
    w.vector() = g.vector();
    Scratch scratch;
    const View<S> a_w = scratch.state<S>(g.shape());
    apply_a(View<const S>(w), a_w);
    detail::approximated<S>(apply_a, g, w, a_w, 0, results);
  }
};

}  // namespace basin
