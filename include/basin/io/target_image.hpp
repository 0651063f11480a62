#pragma once

// Pictures as what growing automata are to grow, and states as pictures.
//
// The first four features of a cell are colours times alpha, and alpha: (r a, g a, b a, a), each in [0, 1]. Over a
// white background that shows as
//
//   colour + (1 - alpha)                         (Mordvintsev et al., "Growing Neural Cellular Automata", Distill 2020)
//
// A picture is made smaller by averaging over areas: a cell is the mean of the rectangle of the picture that it covers,
// parts of pixels counted as parts. The mean is that of colours times alpha, so what is transparent lends no colour to
// its neighbours.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/io/image.hpp"
#include "basin/io/png.hpp"

namespace basin {

/// Where a picture goes on a grid: into a box of size x size cells, with empty cells around it. The defaults are those
/// of the article.
struct TargetOptions {
  Index size = 40;     ///< cells along the longer side of the picture; the shorter side is centred in the box
  Index padding = 16;  ///< empty cells on each side of the box
};

namespace detail {

/// One axis of a resize: cell i is sum_k weights[k] pixel[first + k].
struct AreaWeights {
  std::size_t first = 0;
  std::vector<double> weights;
};

/// For each of `cells` cells the pixels that it covers of `pixels`, weighted by the share of the cell that each has.
[[nodiscard]] inline std::vector<AreaWeights> area_weights(Index pixels, Index cells) {
  std::vector<AreaWeights> out;
  for (Index i = 0; i < cells; ++i) {
    // In units of 1 / cells of a pixel all bounds are whole, so that no sliver comes from rounding.
    const Index low = i * pixels, high = low + pixels;
    AreaWeights cell{static_cast<std::size_t>(low / cells), {}};
    for (Index p = low / cells; p * cells < high; ++p) {
      const Index covered = std::min(high, (p + 1) * cells) - std::max(low, p * cells);
      cell.weights.push_back(static_cast<double>(covered) / static_cast<double>(pixels));
    }
    out.push_back(std::move(cell));
  }
  return out;
}

/// (r a, g a, b a, a) of a pixel, 0 to 1. An image without alpha is opaque.
[[nodiscard]] inline std::array<double, 4> premultiplied(const std::uint8_t* pixel, Index channels) {
  const bool grey = channels <= 2;
  const double alpha = channels % 2 == 0 ? pixel[channels - 1] / 255.0 : 1.0;
  std::array<double, 4> out{0, 0, 0, alpha};
  for (std::size_t c = 0; c < 3; ++c) out[c] = pixel[grey ? 0 : c] / 255.0 * alpha;
  return out;
}

}  // namespace detail

/// A picture as a state (4, X, Y, 1, 1) of premultiplied colours and alpha, X = Y = size + 2 padding. x runs to the
/// right, y downwards. The proportions are kept: the longer side becomes `size` cells, the shorter side as many as that
/// leaves, rounded, at least one. A picture with fewer pixels than that is enlarged, without smoothing.
/// Throws std::invalid_argument for an image that is empty, of other than 1 to 4 channels, or whose pixels do not fit
/// its size, and for options that leave no cells.
template <class S = float>
[[nodiscard]] State<S> target_state(const Image& image, const TargetOptions& options = {}) {
  check(image.width >= 1 && image.height >= 1, "size of an image",
        std::to_string(image.width) + "x" + std::to_string(image.height), "1 or more either way");
  check(image.channels >= 1 && image.channels <= 4, "number of channels of an image", image.channels, "1 to 4");
  const auto bytes = static_cast<std::size_t>(image.channels * image.width * image.height);
  check(image.pixels.size() == bytes, "number of bytes of an image", image.pixels.size(), bytes);
  check(options.size >= 1, "size of a target", options.size, "1 or more");
  check(options.padding >= 0, "padding of a target", options.padding, "0 or more");

  const Index longer = std::max(image.width, image.height);
  const auto cells_of = [&](Index side) {
    return std::max<Index>(1, (2 * side * options.size + longer) / (2 * longer));  // rounded, in whole numbers
  };
  const Index width = cells_of(image.width), height = cells_of(image.height);
  const std::vector<detail::AreaWeights> along_x = detail::area_weights(image.width, width);
  const std::vector<detail::AreaWeights> along_y = detail::area_weights(image.height, height);

  const Index extent = options.size + 2 * options.padding;
  const Index left = options.padding + (options.size - width) / 2, top = options.padding + (options.size - height) / 2;
  State<S> target(Shape{4, {extent, extent, 1}, 1});
  for (Index y = 0; y < height; ++y) {
    const detail::AreaWeights& rows = along_y[static_cast<std::size_t>(y)];
    for (Index x = 0; x < width; ++x) {
      const detail::AreaWeights& columns = along_x[static_cast<std::size_t>(x)];
      std::array<double, 4> mean{};
      for (std::size_t j = 0; j < rows.weights.size(); ++j) {
        for (std::size_t i = 0; i < columns.weights.size(); ++i) {
          const std::uint8_t* pixel =
              image.at(static_cast<Index>(columns.first + i), static_cast<Index>(rows.first + j));
          const std::array<double, 4> colour = detail::premultiplied(pixel, image.channels);
          for (std::size_t c = 0; c < 4; ++c) mean[c] += rows.weights[j] * columns.weights[i] * colour[c];
        }
      }
      S* cell = target.values.data() + 4 * ((top + y) * extent + left + x);
      // The weights sum to 1 but for rounding.
      for (std::size_t c = 0; c < 4; ++c) cell[c] = static_cast<S>(std::min(mean[c], 1.0));
    }
  }
  return target;
}

/// The same for a PNG file. Throws FileError as read_png does.
template <class S = float>
[[nodiscard]] State<S> read_target_image(const std::string& path, const TargetOptions& options = {},
                                         const PngLimits& limits = {}) {
  return target_state<S>(read_png(path, limits), options);
}

/// The first four features of a state (4 or more, X, Y, 1, 1) over a white background: an RGB image of scale X by
/// scale Y pixels, a cell being scale x scale of them. Numbers are cut to 0 to 1 and rounded, NaN becomes black.
/// Throws std::invalid_argument for another shape, or a scale below 1.
template <class S>
[[nodiscard]] Image image_over_white(View<S> state, Index scale = 1) {
  const Shape& shape = state.shape();
  check(shape.features >= 4 && shape.space[2] == 1 && shape.samples == 1,
        "shape of a state that is to be an image over white", shape, "(4 or more, width, height, 1, 1)");
  check(scale >= 1, "scale of an image", scale, "1 or more");
  using Number = std::remove_const_t<S>;
  State<Number> colours(shape.with_features(3));
  for (Index cell = 0; cell < shape.cells(); ++cell) {
    const S* from = state.data() + cell * shape.features;
    for (Index c = 0; c < 3; ++c) colours.values[3 * cell + c] = Number{1} - from[3] + from[c];
  }
  const Image small = to_image(colours);
  if (scale == 1) return small;

  Image image{small.width * scale, small.height * scale, 3, {}};
  image.pixels.resize(static_cast<std::size_t>(image.width * image.height * 3));
  for (Index y = 0; y < image.height; ++y) {
    for (Index x = 0; x < image.width; ++x) std::copy_n(small.at(x / scale, y / scale), 3, image.at(x, y));
  }
  return image;
}

template <class S>
[[nodiscard]] Image image_over_white(const State<S>& state, Index scale = 1) {
  return image_over_white(state.view(), scale);
}

}  // namespace basin
