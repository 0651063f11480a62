#pragma once

// Images turned, sheared, scaled and shifted a little at random, so that a training sees each of its images in many
// forms (P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to visual
// document analysis", ICDAR 2003, section 2).

#include <algorithm>
#include <cmath>

#include <Eigen/Core>

#include "basin/core/random.hpp"
#include "basin/core/state.hpp"

namespace basin::examples {

/// Bounds of what is drawn uniformly.
struct Distortion {
  double turn = 0.12;   ///< radians
  double shear = 0.1;   ///< columns a line
  double scale = 0.07;  ///< of the width, and of the height, more or less
  double shift = 0.7;   ///< columns, and lines
};

/// The image to[line][column], of Side x Side numbers, is `from` seen through a random affine map about its centre,
/// times `strength` of `most`, between pixels by bilinear interpolation; what lies beyond the edge is `beyond`.
template <int Side>
void distort(const float* from, float beyond, const Distortion& most, double strength, const Random& random,
             float* to) {
  constexpr int border = 2, line = Side + 2 * border;
  alignas(64) float framed[line * line];
  std::fill_n(framed, line * line, beyond);
  for (int i = 0; i < Side; ++i) std::copy_n(from + i * Side, Side, framed + (i + border) * line + border);

  const auto draw = [&](std::uint64_t index, double bound) {
    return random.uniform(index, -strength * bound, strength * bound);
  };
  const double turn = draw(0, most.turn), shear = draw(1, most.shear);
  const double across = std::cos(turn) * (1 + draw(2, most.scale)), down = std::cos(turn) * (1 + draw(3, most.scale));
  const double column_a_line = shear - std::sin(turn), line_a_column = std::sin(turn);
  constexpr double centre = 0.5 * (Side - 1);
  const double first_column = centre + draw(4, most.shift) - centre * (across + column_a_line) + border;
  const double first_line = centre + draw(5, most.shift) - centre * (line_a_column + down) + border;

  // Positions in the frame; those further out than a pixel see nothing but what is beyond.
  constexpr float least = border - 1, greatest = border + Side;
  const auto x_a_column = static_cast<float>(across), y_a_column = static_cast<float>(line_a_column);
  constexpr int padded = (Side + 15) / 16 * 16;  // whole vectors
  using Line = Eigen::Array<float, padded, 1>;
  using Corners = Eigen::Array<int, padded, 1>;
  const Line column = Line::LinSpaced(padded, 0, padded - 1);
  for (int i = 0; i < Side; ++i) {
    const auto x_first = static_cast<float>(first_column + column_a_line * i);
    const auto y_first = static_cast<float>(first_line + down * i);
    const Line x = (x_first + x_a_column * column).cwiseMax(least).cwiseMin(greatest);
    const Line y = (y_first + y_a_column * column).cwiseMax(least).cwiseMin(greatest);
    const Corners left = x.template cast<int>(), above = y.template cast<int>(), corner = above * line + left;
    const Line right_share = x - left.template cast<float>(), lower_share = y - above.template cast<float>();
    for (int j = 0; j < Side; ++j) {
      const float* at = framed + corner[j];
      const float upper = at[0] + right_share[j] * (at[1] - at[0]);
      const float lower = at[line] + right_share[j] * (at[line + 1] - at[line]);
      to[i * Side + j] = upper + lower_share[j] * (lower - upper);
    }
  }
}

}  // namespace basin::examples
