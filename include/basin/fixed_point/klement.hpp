#pragma once

// Klement's method with a diagonal Jacobian for g(z) = f(z) - z = 0: the secant method in each number by itself.
//
// D approximates dg/dz by a diagonal and starts as -I, so the first step is Picard's. After the step s to the point
// where g is g+, Klement's update of a diagonal,
//
//   d_i+ = d_i + (y_i - d_i s_i) / (d_i s_i)^2 * s_i d_i^2 = y_i / s_i        y = g+ - g
//
// makes d_i the slope of g_i along s_i, and z_i <- z_i - g_i+ / d_i+. A slope that is not finite is not taken, and
// |d_i| is kept within [min_slope, 1 / min_slope]. Where the numbers of z do not couple this is the secant method, and
// converges as fast; where they do, the slopes hold what the others did, and Anderson or Broyden is the better choice.
// It costs a pass over memory, and no inner product.
//
// Klement 2014, J. Aerosp. Technol. Manag. 6(4). Memory of a sample: 3 vectors.

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

#include "basin/core/scratch.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

struct Klement {
  static constexpr std::string_view name = "klement";

  double min_slope = 0.01;  ///< in (0, 1): a step is at most 1 / min_slope times Picard's, in each number

  template <class S>
  struct Memory {
    S* slope;    ///< d, the diagonal of D
    S* step;     ///< s, the last step
    S* g;        ///< f(z) - z where that step began
    bool begun;  ///< whether a step has been made: before that the arrays hold nothing
  };

  template <class S>
  [[nodiscard]] Memory<S> start(const Extent& size, Scratch& scratch) const {
    check(min_slope > 0 && min_slope < 1, "min_slope of Klement", min_slope, "a number between 0 and 1");
    return {scratch.take<S>(size), scratch.take<S>(size), scratch.take<S>(size), false};
  }

  template <class S>
  void step(Memory<S>& m, std::span<S> z, std::type_identity_t<std::span<const S>> f) const {
    const S least = static_cast<S>(min_slope), most = static_cast<S>(1 / min_slope);
    for (std::size_t i = 0; i < z.size(); ++i) {
      const S g = f[i] - z[i];
      S slope = S(-1);
      if (m.begun) {
        const S secant = (g - m.g[i]) / m.step[i];
        const S sign = secant == 0 ? m.slope[i] : secant;
        slope = std::isfinite(secant) ? std::copysign(std::clamp(std::abs(secant), least, most), sign) : m.slope[i];
      }
      m.slope[i] = slope;
      m.g[i] = g;
      const S from = z[i];
      z[i] = from - g / slope;
      m.step[i] = z[i] - from;
    }
    m.begun = true;
  }
};

}  // namespace basin
