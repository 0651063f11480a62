#pragma once

// Colours of the classes of pixels, and images whose pixels are grey values or classes.

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "chart.hpp"
#include "colours.hpp"

namespace basin::examples {

inline constexpr std::array<Colour, 4> class_colours{{{232, 232, 226}, {213, 94, 0}, {0, 114, 178}, {0, 158, 115}}};

/// Of images of shapes (shape_scenes.hpp).
[[nodiscard]] inline std::vector<KeyEntry> shape_key() {
  return {{class_colours[0], "ground"},
          {class_colours[1], "disc"},
          {class_colours[2], "square"},
          {class_colours[3], "triangle"}};
}

/// Numbers up to 1 are grey; from 2 on they stand for classes of pixels.
[[nodiscard]] inline Colour grey_or_class(double t) {
  if (t < 1.5) return grey(t);
  return class_colours[std::min<std::size_t>(class_colours.size() - 1, static_cast<std::size_t>(std::lround(t)) - 2)];
}

/// Classes as numbers for grey_or_class.
inline void put_classes(std::span<const int> classes, float* tile) {
  for (const int c : classes) *tile++ = static_cast<float>(2 + c);
}

}  // namespace basin::examples
