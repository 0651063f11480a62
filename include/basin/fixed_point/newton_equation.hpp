#pragma once

// Newton's equation of a fixed point, with a shift, by GMRES:
//
//   ((1 + shift) I - J) s = g        J = df/dz at z, g = f(z) - z
//
// With a preconditioner P of the caller's, about (I - J)^-1, it is ((1 + shift) I - J) P t = g, s = P t (from the
// right, so that residuals are those of the equation itself).

#include <algorithm>
#include <cmath>
#include <span>

#include "basin/core/scratch.hpp"
#include "basin/fixed_point/sample_map.hpp"
#include "basin/linear/gmres.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin::detail {

/// out = ((1 + shift) I - J) P v, or out = (1 + shift) v - J v without P. False where no evaluation is left.
template <class S, class Linear>
bool apply_newton_operator(const Linear& linear, double shift, std::span<const S> v, std::span<S> out) {
  const Index size = static_cast<Index>(v.size());
  const S factor = static_cast<S>(1 + shift);
  if constexpr (Linear::has_precondition) {
    Scratch scratch;
    const std::span<S> moved(scratch.take<S>(size), v.size());
    linear.precondition(v, moved);
    if (!linear.jvp(std::span<const S>(moved), out)) return false;
    VectorMap<S>(out.data(), size) = factor * VectorMap<S>(moved.data(), size) - VectorMap<S>(out.data(), size);
  } else {
    if (!linear.jvp(v, out)) return false;
    VectorMap<S>(out.data(), size) = factor * ConstVectorMap<S>(v.data(), size) - VectorMap<S>(out.data(), size);
  }
  return true;
}

/// t becomes P t, where there is a P.
template <class S, class Linear>
void precondition(const Linear& linear, std::span<S> t) {
  if constexpr (Linear::has_precondition) {
    const Index size = static_cast<Index>(t.size());
    Scratch scratch;
    const std::span<S> from(scratch.take<S>(size), t.size());
    std::copy_n(t.data(), size, from.data());
    linear.precondition(std::span<const S>(from), t);
  }
}

/// s, to |g - A s| <= forcing |g| or max_products; g itself, the step of Picard, where GMRES found nothing. One
/// evaluation is kept for the point that s leads to; there are 3 at least.
template <int restart, class S, class Map>
void solve_newton_equation(const SampleMap<S, Map>& map, std::span<const S> z, std::span<const S> f, double shift,
                           double forcing, int max_products, S* s) {
  const Index size = static_cast<Index>(z.size());
  const Shape shape{size};
  Scratch scratch;
  const View<S> g = scratch.state<S>(shape), step(s, shape);
  g.vector() = ConstVectorMap<S>(f.data(), size) - ConstVectorMap<S>(z.data(), size);
  step.vector().setZero();
  const auto linear = map.linearize(z, f);
  const auto op = split_as(map.inner(), shape, [&](View<const S> v, View<S> out) {
    if (!apply_newton_operator<S>(linear, shift, {v.data(), z.size()}, {out.data(), z.size()})) {
      out.vector() = static_cast<S>(1 + shift) * v.vector();
    }
  });
  SampleResult result;
  const LinearStop stop{.tolerance = forcing, .max_evaluations = std::min(max_products, map.left() - 1)};
  Gmres<restart>{}.template solve_tile<S>(op, View<const S>(g), step, stop, std::span<SampleResult>(&result, 1));
  precondition<S>(linear, {s, z.size()});
  const double found = norm(s, map.extent());
  if (!(found > 0) || !std::isfinite(found)) step.vector() = g.vector();
}

}  // namespace basin::detail
