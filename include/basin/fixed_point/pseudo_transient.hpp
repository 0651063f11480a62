#pragma once

// Pseudo-transient continuation: the flow dz/dt = f(z) - z followed to where it rests, in implicit steps that grow.
//
//   (1/delta I + I - J) s = g        J = df/dz at z, g = f(z) - z, to |residual| <= forcing |g|
//   z <- z + s,    delta <- delta |g| / |g+|, at most max_step
//
// The time step delta grows as the residual falls (switched evolution relaxation), so that the end is Newton's method
// and the beginning a path along the flow: where |g| has local minima that are no solutions, which stop a line search,
// the flow goes past them, to a fixed point that it is drawn to. From a start where Picard's iteration with enough
// damping settles, this settles too, in fewer evaluations if J is stiff.
//
// Kelley and Keyes 1998, SIAM J. Numer. Anal. 35(2), (1.3) and (1.6); Mulder and van Leer 1985, J. Comput. Phys. 59.
// Memory of a sample: 1 vector, and restart + 5 while it steps. Derivatives: fixed_point/sample_map.hpp.

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

#include "basin/core/scratch.hpp"
#include "basin/fixed_point/newton_equation.hpp"
#include "basin/fixed_point/sample_map.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// restart: vectors in the basis of GMRES.
template <int restart = 20>
struct PseudoTransient {
  static constexpr std::string_view name = "pseudo_transient";
  static constexpr bool may_be_moved = true;

  double first_step = 1;  ///< delta of the first step, in units of the time of dz/dt = f(z) - z; above 0
  double max_step = 1e8;  ///< at least first_step
  double forcing = 0.01;  ///< in (0, 1); larger where the stop test asks for no more (fixed_point/sample_map.hpp)
  int max_products = 60;  ///< with the Jacobian, in one step; 2 or more

  template <class S>
  struct Memory {
    S* step;                    ///< the last step of z
    double delta, last_length;  ///< of the last step, and |g| before it; 0 before the first
  };

  template <class S>
  [[nodiscard]] Memory<S> start(const Extent& size, Scratch& scratch) const {
    check(first_step > 0 && std::isfinite(first_step), "first_step of PseudoTransient", first_step,
          "a finite number above 0");
    check(max_step >= first_step, "max_step of PseudoTransient", max_step, "first_step or more");
    check(forcing > 0 && forcing < 1, "forcing of PseudoTransient", forcing, "a number between 0 and 1");
    check(max_products >= 2, "max_products of PseudoTransient", max_products, "2 or more");
    return {scratch.take<S>(size), 0, 0};
  }

  template <class S, class Map>
  bool step(Memory<S>& m, std::span<S> z, std::span<S> f, const SampleMap<S, Map>& map) const {
    const Index size = static_cast<Index>(z.size());
    const double length = detail::residual_norms<S>(z.data(), f.data(), map.extent()).residual;
    m.delta = m.last_length == 0 ? first_step : std::min(m.delta * (m.last_length / length), max_step);
    m.last_length = length;
    if (map.left() < 4) {  // too few to linearize, solve and evaluate
      std::copy_n(f.data(), size, z.data());
      return false;
    }
    detail::solve_newton_equation<restart, S>(map, z, f, 1 / m.delta, map.forcing(forcing), max_products, m.step);
    detail::VectorMap<S>(z.data(), size) += detail::ConstVectorMap<S>(m.step, size);
    return false;
  }
};

}  // namespace basin
