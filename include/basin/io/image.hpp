#pragma once

// Images of bytes, as files hold them, and states of numbers, as models take them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "basin/core/state.hpp"

namespace basin {

/// 8 bits a channel, rows from the top, pixels from the left, channels together: (channels, width, height).
struct Image {
  Index width = 0;                   ///< pixels of a row
  Index height = 0;                  ///< rows
  Index channels = 1;                ///< 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  std::vector<std::uint8_t> pixels;  ///< channels * width * height

  /// The channels of one pixel.
  [[nodiscard]] std::uint8_t* at(Index x, Index y) {
    return pixels.data() + static_cast<std::size_t>((y * width + x) * channels);
  }
  [[nodiscard]] const std::uint8_t* at(Index x, Index y) const {
    return pixels.data() + static_cast<std::size_t>((y * width + x) * channels);
  }
};

/// The image as one sample (channels, width, height, 1, 1) of numbers from 0 to 1.
template <class S = float>
[[nodiscard]] State<S> to_state(const Image& image) {
  State<S> out(Shape{image.channels, {image.width, image.height, 1}, 1});
  check(static_cast<Index>(image.pixels.size()) == out.shape.size(), "number of bytes of an image", image.pixels.size(),
        out.shape.size());
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    out.values[static_cast<Index>(i)] = static_cast<S>(image.pixels[i]) / S{255};
  }
  return out;
}

/// A sample (1 to 4, width, height, 1, 1) as an image; numbers are cut to 0 to 1 and rounded, NaN becomes 0.
/// Throws std::invalid_argument for another shape.
template <class S>
[[nodiscard]] Image to_image(View<S> state) {
  const Shape& shape = state.shape();
  check(shape.features >= 1 && shape.features <= 4 && shape.space[2] == 1 && shape.samples == 1,
        "shape of a state that is to be an image", shape, "(1 to 4, width, height, 1, 1)");
  Image image{shape.space[0], shape.space[1], shape.features, {}};
  image.pixels.reserve(static_cast<std::size_t>(shape.size()));
  for (Index i = 0; i < shape.size(); ++i) {
    const double value = static_cast<double>(state.data()[i]);
    // The comparison is false for NaN.
    image.pixels.push_back(value > 0 ? static_cast<std::uint8_t>(std::min(value, 1.0) * 255.0 + 0.5) : std::uint8_t{0});
  }
  return image;
}

template <class S>
[[nodiscard]] Image to_image(const State<S>& state) {
  return to_image(state.view());
}

}  // namespace basin
