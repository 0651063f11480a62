#pragma once

// The chord method for g(z) = f(z) - z = 0, without a matrix: Newton's method, where what was learnt of the Jacobian at
// one iterate is kept for the next ones as long as the residual falls.
//
//   (I - J) s = g,    z <- z + s,    J = df/dz at an iterate z_0 up to which nothing was kept
//
// At z_0 GMRES builds a basis V of the Krylov space of I - J and g, with (I - J) V_k = V_{k+1} H. V and H are kept, and
// at later iterates they give the step without a product,
//
//   s = V_k y + (g - V_{k+1} c)        c = V_{k+1}^T g,    y = argmin |c - H y|
//
// that is Newton's in the directions that the basis knows and Picard's in the others, where J counts as 0. A new basis
// is made where |g| did not fall to max_ratio times what it was before the last step. So a problem with few slow
// directions costs a basis or two and then one evaluation a step; one with many costs what Newton's method does.
// There is no search along the step: from far away take NewtonGmres.
//
// Kelley 1995, Iterative Methods for Linear and Nonlinear Equations, section 5.4.1, for the chord method; Shroff and
// Keller 1993, SIAM J. Numer. Anal. 30(4), for Newton's method in a small space and Picard's beside it.
// Memory of a sample: basis + 2 vectors. Derivatives: fixed_point/sample_map.hpp.

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

#include "basin/core/scratch.hpp"
#include "basin/fixed_point/sample_map.hpp"
#include "basin/linear/krylov_space.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// basis: vectors kept at most, and products with the Jacobian in one step.
template <int basis = 20>
struct Chord {
  static_assert(basis >= 1, "the chord method needs a basis of at least one vector");
  static constexpr std::string_view name = "chord";
  static constexpr bool may_be_moved = true;

  double max_ratio = 0.5;  ///< in (0, 1]
  double forcing = 0.01;   ///< a basis is large enough where |g - (I - J) s| <= map.forcing(this) |g|; in (0, 1)

  template <class S>
  struct Memory {
    detail::KrylovSpace<S> space;  ///< V and H; no columns: nothing is kept yet
    S* g;                          ///< f(z) - z of the last iterate
    double last_length;            ///< |g| before the last step
  };

  template <class S>
  [[nodiscard]] Memory<S> start(const Extent& size, Scratch& scratch) const {
    check(max_ratio > 0 && max_ratio <= 1, "max_ratio of Chord", max_ratio, "a number above 0, at most 1");
    check(forcing > 0 && forcing < 1, "forcing of Chord", forcing, "a number between 0 and 1");
    return {detail::KrylovSpace<S>::make(size, basis, scratch), scratch.take<S>(size), 0};
  }

  template <class S, class Map>
  bool step(Memory<S>& m, std::span<S> z, std::span<S> f, const SampleMap<S, Map>& map) const {
    const Index size = static_cast<Index>(z.size());
    detail::VectorMap<S> g(m.g, size), at(z.data(), size);
    g = detail::ConstVectorMap<S>(f.data(), size) - at;
    const double length = detail::norm(m.g, map.extent());
    auto& space = m.space;
    const bool slow = space.columns == 0 || !(length <= max_ratio * m.last_length);
    m.last_length = length;
    double* const c = space.column;
    if (slow && length > 0 && map.left() >= 3) {
      const auto linear = map.linearize(z, f);
      const auto op = [&](const S* v, S* out) {
        if (map.left() < 2 || !linear.jvp({v, z.size()}, {out, z.size()})) return false;
        detail::VectorMap<S>(out, size) = detail::ConstVectorMap<S>(v, size) - detail::VectorMap<S>(out, size);
        return true;
      };
      space.build(op, m.g, length, map.forcing(forcing));
      std::fill_n(c, space.columns + 1, 0.0);
      c[0] = length;
    } else if (space.columns > 0) {
      space.project(m.g);
    }
    at += g;
    if (space.columns == 0) return false;
    space.add(c, space.columns + 1, -1, z.data());
    space.least_squares(c);
    space.add(c, space.columns, 1, z.data());
    return false;
  }
};

}  // namespace basin
