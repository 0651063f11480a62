#pragma once

// Colours for numbers, and the pictures that the page draws: four bytes a pixel, red, green, blue and alpha.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace playground {

struct Colour {
  float red = 0, green = 0, blue = 0, alpha = 255;  // 0 to 255
};

[[nodiscard]] inline Colour mixed(const Colour& a, const Colour& b, float share) {
  const auto mix = [share](float from, float to) { return from + share * (to - from); };
  return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue), mix(a.alpha, b.alpha)};
}

/// From dark to light for 0 to 1, equally bright steps for the eye, readable without seeing red or green: eight points
/// of the map "viridis" (S. van der Walt, N. Smith 2015), with the darkest a little darker.
[[nodiscard]] inline Colour sequential(float value) {
  static constexpr std::array<Colour, 8> points{{{22, 14, 44},
                                                 {66, 54, 122},
                                                 {54, 92, 141},
                                                 {39, 127, 142},
                                                 {31, 161, 135},
                                                 {74, 194, 109},
                                                 {159, 218, 58},
                                                 {253, 231, 37}}};
  const float at = std::clamp(value, 0.0f, 1.0f) * 7;
  const auto below = std::min<std::size_t>(6, static_cast<std::size_t>(at));
  return mixed(points[below], points[below + 1], at - static_cast<float>(below));
}

/// Blue below zero, orange above, and nothing at zero, so that the page shows through. Numbers have no bound: half of
/// the colour is there at `half`.
[[nodiscard]] inline Colour diverging(float value, float half) {
  const float size = std::abs(value), strength = size / (size + half);
  Colour colour = value < 0 ? Colour{38, 110, 190} : Colour{224, 106, 20};
  colour.alpha = 255 * strength;
  return colour;
}

/// Pixels in rows, from the upper left one.
class Picture {
 public:
  void resize(int width, int height) {
    width_ = width;
    bytes_.assign(static_cast<std::size_t>(4 * width * height), 0);
  }
  void set(int x, int y, const Colour& colour) {
    std::uint8_t* pixel = bytes_.data() + 4 * (y * width_ + x);
    const auto byte = [](float value) { return static_cast<std::uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f)); };
    pixel[0] = byte(colour.red);
    pixel[1] = byte(colour.green);
    pixel[2] = byte(colour.blue);
    pixel[3] = byte(colour.alpha);
  }
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }

 private:
  int width_ = 0;
  std::vector<std::uint8_t> bytes_;
};

/// Calls visit(x, y) for the cells of a grid whose centres are within `radius` of (x, y), in cells; the nearest one is
/// always among them, if it is in the grid.
template <class Visit>
void each_within(double x, double y, double radius, int width, int height, const Visit& visit) {
  const auto nearest_x = static_cast<int>(std::floor(x)), nearest_y = static_cast<int>(std::floor(y));
  const auto reach = static_cast<int>(std::ceil(radius));
  for (int j = std::max(0, nearest_y - reach); j <= std::min(height - 1, nearest_y + reach); ++j) {
    for (int i = std::max(0, nearest_x - reach); i <= std::min(width - 1, nearest_x + reach); ++i) {
      const bool nearest = i == nearest_x && j == nearest_y;
      if (nearest || std::hypot(i + 0.5 - x, j + 0.5 - y) <= radius) visit(i, j);
    }
  }
}

}  // namespace playground
