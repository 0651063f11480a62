#pragma once

// The colours of an image as a palette of at most 256, as a frame of a GIF file has it.
//
// Where the image has no more than that, the palette has exactly its colours. Otherwise its colours are put into 256
// boxes, and each is replaced by the mean of its box: as in median cut (P. Heckbert, "Color image quantization for
// frame buffer display", SIGGRAPH 1982), boxes are cut in two until there are enough; but the box that is cut is the
// one whose squared deviations along an axis, summed over its pixels, are largest, and it is cut at its mean on that
// axis (S. J. Wan, P. Prusinkiewicz, S. K. M. Wong, "Variance-based color image quantization for frame buffer display",
// Color Research and Application 15, 1990). There is no dithering: still areas stay still, and compress well.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "basin/io/image.hpp"

namespace basin::detail {

using Rgb = std::array<std::uint8_t, 3>;

/// A frame as a file holds it.
struct PaletteFrame {
  std::vector<Rgb> palette;           ///< 1 to 256 colours
  std::vector<std::uint8_t> indices;  ///< of the pixels, into the palette
};

/// One colour of a frame.
struct CountedColour {
  Rgb rgb{};
  std::uint32_t pixels = 0;  ///< how many have it
  std::uint32_t number = 0;  ///< among the frame's colours, in ascending order
};

/// Some colours, and along which axis they differ most. All sums are whole numbers below 2^53, so that nothing depends
/// on the order of the colours.
struct ColourBox {
  std::span<CountedColour> colours;
  std::uint64_t pixels = 0;
  std::array<std::uint64_t, 3> sums{};
  std::size_t axis = 0;
  double spread = 0;  ///< squared deviations from the mean along the axis, over all pixels; 0 if there is one colour

  explicit ColourBox(std::span<CountedColour> inside) : colours(inside) {
    std::array<std::uint64_t, 3> squares{};
    for (const CountedColour& colour : colours) {
      pixels += colour.pixels;
      for (std::size_t c = 0; c < 3; ++c) {
        sums[c] += std::uint64_t{colour.pixels} * colour.rgb[c];
        squares[c] += std::uint64_t{colour.pixels} * colour.rgb[c] * colour.rgb[c];
      }
    }
    if (colours.size() < 2) return;
    // Two colours spread by 1/2 or more along some axis. Rounding is below 0.1 even for the largest frame, so an axis
    // along which all are equal is never taken.
    for (std::size_t c = 0; c < 3; ++c) {
      const auto sum = static_cast<double>(sums[c]);
      const double deviations = static_cast<double>(squares[c]) - sum * sum / static_cast<double>(pixels);
      if (deviations > spread) {
        spread = deviations;
        axis = c;
      }
    }
  }

  /// The colours below or at the mean, and those above; neither is empty if there is a spread.
  [[nodiscard]] std::pair<ColourBox, ColourBox> cut() const {
    const auto middle = std::partition(colours.begin(), colours.end(), [&](const CountedColour& colour) {
      return colour.rgb[axis] * pixels <= sums[axis];
    });
    const auto below = static_cast<std::size_t>(middle - colours.begin());
    return {ColourBox(colours.first(below)), ColourBox(colours.subspan(below))};
  }

  [[nodiscard]] Rgb mean() const {
    Rgb out{};
    for (std::size_t c = 0; c < 3; ++c) out[c] = static_cast<std::uint8_t>((sums[c] + pixels / 2) / pixels);
    return out;
  }
};

/// The palette of an image of 1 or 3 channels with fewer than 2^32 pixels.
[[nodiscard]] inline PaletteFrame with_palette(const Image& image) {
  constexpr std::size_t most_colours = 256;
  const auto count = static_cast<std::size_t>(image.width * image.height);
  const auto channels = static_cast<std::size_t>(image.channels);

  // Pixels in the order of their colours: the colour in the upper half, the place in the lower.
  std::vector<std::uint64_t> sorted(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* pixel = image.pixels.data() + i * channels;
    const std::uint64_t r = pixel[0], g = pixel[channels == 3 ? 1 : 0], b = pixel[channels == 3 ? 2 : 0];
    sorted[i] = r << 48 | g << 40 | b << 32 | i;
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<CountedColour> colours;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t rgb = sorted[i] >> 32;
    if (i == 0 || rgb != sorted[i - 1] >> 32) {
      colours.push_back({{static_cast<std::uint8_t>(rgb >> 16 & 0xff), static_cast<std::uint8_t>(rgb >> 8 & 0xff),
                          static_cast<std::uint8_t>(rgb & 0xff)},
                         0,
                         static_cast<std::uint32_t>(colours.size())});
    }
    ++colours.back().pixels;
  }

  std::vector<ColourBox> boxes{ColourBox(colours)};
  while (boxes.size() < most_colours) {
    const auto widest = std::max_element(boxes.begin(), boxes.end(),
                                         [](const ColourBox& a, const ColourBox& b) { return a.spread < b.spread; });
    if (widest->spread <= 0) break;
    const auto [below, above] = widest->cut();
    *widest = below;
    boxes.push_back(above);
  }

  PaletteFrame frame;
  std::vector<std::uint8_t> index_of(colours.size());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    frame.palette.push_back(boxes[i].mean());
    for (const CountedColour& colour : boxes[i].colours) index_of[colour.number] = static_cast<std::uint8_t>(i);
  }
  frame.indices.resize(count);
  std::size_t number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0 && sorted[i] >> 32 != sorted[i - 1] >> 32) ++number;
    frame.indices[sorted[i] & 0xffffffff] = index_of[number];
  }
  return frame;
}

}  // namespace basin::detail
