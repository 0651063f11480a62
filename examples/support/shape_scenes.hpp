#pragma once

// Images of shapes in clutter that the program makes, each a function of a seed and its number alone, so that a
// training sees no image twice and a run resumes bit for bit: discs, squares and triangles, dark or bright, each before
// those drawn earlier, on a ground that is brighter on one side, under thin lines and noise. A pixel is ground (0),
// disc (1), square (2) or triangle (3). Inside of a shape no pixel tells which it is of: that shows at the outline
// alone.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "basin/core/random.hpp"
#include "basin/core/state.hpp"
#include "dice.hpp"

namespace basin::examples {

inline constexpr int shape_classes = 4;

struct ShapeScene {
  /// Pixels along an edge. One to three shapes, and three lines, for each 32 x 32 pixels of scale 1; at most 16 times
  /// as many.
  Index side = 32;
  double scale = 1;     ///< of all lengths: shapes are 6 to 10 times this from middle to edge, about
  double noise = 0.04;  ///< standard deviation
  std::uint64_t layout_stream = std::uint64_t{1} << 40;  ///< of random numbers; the noise has the next one

  [[nodiscard]] Index pixels() const { return side * side; }
};

/// Image `number` of a seed. `pixel` and `label` have side * side entries; pixels are 0 to 1 but for the noise.
inline void draw_shapes(const ShapeScene& scene, std::uint64_t seed, std::uint64_t number, float* pixel, int* label) {
  const Index side = scene.side, pixels = scene.pixels();
  const double scale = scene.scale, edge = static_cast<double>(side) / (32 * scale);
  const auto areas = static_cast<std::size_t>(std::max(1.0, std::round(edge * edge)));
  check(areas <= 16, "areas of 32 x 32 pixels of an image of shapes", areas, "at most 16");  // dice have 1,024 numbers
  Dice dice(seed, scene.layout_stream, number);
  const double ground = dice.uniform(0.3, 0.7), slope = dice.uniform(0, 0.3);
  const double towards = dice.uniform(0, 2 * std::numbers::pi);
  const double middle = static_cast<double>(side - 1) / 2.0;
  const auto each_pixel = [&](const auto& visit) {
    for (Index y = 0; y < side; ++y) {
      for (Index x = 0; x < side; ++x) visit(static_cast<double>(x), static_cast<double>(y), y * side + x);
    }
  };
  each_pixel([&](double x, double y, Index i) {
    const double along = ((x - middle) * std::cos(towards) + (y - middle) * std::sin(towards)) / middle;
    pixel[i] = static_cast<float>(ground + 0.5 * slope * along);
    label[i] = 0;
  });
  const std::size_t count = areas + dice.below(2 * areas + 1);
  const double first = 4 * scale, last = static_cast<double>(side - 1) - 4 * scale;
  for (std::size_t k = 0; k < count; ++k) {
    const int shape = 1 + static_cast<int>(dice.below(3));
    const double size = scale * dice.uniform(6, 10), turn = dice.uniform(-0.3, 0.3);
    const double at_x = dice.uniform(first, last), at_y = dice.uniform(first, last);
    const double contrast = dice.uniform(0.2, 0.4) * (dice.below(2) == 0 ? -1 : 1);
    each_pixel([&](double x, double y, Index i) {
      const double dx = x - at_x, dy = y - at_y;
      const double u = dx * std::cos(turn) + dy * std::sin(turn), v = dy * std::cos(turn) - dx * std::sin(turn);
      bool inside = false;
      if (shape == 1) inside = u * u + v * v < size * size;
      if (shape == 2) inside = std::max(std::abs(u), std::abs(v)) < 0.85 * size;
      // Equal sides, the middle in (u, v) = 0.
      if (shape == 3) inside = v > -0.6 * size && std::sqrt(3.0) * std::abs(u) + v < 1.2 * size;
      if (!inside) return;
      pixel[i] = static_cast<float>(ground + contrast);
      label[i] = shape;
    });
  }
  for (std::size_t k = 0; k < 3 * areas; ++k) {  // thin lines across everything
    const double at_x = dice.uniform(0, static_cast<double>(side)), at_y = dice.uniform(0, static_cast<double>(side));
    const double turn = dice.uniform(0, std::numbers::pi), half = scale * dice.uniform(4, 16);
    const auto brightness = static_cast<float>(dice.uniform(0, 1));
    each_pixel([&](double x, double y, Index i) {
      const double along = (x - at_x) * std::cos(turn) + (y - at_y) * std::sin(turn);
      const double across = (y - at_y) * std::cos(turn) - (x - at_x) * std::sin(turn);
      if (std::abs(along) < half && std::abs(across) < 0.5 * scale) pixel[i] = brightness;
    });
  }
  const Random noise{seed, scene.layout_stream + 1};
  for (Index i = 0; i < pixels; ++i) {
    const std::uint64_t index = number * static_cast<std::uint64_t>(pixels) + static_cast<std::uint64_t>(i);
    pixel[i] += static_cast<float>(scene.noise * noise.normal(index));
  }
}

}  // namespace basin::examples
