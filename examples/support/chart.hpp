#pragma once

// Charts: curves and scattered points over two axes, and tables of numbers as colours.

#include <cstddef>
#include <string>
#include <vector>

#include "axis.hpp"
#include "basin/core/check.hpp"
#include "drawing.hpp"

namespace basin::examples {

/// One curve of a chart. Points that are not finite, or have no place on a logarithmic axis, are left out, and the
/// curve is broken there. Up to 40 points are marked.
struct Series {
  std::string name{};
  std::vector<double> x{}, y{};      ///< of the same length
  bool joined = true;                ///< by lines, in their order
  bool dashed = false;               ///< and without marks: what measurements are compared with
  std::vector<std::string> texts{};  ///< beside the points; empty, or one a point
};

/// A dashed line over the whole height at one x.
struct Upright {
  double x = 0;
  std::string name{};  ///< in the legend; empty: none
  int series = -1;     ///< whose colour it has; -1: grey
};

struct ChartOptions {
  std::string title{};
  AxisOptions x{}, y{};
  double width = 440, height = 260;  ///< of the area between the axes, in units
  std::vector<Upright> uprights{};
};

/// Means of about 300 windows of a long curve, against the middle of each.
[[nodiscard]] Series means_of(std::string name, const std::vector<double>& values);

namespace detail {

inline constexpr double tick_gap = 6, legend_gap = 14, sample_length = 22;

[[nodiscard]] inline TextStyle title_style() { return {.size = 15, .bold = true}; }

/// The most ticks whose texts keep their distance along an axis of this length.
[[nodiscard]] std::vector<Tick> ticks_across(const Axis& axis, double length);

/// What names a curve, beside where it ends.
struct LegendEntry {
  std::vector<std::string> lines;
  std::size_t number;  ///< of the series, or behind them of the upright
  double wanted;       ///< height of its middle
  double top = 0;

  [[nodiscard]] double height() const { return static_cast<double>(lines.size()) * line_height() + 3; }
};

/// As near as they can be to where they want to be, one below the other, from 0 on; returns where the last ends: at
/// `bottom` or before, if they are not too many.
double place_entries(std::vector<LegendEntry>& entries, double bottom);

[[nodiscard]] inline Mark mark_of(std::size_t series) { return static_cast<Mark>(series % 6); }
[[nodiscard]] inline Colour colour_of(std::size_t series) { return distinct_colours[series % distinct_colours.size()]; }

/// Series beyond the colours are dashed; earlier ones have wider pens, so that they are seen below later ones.
[[nodiscard]] std::vector<double> dashes_of(const Series& series, std::size_t k);
[[nodiscard]] double pen_of(std::size_t k, std::size_t count);

}  // namespace detail

/// A chart with axes, ticks, and where there is more than one curve their names beside their ends. Throws
/// std::invalid_argument if a series has not as many x as y.
[[nodiscard]] Drawing line_chart(std::vector<Series> series, ChartOptions options = {});

/// Charts side by side under a common title.
[[nodiscard]] Drawing panels(const std::string& title, std::vector<Drawing> charts);

/// Numbers and the colours that stand for them.
struct ScaleBar {
  ColourMap map = heat;
  double low = 0, high = 1;
  std::string label{};
};

/// A level bar of colours with numbers below, and its label above.
[[nodiscard]] Drawing drawn(const ScaleBar& bar, double width = 240);

/// A colour and what it stands for.
struct KeyEntry {
  Colour colour{};
  std::string name{};
};

/// Squares of colours with names, in as many rows as `width` asks for.
[[nodiscard]] Drawing key(std::vector<KeyEntry> entries, double width);

struct TableOptions {
  std::string title{}, x_label{}, y_label{};
  ScaleBar bar{};
  bool with_bar = true;                           ///< below; false where tables side by side share one
  double side = 22;                               ///< width of a cell, or more where its texts need it
  std::vector<std::string> columns{}, rows{};     ///< names
  std::vector<std::vector<bool>> framed{};        ///< cells with a frame; empty: none
  std::vector<std::vector<std::string>> texts{};  ///< in the cells; empty: none
};

/// Numbers, row by row from above, as colours, over the colours' bar. Throws std::invalid_argument unless each
/// row has as many numbers as there are columns, and as many rows as names.
[[nodiscard]] Drawing table(std::vector<std::vector<double>> numbers, TableOptions options);

}  // namespace basin::examples
