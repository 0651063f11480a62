#pragma once

// RGB images of squares: frames of animations, and what stands in a sheet of pictures.

#include <vector>

#include "basin/core/check.hpp"
#include "basin/core/state.hpp"
#include "basin/io/image.hpp"
#include "colours.hpp"

namespace basin::examples {

/// An RGB image of one colour.
[[nodiscard]] Image blank(Index width, Index height, Colour colour = white);

/// A rectangle of one colour. What is outside of the image is left out.
void fill(Image& image, Index x, Index y, Index width, Index height, Colour colour);

/// The second image below the first, both RGB; what the narrower one leaves free is white.
[[nodiscard]] Image below(const Image& first, const Image& second);

/// The middle of an image, without `border` pixels on each side.
[[nodiscard]] Image middle_of(const Image& image, Index border);

/// One image a sample of tiles (1, width, height, 1, N): numbers through a colour map whose ends stand for `low` and
/// `high`. Throws std::invalid_argument for another shape.
[[nodiscard]] std::vector<Image> images_of(View<const float> tiles, ColourMap map, double low = 0, double high = 1);

/// The channels of one sample (C, X, Y, 1, 1) as C tiles (1, X, Y, 1, C).
[[nodiscard]] State<float> channels_as_tiles(View<const float> sample);

}  // namespace basin::examples
