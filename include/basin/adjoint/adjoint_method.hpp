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
// where apply_a(v, out) writes A v for the whole tile: A = J^T for gradients, A = J for tangents. w is overwritten.
// results holds one SampleResult a sample, with the residual |g - (I - A) w| / |g| that was really reached.

#include <span>

#include "basin/core/layer.hpp"

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

/// |g - (I - A) w| / |g| of each sample, given a_w = A w; 0 where g = 0 and the equation holds.
template <class S>
void adjoint_residuals(View<const S> g, View<const S> w, View<const S> a_w, std::span<SampleResult> results) {
  for (Index n = 0; n < g.samples(); ++n) {
    const auto gn = g.sample(n).vector(), wn = w.sample(n).vector(), an = a_w.sample(n).vector();
    const double wrong = static_cast<double>((gn - wn + an).stableNorm()), size = static_cast<double>(gn.stableNorm());
    results[static_cast<std::size_t>(n)].residual = wrong == 0 ? 0 : wrong / size;
  }
}

}  // namespace detail

}  // namespace basin
