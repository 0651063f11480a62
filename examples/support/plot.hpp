#pragma once

// Small raster figures for the examples: line charts, sheets of small images, and maps from numbers to colours.
// All of them are RGB images, to be written by write_png. Texts are ASCII.

#include <stb/stb_easy_font.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/io/image.hpp"

namespace basin::examples {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
};

/// From a number in 0 to 1 to a colour; numbers outside are cut, NaN is bright green.
using ColourMap = Colour (*)(double);

namespace detail {

inline constexpr Colour white{255, 255, 255}, ink{40, 40, 48}, pale{222, 222, 228}, not_a_number{0, 255, 0};

/// Straight lines through colours at equal distances.
template <std::size_t N>
[[nodiscard]] Colour between(const std::array<Colour, N>& colours, double t) {
  if (t != t) return not_a_number;
  const double at = std::clamp(t, 0.0, 1.0) * (N - 1);
  const auto i = std::min<std::size_t>(static_cast<std::size_t>(at), N - 2);
  const double f = at - static_cast<double>(i);
  const auto mix = [f](std::uint8_t a, std::uint8_t b) {
    return static_cast<std::uint8_t>(std::lround((1 - f) * a + f * b));
  };
  const Colour &a = colours[i], &b = colours[i + 1];
  return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue)};
}

}  // namespace detail

/// Black to white.
[[nodiscard]] inline Colour grey(double t) {
  return detail::between(std::array<Colour, 2>{{{0, 0, 0}, {255, 255, 255}}}, t);
}
/// Black over red and yellow to white: amounts.
[[nodiscard]] inline Colour heat(double t) {
  return detail::between(
      std::array<Colour, 5>{{{0, 0, 0}, {110, 15, 70}, {215, 60, 30}, {250, 180, 40}, {255, 255, 230}}}, t);
}
/// Blue over white (one half) to red: numbers with a sign.
[[nodiscard]] inline Colour blue_red(double t) {
  return detail::between(
      std::array<Colour, 5>{{{20, 50, 120}, {105, 165, 215}, {247, 247, 247}, {230, 130, 95}, {130, 15, 35}}}, t);
}

/// An RGB image of one colour.
[[nodiscard]] inline Image blank(Index width, Index height, Colour colour = detail::white) {
  Image image{width, height, 3, {}};
  image.pixels.reserve(static_cast<std::size_t>(3 * width * height));
  for (Index i = 0; i < width * height; ++i)
    image.pixels.insert(image.pixels.end(), {colour.red, colour.green, colour.blue});
  return image;
}

/// Lays a colour over one pixel; `share` is from 0, nothing, to 1, all of it. Outside of the image nothing happens.
inline void blend(Image& image, Index x, Index y, Colour colour, double share = 1) {
  if (x < 0 || y < 0 || x >= image.width || y >= image.height) return;
  std::uint8_t* pixel = image.at(x, y);
  const std::array<std::uint8_t, 3> over{colour.red, colour.green, colour.blue};
  for (std::size_t c = 0; c < 3; ++c) {
    pixel[c] = static_cast<std::uint8_t>(std::lround((1 - share) * pixel[c] + share * over[c]));
  }
}

inline void fill(Image& image, Index x, Index y, Index width, Index height, Colour colour) {
  for (Index j = y; j < y + height; ++j) {
    for (Index i = x; i < x + width; ++i) blend(image, i, j, colour);
  }
}

/// A straight line, `width` pixels wide, with smooth edges and round ends.
inline void line(Image& image, double x0, double y0, double x1, double y1, Colour colour, double width = 1.5) {
  const double reach = 0.5 * width + 0.5, dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy;
  for (Index y = static_cast<Index>(std::min(y0, y1) - reach); y <= static_cast<Index>(std::max(y0, y1) + reach + 1);
       ++y) {
    for (Index x = static_cast<Index>(std::min(x0, x1) - reach); x <= static_cast<Index>(std::max(x0, x1) + reach + 1);
         ++x) {
      const double px = static_cast<double>(x) - x0, py = static_cast<double>(y) - y0;
      const double t = square > 0 ? std::clamp((px * dx + py * dy) / square, 0.0, 1.0) : 0.0;
      blend(image, x, y, colour, std::clamp(reach - std::hypot(px - t * dx, py - t * dy), 0.0, 1.0));
    }
  }
}

/// How far text reaches to the right. A line of it is 12 * scale pixels high.
[[nodiscard]] inline Index text_width(std::string text, Index scale = 2) {
  return scale * stb_easy_font_width(text.data());
}

/// Writes text with its upper left corner at (x, y).
inline void write_text(Image& image, Index x, Index y, std::string text, Colour colour = detail::ink, Index scale = 2) {
  struct Corner {
    float x, y, z;
    std::array<unsigned char, 4> colour;
  };
  std::vector<Corner> corners(4 * 70 * (text.size() + 1));
  const int quads = stb_easy_font_print(0, 0, text.data(), nullptr, corners.data(),
                                        static_cast<int>(corners.size() * sizeof(Corner)));
  for (std::size_t q = 0; q < static_cast<std::size_t>(quads); ++q) {
    const Corner &low = corners[4 * q], &high = corners[4 * q + 2];
    fill(image, x + scale * static_cast<Index>(low.x), y + scale * static_cast<Index>(low.y),
         scale * static_cast<Index>(high.x - low.x), scale * static_cast<Index>(high.y - low.y), colour);
  }
}

/// One curve of a chart. Points that are not finite are left out, and the curve is broken there.
struct Series {
  std::string name{};
  std::vector<double> x{}, y{};  ///< of the same length
};

/// RGB images of one height in a row, each with its caption below, if there are captions, and as much room as that
/// takes.
[[nodiscard]] inline Image side_by_side(const std::vector<Image>& images,
                                        const std::vector<std::string>& captions = {}) {
  check(!images.empty(), "number of images side by side", images.size(), "at least 1");
  const Index letter = captions.empty() ? 0 : 22, height = images.front().height;
  const auto room = [&](std::size_t i) {
    return std::max(images[i].width, i < captions.size() ? text_width(captions[i]) + 16 : 0);
  };
  Index width = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Image& image = images[i];
    check(image.channels == 3 && image.height == height, "height and channels of an image side by side",
          std::to_string(image.height) + ", " + std::to_string(image.channels), std::to_string(height) + ", 3");
    width += room(i);
  }
  Image sheet{width, height + letter, 3, {}};
  sheet.pixels.assign(static_cast<std::size_t>(3 * sheet.width * sheet.height), 255);
  Index left = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    for (Index y = 0; y < height; ++y) std::copy_n(images[i].at(0, y), 3 * images[i].width, sheet.at(left, y));
    if (i < captions.size()) write_text(sheet, left + 8, height + 4, captions[i]);
    left += room(i);
  }
  return sheet;
}

/// log10 of the means of about 300 windows of a long curve, against the middle of each.
[[nodiscard]] inline Series log_means(std::string name, const std::vector<double>& values) {
  Series series{std::move(name), {}, {}};
  const std::size_t window = std::max<std::size_t>(1, values.size() / 300);
  for (std::size_t first = 0; first + window <= values.size(); first += window) {
    double sum = 0;
    for (std::size_t i = first; i < first + window; ++i) sum += values[i];
    series.x.push_back(static_cast<double>(first + window / 2));
    series.y.push_back(std::log10(sum / static_cast<double>(window)));
  }
  return series;
}

struct ChartOptions {
  std::string title{}, x_label{}, y_label{};
  Index width = 760, height = 460;
  double y_low = std::numeric_limits<double>::quiet_NaN();   ///< NaN: from the data
  double y_high = std::numeric_limits<double>::quiet_NaN();  ///< NaN: from the data
};

namespace detail {

inline constexpr std::array<Colour, 6> series_colours{
    {{31, 104, 178}, {214, 84, 32}, {38, 140, 80}, {136, 72, 160}, {190, 145, 20}, {90, 90, 90}}};

[[nodiscard]] inline std::string tick_text(double value, double step) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", std::abs(value) < 1e-9 * step ? 0.0 : value);
  return text.data();
}

/// An axis: the range of the data, and the distance of its ticks: 1, 2 or 5 times a power of ten.
struct Axis {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity(), step = 1;

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  void choose_ticks() {
    if (!(low <= high)) low = 0, high = 1;
    if (low == high) low -= 0.5, high += 0.5;
    const double rough = (high - low) / 6, power = std::pow(10.0, std::floor(std::log10(rough)));
    step = power * (rough / power <= 1 ? 1 : rough / power <= 2 ? 2 : rough / power <= 5 ? 5 : 10);
  }
  [[nodiscard]] std::vector<double> ticks() const {
    std::vector<double> out;
    for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k) out.push_back(k * step);
    return out;
  }
};

}  // namespace detail

/// A chart of curves with points, axes, ticks and, if any series has a name, a legend. Throws std::invalid_argument if
/// a series has not as many x as y.
[[nodiscard]] inline Image line_chart(const std::vector<Series>& series, const ChartOptions& options = {}) {
  detail::Axis across, up;
  for (const Series& s : series) {
    check(s.x.size() == s.y.size(), "number of y of series '" + s.name + "'", s.y.size(), s.x.size());
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) continue;
      across.include(s.x[i]);
      up.include(s.y[i]);
    }
  }
  across.choose_ticks();
  up.choose_ticks();
  up.low = std::isfinite(options.y_low) ? options.y_low : std::floor(up.low / up.step + 1e-9) * up.step;
  up.high = std::isfinite(options.y_high) ? options.y_high : std::ceil(up.high / up.step - 1e-9) * up.step;
  up.choose_ticks();

  constexpr Index letter = 16;  // height of a line of text
  Index tick_width = 0;
  for (const double tick : up.ticks()) tick_width = std::max(tick_width, text_width(detail::tick_text(tick, up.step)));
  const Index left = tick_width + 24, right = options.width - 28;
  // Names from the right, in as many lines as they need beside the label of y; each line makes the picture higher.
  std::vector<std::pair<Index, Index>> names(
      series.size());  // where each begins, and its line, counted from the lowest
  Index free = right, lines = 0;
  for (std::size_t k = series.size(); k-- > 0;) {
    const Index width = text_width(series[k].name);
    if (free < right && free - width - 28 < 36 + text_width(options.y_label)) {
      free = right;
      ++lines;
    }
    names[k] = {free - width, lines};
    if (!series[k].name.empty()) free -= width + 48;
  }
  const Index legend = lines * (letter + 8);
  const Index top = (options.title.empty() ? 0 : letter + 16) + 2 * letter + legend;
  const Index bottom = options.height + legend - 3 * letter - 8;
  Image image = blank(options.width, options.height + legend);
  const auto to_x = [&](double x) {
    return static_cast<double>(left) +
           (x - across.low) / (across.high - across.low) * static_cast<double>(right - left);
  };
  const auto to_y = [&](double y) {
    return static_cast<double>(bottom) - (y - up.low) / (up.high - up.low) * static_cast<double>(bottom - top);
  };

  write_text(image, left, 12, options.title);
  write_text(image, 12, top - letter - 10, options.y_label);
  write_text(image, right - text_width(options.x_label), bottom + letter + 18, options.x_label);
  for (const double tick : up.ticks()) {
    const auto y = static_cast<Index>(std::lround(to_y(tick)));
    fill(image, left, y, right - left, 1, detail::pale);
    const std::string text = detail::tick_text(tick, up.step);
    write_text(image, left - 8 - text_width(text), y - 6, text);
  }
  for (const double tick : across.ticks()) {
    const auto x = static_cast<Index>(std::lround(to_x(tick)));
    fill(image, x, bottom, 1, 6, detail::ink);
    const std::string text = detail::tick_text(tick, across.step);
    write_text(image, std::min(x - text_width(text) / 2, options.width - 2 - text_width(text)), bottom + 10, text);
  }
  fill(image, left, bottom, right - left, 1, detail::ink);
  fill(image, left, top, 1, bottom - top, detail::ink);

  for (std::size_t k = series.size(); k-- > 0;) {
    const Series& s = series[k];
    const Colour colour = detail::series_colours[k % detail::series_colours.size()];
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) continue;
      const double x = to_x(s.x[i]),
                   y = std::clamp(to_y(s.y[i]), static_cast<double>(top), static_cast<double>(bottom));
      line(image, x, y, x, y, colour, s.x.size() <= 40 ? 6 : 2);
      if (i == 0 || !std::isfinite(s.x[i - 1]) || !std::isfinite(s.y[i - 1])) continue;
      const double before = std::clamp(to_y(s.y[i - 1]), static_cast<double>(top), static_cast<double>(bottom));
      line(image, to_x(s.x[i - 1]), before, x, y, colour, 2);
    }
    if (s.name.empty()) continue;
    const auto [at, raised] = names[k];
    const Index y = top - letter - 10 - raised * (letter + 8);
    write_text(image, at, y, s.name);
    line(image, static_cast<double>(at - 28), static_cast<double>(y + 6), static_cast<double>(at - 8),
         static_cast<double>(y + 6), colour, 3);
  }
  return image;
}

struct SheetOptions {
  Index columns = 10;
  Index scale = 3;           ///< pixels of the sheet for one of the tile, either way
  Index gap = 3;             ///< pixels between tiles
  double low = 0, high = 1;  ///< the numbers that the ends of the map stand for
  ColourMap map = grey;
  std::string title{};
  std::vector<std::string> row_captions{};     ///< to the left of the rows
  std::vector<std::string> column_captions{};  ///< above the columns
};

/// Many small images in rows of `columns`: tiles (1, width, height, 1, N), their numbers through the colour map.
/// Throws std::invalid_argument for another shape or a scale or number of columns below 1.
[[nodiscard]] inline Image image_sheet(View<const float> tiles, const SheetOptions& options = {}) {
  const Shape& shape = tiles.shape();
  check(shape.features == 1 && shape.space[2] == 1, "shape of a sheet's tiles", shape, "(1, width, height, 1, N)");
  check(options.columns >= 1 && options.scale >= 1 && options.gap >= 0, "columns, scale and gap of a sheet",
        std::to_string(options.columns) + ", " + std::to_string(options.scale) + ", " + std::to_string(options.gap),
        "1, 1 and 0 or more");
  constexpr Index letter = 20;
  const Index width = shape.space[0], height = shape.space[1], gap = options.gap;
  const Index step_x = options.scale * width + gap, step_y = options.scale * height + gap;
  const Index rows = (shape.samples + options.columns - 1) / options.columns;
  Index left = gap;
  for (const std::string& caption : options.row_captions) left = std::max(left, text_width(caption) + 16);
  const Index title = options.title.empty() ? 0 : letter + 8;
  const Index top = gap + title + (options.column_captions.empty() ? 0 : letter);

  Image image = blank(std::max(left + options.columns * step_x, text_width(options.title) + 16), top + rows * step_y);
  write_text(image, 8, 8, options.title);
  for (std::size_t c = 0; c < options.column_captions.size(); ++c) {
    const std::string& caption = options.column_captions[c];
    const Index middle = left + static_cast<Index>(c) * step_x + (step_x - gap) / 2;
    write_text(image, middle - text_width(caption) / 2, gap + title + 2, caption);
  }
  for (std::size_t r = 0; r < options.row_captions.size(); ++r) {
    write_text(image, 8, top + static_cast<Index>(r) * step_y + (step_y - gap) / 2 - 7, options.row_captions[r]);
  }
  for (Index n = 0; n < shape.samples; ++n) {
    const float* tile = tiles.sample(n).data();
    for (Index i = 0; i < width * height; ++i) {
      const Colour colour = options.map((static_cast<double>(tile[i]) - options.low) / (options.high - options.low));
      fill(image, left + n % options.columns * step_x + i % width * options.scale,
           top + n / options.columns * step_y + i / width * options.scale, options.scale, options.scale, colour);
    }
  }
  return image;
}

/// The channels of one sample (C, X, Y, 1, 1) as C tiles (1, X, Y, 1, C) of a sheet.
[[nodiscard]] inline State<float> channels_as_tiles(View<const float> sample) {
  const Shape& shape = sample.shape();
  check(shape.samples == 1, "number of samples whose channels are to be tiles", shape.samples, 1);
  State<float> out(Shape{1, shape.space, shape.features});
  out.view().columns() = sample.matrix().transpose();
  return out;
}

}  // namespace basin::examples
