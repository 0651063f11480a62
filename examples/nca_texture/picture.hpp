#pragma once

// A state of nca_texture as a picture.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "basin/io/image.hpp"
#include "model.hpp"

namespace nca_texture {

/// The first features, plus one half, as a picture; a cell is scale x scale pixels.
inline basin::Image picture_of(View<const float> z, Index scale = 1) {
  State<float> small(z.shape().with_features(colours));
  small.view().matrix() = (z.matrix().topRows(colours).array() + 0.5f).matrix();
  const basin::Image cells = basin::to_image(small);
  basin::Image image{scale * cells.width, scale * cells.height, colours, {}};
  image.pixels.resize(static_cast<std::size_t>(image.width * image.height * colours));
  for (Index y = 0; y < image.height; ++y) {
    for (Index x = 0; x < image.width; ++x) std::copy_n(cells.at(x / scale, y / scale), colours, image.at(x, y));
  }
  return image;
}

/// With 24 shades of each colour: what is lost is not seen, and the file is half as large.
inline basin::Image with_few_shades(basin::Image image) {
  for (std::uint8_t& value : image.pixels) {
    value = static_cast<std::uint8_t>(std::lround(value * 23 / 255.0) * 255 / 23);
  }
  return image;
}

}  // namespace nca_texture
