#pragma once

// Where a picture stands on a screen of pixels, and how large: all of it, enlarged or averaged; or a window of it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "basin/io/image.hpp"
#include "raster.hpp"

namespace basin::examples {

class Viewport {
 public:
  static constexpr int zooms = 3;

  /// A picture of width x height in a room of room_width x room_height pixels, all sizes at least 1. With zoom 0 all of
  /// it is shown, enlarged a whole number of times, or averaged. With each more a cell is twice as wide (first one
  /// pixel, if it was less), and a window is shown whose middle is at (x, y), where the edges let it.
  Viewport(Index width, Index height, Index room_width, Index room_height, int zoom = 0, double x = 0, double y = 0) {
    const double fit = std::min(static_cast<double>(room_width) / static_cast<double>(width),
                                static_cast<double>(room_height) / static_cast<double>(height));
    scale_ = fit >= 1 ? std::floor(fit) : fit;
    for (int i = 0; i < zoom; ++i) scale_ = scale_ < 1 ? 1 : 2 * scale_;
    const auto axis = [this](Index size, Index room, double middle) {
      const Index pixels =
          std::clamp<Index>(static_cast<Index>(std::lround(static_cast<double>(size) * scale_)), 1, room);
      const double seen = std::min(static_cast<double>(size), static_cast<double>(pixels) / scale_);
      const double first = std::clamp(middle - seen / 2, 0.0, static_cast<double>(size) - seen);
      return Axis{zooms_in() ? std::floor(first) : first, seen, pixels, (room - pixels) / 2};
    };
    across_ = axis(width, room_width, x);
    down_ = axis(height, room_height, y);
  }

  /// Pixels of the screen before the picture.
  [[nodiscard]] Index left() const { return across_.before; }
  [[nodiscard]] Index top() const { return down_.before; }
  /// Pixels a cell; below 1, cells are averaged.
  [[nodiscard]] double scale() const { return scale_; }

  /// From pixels of the screen, that of the picture; and back.
  [[nodiscard]] std::pair<double, double> cell_at(double x, double y) const { return {across_.cell(x), down_.cell(y)}; }
  [[nodiscard]] std::pair<double, double> pixel_of(double x, double y) const {
    return {across_.pixel(x), down_.pixel(y)};
  }

  /// What is seen of an RGB picture: each pixel is the mean of the area that it covers.
  [[nodiscard]] Image of(const Image& picture) const {
    const std::vector<Part> columns = parts(across_, picture.width), rows = parts(down_, picture.height);
    Image out = blank(across_.pixels, down_.pixels);
    for (Index y = 0; y < out.height; ++y) {
      const Part& row = rows[static_cast<std::size_t>(y)];
      for (Index x = 0; x < out.width; ++x) {
        const Part& column = columns[static_cast<std::size_t>(x)];
        double sum[3] = {0, 0, 0};
        for (Index j = row.first; j <= row.last; ++j) {
          for (Index i = column.first; i <= column.last; ++i) {
            const double weight = row.weight(j) * column.weight(i);
            for (int c = 0; c < 3; ++c) sum[c] += weight * picture.at(i, j)[c];
          }
        }
        for (int c = 0; c < 3; ++c) out.at(x, y)[c] = static_cast<std::uint8_t>(std::lround(sum[c]));
      }
    }
    return out;
  }

 private:
  struct Axis {
    double first = 0, seen = 0;    // cells: before the window, and in it
    Index pixels = 0, before = 0;  // of the screen: of the window, and before it

    [[nodiscard]] double cell(double at) const {
      return first + (at - static_cast<double>(before)) * seen / static_cast<double>(pixels);
    }
    [[nodiscard]] double pixel(double at) const {
      return static_cast<double>(before) + (at - first) * static_cast<double>(pixels) / seen;
    }
  };

  /// The cells that a pixel covers, of the first and the last of them a part; weights add up to 1.
  struct Part {
    double begin, end;
    Index first, last;

    [[nodiscard]] double weight(Index cell) const {
      const double at = static_cast<double>(cell);
      return (std::min(end, at + 1) - std::max(begin, at)) / (end - begin);
    }
  };

  [[nodiscard]] bool zooms_in() const { return scale_ >= 1; }

  [[nodiscard]] static std::vector<Part> parts(const Axis& axis, Index size) {
    std::vector<Part> all;
    const double each = axis.seen / static_cast<double>(axis.pixels);
    for (Index i = 0; i < axis.pixels; ++i) {
      const double begin = axis.first + each * static_cast<double>(i),
                   end = std::min(begin + each, static_cast<double>(size));
      const auto first = std::min(static_cast<Index>(begin + 1e-9), size - 1);
      // A part of a cell that is only rounding is none.
      all.push_back({begin, end, first, std::max(first, static_cast<Index>(std::ceil(end - 1e-9)) - 1)});
    }
    return all;
  }

  Axis across_, down_;
  double scale_ = 1;
};

/// On what is seen, a ring around a circle of the picture, black on what is light and white on what is dark.
inline void draw_ring(Image& seen, const Viewport& view, double x, double y, double radius) {
  const auto [middle_x, middle_y] = view.pixel_of(x, y);
  for (Index j = 0; j < seen.height; ++j) {
    for (Index i = 0; i < seen.width; ++i) {
      const double far = std::hypot(static_cast<double>(i + view.left()) + 0.5 - middle_x,
                                    static_cast<double>(j + view.top()) + 0.5 - middle_y);
      if (std::abs(far - radius * view.scale()) > 0.5) continue;
      const std::uint8_t* pixel = seen.at(i, j);
      fill(seen, i, j, 1, 1, readable_on({pixel[0], pixel[1], pixel[2]}));
    }
  }
}

}  // namespace basin::examples
