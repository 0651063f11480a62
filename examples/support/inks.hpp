#pragma once

// Pictures given by their colour at a point, such as those that programs draw when none is given.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "basin/io/image.hpp"

namespace basin::examples {

/// A colour, 0 to 1 each; nothing where alpha is 0.
struct Ink {
  double red = 0, green = 0, blue = 0, alpha = 0;
};

/// Whether (x, y) is in the ellipse around (cx, cy) with these radii.
[[nodiscard]] inline bool in_ellipse(double x, double y, double cx, double cy, double rx, double ry) {
  const double u = (x - cx) / rx, v = (y - cy) / ry;
  return u * u + v * v < 1;
}

/// Whether (x, y) is nearer than `width` to the line from (x0, y0) to (x1, y1).
[[nodiscard]] inline bool on_stroke(double x, double y, double x0, double y0, double x1, double y1, double width) {
  const double dx = x1 - x0, dy = y1 - y0;
  const double along = std::clamp(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0.0, 1.0);
  return std::hypot(x - x0 - along * dx, y - y0 - along * dy) < width;
}

/// `pixels` x `pixels`, with alpha: ink_at(x, y) says the colour at a point, x and y from -1 to 1, y downwards.
template <class InkAt>
[[nodiscard]] Image drawn(Index pixels, const InkAt& ink_at) {
  constexpr int fine = 4;  // points along a side of a pixel
  Image image{pixels, pixels, 4, {}};
  image.pixels.reserve(static_cast<std::size_t>(4 * pixels * pixels));
  for (Index j = 0; j < pixels; ++j) {
    for (Index i = 0; i < pixels; ++i) {
      Ink sum;
      for (int k = 0; k < fine * fine; ++k) {
        const auto at = [&](Index pixel, int part) {
          return 2 * (static_cast<double>(pixel) + (part + 0.5) / fine) / static_cast<double>(pixels) - 1;
        };
        const Ink one = ink_at(at(i, k % fine), at(j, k / fine));
        sum = {sum.red + one.red * one.alpha, sum.green + one.green * one.alpha, sum.blue + one.blue * one.alpha,
               sum.alpha + one.alpha};
      }
      const double covered = std::max(sum.alpha, 1e-9);
      for (const double value :
           {sum.red / covered, sum.green / covered, sum.blue / covered, sum.alpha / (fine * fine)}) {
        image.pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0))));
      }
    }
  }
  return image;
}

}  // namespace basin::examples
