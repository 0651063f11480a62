#pragma once

// The picture that nca_grow draws when none is given: a ladybird on a leaf, seen from above.

#include <array>
#include <cmath>

#include "../support/inks.hpp"

namespace nca_grow {

using basin::examples::Ink;

/// The colour at a point; x and y run from -1 to 1, y downwards.
inline Ink ladybird(double x, double y) {
  const auto ellipse = [&](double cx, double cy, double rx, double ry) {
    return basin::examples::in_ellipse(x, y, cx, cy, rx, ry);
  };
  const auto stroke = [&](double x0, double y0, double x1, double y1, double width) {
    return basin::examples::on_stroke(x, y, x0, y0, x1, y1, width);
  };
  constexpr Ink black{0.08, 0.07, 0.10, 1}, red{0.86, 0.12, 0.10, 1}, white{0.97, 0.96, 0.92, 1};
  const double side = std::abs(x);
  if (ellipse(-0.16, -0.74, 0.06, 0.06) || ellipse(0.16, -0.74, 0.06, 0.06)) return white;  // eyes
  if (ellipse(0, 0.14, 0.70, 0.76)) {                                                       // wings
    if (side < 0.035 && y > -0.5) return black;
    const double sx = side;
    for (const std::array<double, 3>& spot :
         {std::array{0.30, -0.20, 0.135}, std::array{0.42, 0.20, 0.145}, std::array{0.22, 0.54, 0.125}}) {
      if (std::hypot(sx - spot[0], y - spot[1]) < spot[2]) return black;
    }
    const double light = 1 - 0.45 * std::max(0.0, std::hypot(x + 0.25, y + 0.1) - 0.2);
    return {red.red * light, red.green * light, red.blue * light, 1};
  }
  if (ellipse(0, -0.62, 0.36, 0.28)) return black;  // head
  for (const double sign : {-1.0, 1.0}) {           // feelers and legs
    if (stroke(sign * 0.14, -0.8, sign * 0.36, -0.97, 0.035)) return black;
    if (stroke(sign * 0.55, -0.28, sign * 0.92, -0.48, 0.05) || stroke(sign * 0.65, 0.18, sign * 0.97, 0.2, 0.05) ||
        stroke(sign * 0.5, 0.6, sign * 0.85, 0.86, 0.05)) {
      return black;
    }
  }
  return {};
}

/// `pixels` x `pixels`, with alpha.
inline basin::Image drawn_pattern(basin::Index pixels) { return basin::examples::drawn(pixels, ladybird); }

}  // namespace nca_grow
