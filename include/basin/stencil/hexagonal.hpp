#pragma once

// Stencils of a plane of hexagons, whose cells have six neighbours, all at the same distance.
//
// The cells are kept in an ordinary array by their axial coordinates (q, r): q is x, along a row, and r is y, the row.
// Each row stands half a cell to the right of the one above it, so that the array is a parallelogram of the plane, with
// the centre of cell (x, y) at
//
//   (x + y / 2, sqrt(3) / 2 y)       in distances between neighbours, y downwards: hex_centre.
//
// The neighbours of a cell are then the same for all cells,
//
//         (0, -1)  (1, -1)
//     (-1, 0)   cell   (1, 0)
//         (-1, 1)  (0, 1)
//
// and stencils on the array are stencils of hexagons: everything that takes stencils takes these. So do boundaries; a
// Periodic array is a torus of hexagons. The turn of the plane by 60 degrees about the cell (0, 0) that takes (1, 0) to
// (0, 1) takes (x, y) to (-y, x + y). This is the plane of the published isotropic automata on hexagons, whose filter
// is 3 HexLaplacian (A. Mordvintsev, E. Randazzo, C. Fouts 2022, arXiv 2205.01681, and their code).

#include <algorithm>
#include <array>
#include <numbers>

#include "basin/stencil/stencil.hpp"

namespace basin {

/// The centre of the hexagon (x, y), in distances between neighbouring centres, y downwards.
[[nodiscard]] constexpr std::array<double, 2> hex_centre(int x, int y) {
  return {x + 0.5 * y, std::numbers::sqrt3 / 2 * y};
}

/// Steps from one hexagon to the one at (x, y) from it.
[[nodiscard]] constexpr int hex_distance(int x, int y) {
  return std::max({x < 0 ? -x : x, y < 0 ? -y : y, x + y < 0 ? -x - y : x + y});
}

/// The sum over the 6 Radius hexagons that are Radius steps away: with a radius of 1 the six neighbours.
template <int Radius = 1>
struct HexRing {
  static constexpr auto taps =
      detail::taps_in_box<2, Radius>([](int x, int y, int) { return hex_distance(x, y) == Radius ? 1.0 : 0.0; });
};

/// The mean over the 1 + 3 Radius (Radius + 1) hexagons that are at most Radius steps away, itself among them.
template <int Radius = 1>
struct HexMean {
  static constexpr auto taps = detail::mean_of(
      detail::taps_in_box<2, Radius>([](int x, int y, int) { return hex_distance(x, y) <= Radius ? 1.0 : 0.0; }));
};

/// Second differences: 2/3 (the sum over the six neighbours - 6 times the cell). Of the square of a coordinate of
/// hex_centre it is 2.
struct HexLaplacian {
  static constexpr auto taps = detail::taps_in_box<2, 1>([](int x, int y, int) {
    const int away = hex_distance(x, y);
    return away == 0 ? -4.0 : away == 1 ? 2.0 / 3 : 0.0;
  });
};

/// The slope along x, or y, of hex_centre: the sum over the six neighbours of their numbers times where they are, over
/// 3, which is the slope of the plane that fits them best. 1 on a plane that grows by 1 a distance.
struct HexGradientX {
  static constexpr auto taps = detail::taps_in_box<2, 1>(
      [](int x, int y, int) { return hex_distance(x, y) == 1 ? hex_centre(x, y)[0] / 3 : 0.0; });
};
struct HexGradientY {
  static constexpr auto taps = detail::taps_in_box<2, 1>(
      [](int x, int y, int) { return hex_distance(x, y) == 1 ? hex_centre(x, y)[1] / 3 : 0.0; });
};

}  // namespace basin
