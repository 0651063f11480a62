#pragma once

// The texture that nca_texture draws when none is given: overlapping scales with golden rims. It repeats every
// `scale` pixels both ways.

#include <algorithm>
#include <array>
#include <cmath>

#include "basin/io/image.hpp"

namespace nca_texture {

namespace detail {

using Ink = std::array<double, 3>;

inline Ink mix(const Ink& a, const Ink& b, double t) {
  Ink out{};
  for (std::size_t c = 0; c < 3; ++c) out[c] = a[c] + (b[c] - a[c]) * std::clamp(t, 0.0, 1.0);
  return out;
}

/// The colour at a point, in widths of a scale; y downwards.
inline Ink scales(double x, double y) {
  constexpr Ink deep{0.03, 0.16, 0.26}, sea{0.10, 0.62, 0.62}, gold{0.98, 0.80, 0.38}, ink{0.02, 0.05, 0.10};
  constexpr double radius = 0.56;
  // Rows are half a width apart, every other one is shifted; a lower row lies over the one above it.
  for (double row = std::ceil(2 * (y + radius)); row >= 2 * (y - radius) - 1; --row) {
    const double shift = std::fmod(std::abs(row), 2.0) == 1 ? 0.5 : 0.0;
    const double cx = std::round(x - shift) + shift, cy = row / 2;
    const double r = std::hypot(x - cx, y - cy) / radius;
    if (r >= 1) continue;
    if (r > 0.90) return ink;
    if (r > 0.72) return gold;
    return mix(sea, deep, 0.5 + 1.1 * (y - cy) / radius + 0.35 * (x - cx) / radius);
  }
  return ink;
}

}  // namespace detail

/// `pixels` x `pixels`, with scales of `scale` pixels.
inline basin::Image drawn_texture(basin::Index pixels, basin::Index scale) {
  constexpr int fine = 4;  // points along a side of a pixel
  basin::Image image{pixels, pixels, 3, {}};
  image.pixels.reserve(static_cast<std::size_t>(3 * pixels * pixels));
  for (basin::Index j = 0; j < pixels; ++j) {
    for (basin::Index i = 0; i < pixels; ++i) {
      detail::Ink sum{};
      for (int k = 0; k < fine * fine; ++k) {
        const auto at = [&](basin::Index pixel, int part) {
          return (static_cast<double>(pixel) + (part + 0.5) / fine) / static_cast<double>(scale);
        };
        const detail::Ink one = detail::scales(at(i, k % fine), at(j, k / fine));
        for (std::size_t c = 0; c < 3; ++c) sum[c] += one[c] / (fine * fine);
      }
      for (const double value : sum) image.pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * value)));
    }
  }
  return image;
}

}  // namespace nca_texture
