#pragma once

// Broyden's good method for g(z) = f(z) - z = 0, as a product of rank-one updates of the inverse.
//
// B approximates dg/dz and starts as -I, so the first step is Picard's. After the step s_k to the point where g is g+,
// the secant condition B+ s_k = g+ - g with the smallest change of B gives, since B s_k = -g,
//
//   B+ = B + theta g+ s_k^T / |s_k|^2
//
// and by Sherman and Morrison, with v = B^-1 g+ and d = -s_k^T v / |s_k|^2, the next full step is
//
//   s_{k+1} = -B+^-1 g+ = -v / (1 - theta d)      B+^-1 = (I + theta s_{k+1} s_k^T / |s_k|^2) B^-1
//
// so that the steps themselves are all that has to be kept, and B^-1 g reads each of them once. theta is 1, except
// where |1 - d| falls below `min_denominator`: there it is chosen so that the denominator is min_denominator, and B
// stays far from singular. When `memory` updates are held the method starts again from B = -I, which costs a slow
// problem much of what it had gained: with fewer than about 20 updates one of rate 0.99 may stall.
//
// Broyden 1965, Math. Comp. 19; the product form: Kelley 1995, Iterative Methods for Linear and Nonlinear Equations,
// section 7.3; theta: More and Trangenstein 1976, Math. Comp. 30. Memory of a sample: (memory + 1) vectors.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "basin/core/scratch.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

template <int memory = 20>
struct Broyden {
  static_assert(memory >= 1, "Broyden's method needs a memory of at least one update");
  static constexpr std::string_view name = "broyden";

  double min_denominator = 0.01;  ///< in (0, 1): a step is at most 1/min_denominator times the one without an update

  template <class S>
  struct Memory {
    S* steps;                                     ///< unit vectors s_k / |s_k|, one a column
    Index stride;                                 ///< between columns
    Extent size;                                  ///< of the sample
    int count;                                    ///< columns in use
    std::array<double, memory + 1> length;        ///< |s_k|
    std::array<double, memory + 1> coefficients;  ///< theta |s_{k+1}| / |s_k|
  };

  template <class S>
  [[nodiscard]] Memory<S> start(const Extent& size, Scratch& scratch) const {
    check(min_denominator > 0 && min_denominator < 1, "min_denominator of Broyden", min_denominator,
          "a number between 0 and 1");
    const Index stride = detail::column_stride<S>(size);
    return {scratch.take<S>(stride * (memory + 1)), stride, size, 0, {}, {}};
  }

  template <class S>
  void step(Memory<S>& m, std::span<S> z, std::type_identity_t<std::span<const S>> f) const {
    const Index size = static_cast<Index>(z.size());
    if (m.count == memory + 1) m.count = 0;
    S* const u = m.steps + m.count * m.stride;  // becomes the new unit step

    // u = g, and its product with the first step.
    double along = 0;
    detail::for_chunks(size, [&](Index first, Index count) {
      detail::VectorMap<S> u_chunk(u + first, count);
      u_chunk = detail::ConstVectorMap<S>(f.data() + first, count) - detail::ConstVectorMap<S>(z.data() + first, count);
      if (m.count > 0) {
        along += static_cast<double>(detail::ConstVectorMap<S>(m.steps + first, count).dot(u_chunk));
      }
    });
    if (m.count > 0) along = m.size.complete(along);

    // u = -B^-1 g, factor by factor; each pass takes the product that the next factor needs.
    for (int k = 0; k + 1 < m.count; ++k) {
      const S* const next = m.steps + (k + 1) * m.stride;
      const S factor = static_cast<S>(along * m.coefficients[static_cast<std::size_t>(k)]);
      along = 0;
      detail::for_chunks(size, [&](Index first, Index count) {
        detail::VectorMap<S> u_chunk(u + first, count);
        const detail::ConstVectorMap<S> next_chunk(next + first, count);
        u_chunk += factor * next_chunk;
        along += static_cast<double>(next_chunk.dot(u_chunk));
      });
      along = m.size.complete(along);
    }

    double denominator = 1, theta = 1;
    const std::size_t last = static_cast<std::size_t>(std::max(m.count - 1, 0));
    if (m.count > 0) {
      const double d = along / m.length[last];
      denominator = 1 - d;
      if (std::abs(denominator) < min_denominator) {
        theta = (1 - min_denominator) / d;
        denominator = min_denominator;
      }
    }
    const double u_norm = detail::norm(u, m.size), length = u_norm / std::abs(denominator);
    if (!(u_norm >= static_cast<double>(std::numeric_limits<S>::min())) || !std::isfinite(length)) {
      // Rounding made nonsense of the updates, or nothing is left to measure: start again from here.
      m.count = 0;
      detail::VectorMap<S>(z.data(), size) = detail::ConstVectorMap<S>(f.data(), size);
      return;
    }
    if (m.count > 0) m.coefficients[last] = theta * length / m.length[last];
    m.length[static_cast<std::size_t>(m.count)] = length;
    ++m.count;
    const S to_unit = static_cast<S>(std::copysign(1 / u_norm, denominator)), step_length = static_cast<S>(length);
    detail::for_chunks(size, [&](Index first, Index count) {
      detail::VectorMap<S> u_chunk(u + first, count);
      u_chunk *= to_unit;
      detail::VectorMap<S>(z.data() + first, count) += step_length * u_chunk;
    });
  }

  /// -B^-1 ~ (I - J)^-1 as it was before the last step (fixed_point/inverse_estimate.hpp).
  template <class S, class Visit>
  void each_factor(const Memory<S>& m, const Visit& visit) const {
    for (int k = 0; k + 1 < m.count; ++k) {
      visit(m.coefficients[static_cast<std::size_t>(k)], m.steps + (k + 1) * m.stride, m.steps + k * m.stride);
    }
  }
};

}  // namespace basin
