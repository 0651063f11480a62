#pragma once

// Broyden's bad method for g(z) = f(z) - z = 0: the inverse of the Jacobian is what changes least.
//
// B approximates the inverse of dg/dz and starts as -I, so the first step s = -B g is Picard's. After the step s_k to
// the point where g is g+, with y = g+ - g, the secant condition B+ y = s_k with the smallest change of B is
//
//   B+ = B + (s_k - B y) y^T / |y|^2 = B + v y^T / |y|^2        v = -B g+, as B y = B g+ + s_k
//   s_{k+1} = -B+ g+ = (1 - y^T g+ / |y|^2) v
//
// so that v and y / |y|^2 are all that has to be kept. It takes one inner product more a step than the good method, and
// nothing is divided by but |y|^2. When `memory` updates are held the method starts again from B = -I.
//
// Broyden 1965, Math. Comp. 19, section 5; Fang and Saad 2009, Numer. Linear Algebra Appl. 16, where it is the Anderson
// mixing of a window that never moves. Memory of a sample: 2 memory vectors.

#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "basin/core/scratch.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

template <int memory = 20>
struct BroydenBad {
  static_assert(memory >= 1, "Broyden's method needs a memory of at least one update");
  static constexpr std::string_view name = "broyden_bad";

  template <class S>
  struct Memory {
    S* v;          ///< columns: the v of each update
    S* y;          ///< columns: y / |y| of each update; the one after them holds g of the last iterate
    Index stride;  ///< between columns
    Extent size;   ///< of the sample
    int count;     ///< updates held
    bool begun;    ///< whether a step has been made
    std::array<double, memory> length;  ///< |y|
  };

  template <class S>
  [[nodiscard]] Memory<S> start(const Extent& size, Scratch& scratch) const {
    const Index stride = detail::column_stride<S>(size);
    return {scratch.take<S>(stride * memory), scratch.take<S>(stride * memory), stride, size, 0, false, {}};
  }

  template <class S>
  void step(Memory<S>& m, std::span<S> z, std::type_identity_t<std::span<const S>> f) const {
    const Index size = static_cast<Index>(z.size());
    detail::VectorMap<S> at(z.data(), size);
    const auto g = detail::ConstVectorMap<S>(f.data(), size) - at;
    if (m.begun && m.count < memory) {
      // The column that held g becomes y, and v = -B g+ by the updates before it.
      S* const y = m.y + m.count * m.stride;
      S* const v = m.v + m.count * m.stride;
      detail::VectorMap<S> y_map(y, size), v_map(v, size);
      v_map = g;
      y_map = v_map - y_map;
      const double length = detail::norm(y, m.size);
      constexpr double least = static_cast<double>(std::numeric_limits<S>::min());
      if (length > least && std::isfinite(length)) {
        detail::divide(y, length, size);
        const double along = detail::dot(y, v, m.size) / length;  // y^T g+ / |y|^2
        std::array<double, memory> parts;
        for (int k = 0; k < m.count; ++k) {
          parts[static_cast<std::size_t>(k)] =
              detail::dot(m.y + k * m.stride, v, m.size) / m.length[static_cast<std::size_t>(k)];
        }
        for (int k = 0; k < m.count; ++k) {
          v_map -=
              static_cast<S>(parts[static_cast<std::size_t>(k)]) * detail::ConstVectorMap<S>(m.v + k * m.stride, size);
        }
        m.length[static_cast<std::size_t>(m.count)] = length;
        ++m.count;
        if (m.count < memory) detail::VectorMap<S>(m.y + m.count * m.stride, size) = g;
        at += static_cast<S>(1 - along) * v_map;
        return;
      }
    }
    m.count = 0;
    m.begun = true;
    detail::VectorMap<S>(m.y, size) = g;
    at = detail::ConstVectorMap<S>(f.data(), size);
  }
};

}  // namespace basin
