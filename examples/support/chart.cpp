#include "chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace basin::examples {

Series means_of(std::string name, const std::vector<double>& values) {
  Series series{std::move(name), {}, {}};
  const std::size_t window = std::max<std::size_t>(1, values.size() / 300);
  for (std::size_t first = 0; first + window <= values.size(); first += window) {
    double sum = 0;
    for (std::size_t i = first; i < first + window; ++i) sum += values[i];
    series.x.push_back(static_cast<double>(first) + 0.5 * static_cast<double>(window + 1));
    series.y.push_back(sum / static_cast<double>(window));
  }
  return series;
}

namespace detail {

std::vector<Tick> ticks_across(const Axis& axis, double length) {
  std::vector<Tick> ticks;
  for (int most = 9; most >= 2; --most) {
    ticks = axis.ticks(most);
    double free = -1e9;
    bool fits = true;
    for (const Tick& tick : ticks) {
      if (tick.text.empty()) continue;
      const double middle = axis.place(tick.value) * length, half = text_width(tick.text) / 2;
      fits = fits && middle - half >= free;
      free = middle + half + 10;
    }
    if (fits) return ticks;
  }
  return ticks;
}

double place_entries(std::vector<LegendEntry>& entries, double bottom) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const LegendEntry& a, const LegendEntry& b) { return a.wanted < b.wanted; });
  // Those that touch stand together, where the sum of their squared ways is least.
  struct Crowd {
    double height, wishes, count;
    [[nodiscard]] double top(double end) const { return std::max(0.0, std::min(wishes / count, end - height)); }
  };
  std::vector<Crowd> crowds;
  for (const LegendEntry& entry : entries) {
    crowds.push_back({entry.height(), entry.wanted - entry.height() / 2, 1});
    while (crowds.size() > 1) {
      const Crowd last = crowds.back();
      Crowd& before = crowds[crowds.size() - 2];
      if (before.top(bottom) + before.height <= last.top(bottom)) break;
      before.wishes += last.wishes - last.count * before.height;
      before.height += last.height;
      before.count += last.count;
      crowds.pop_back();
    }
  }
  std::size_t next = 0;
  double end = 0;
  for (const Crowd& crowd : crowds) {
    end = crowd.top(bottom);
    for (double k = 0; k < crowd.count; ++k, ++next) {
      entries[next].top = end;
      end += entries[next].height();
    }
  }
  return end;
}

std::vector<double> dashes_of(const Series& series, std::size_t k) {
  return series.dashed || k >= distinct_colours.size() ? std::vector<double>{5, 3} : std::vector<double>{};
}

double pen_of(std::size_t k, std::size_t count) {
  return count < 2 ? 1.8 : 2.4 - 0.9 * static_cast<double>(k) / static_cast<double>(count - 1);
}

}  // namespace detail

Drawing line_chart(std::vector<Series> series, ChartOptions options) {
  Axis across(options.x), up(options.y);
  for (const Series& s : series) {
    check(s.x.size() == s.y.size(), "number of y of series '" + s.name + "'", s.y.size(), s.x.size());
    check(s.texts.empty() || s.texts.size() == s.x.size(), "number of texts of series '" + s.name + "'", s.texts.size(),
          s.x.size());
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      if (!across.takes(s.x[i]) || !up.takes(s.y[i])) continue;
      across.include(s.x[i]);
      up.include(s.y[i]);
    }
  }
  for (const Upright& upright : options.uprights) across.include(upright.x);
  // Points alone stand free of the axes.
  across.finish(std::any_of(series.begin(), series.end(), [](const Series& s) { return !s.joined; }));
  up.finish(true);

  const double width = options.width;
  std::vector<detail::LegendEntry> entries;
  const bool named = std::count_if(series.begin(), series.end(), [](const Series& s) { return !s.name.empty(); }) > 1;
  for (std::size_t k = 0; k < series.size() && named; ++k) {
    const Series& s = series[k];
    if (s.name.empty()) continue;
    double wanted = options.height / 2;
    for (std::size_t i = s.y.size(); i-- > 0;) {
      if (!across.takes(s.x[i]) || !up.takes(s.y[i])) continue;
      wanted = (1 - std::clamp(up.place(s.y[i]), 0.0, 1.0)) * options.height;
      break;
    }
    entries.push_back({wrapped(s.name, 170), k, wanted});
  }
  for (std::size_t k = 0; k < options.uprights.size(); ++k) {
    const Upright& upright = options.uprights[k];
    if (!upright.name.empty()) entries.push_back({wrapped(upright.name, 170), series.size() + k, options.height});
  }
  double names = 0;
  for (const detail::LegendEntry& entry : entries) {
    for (const std::string& line : entry.lines) names = std::max(names, text_width(line));
  }
  const double height = std::max(options.height, detail::place_entries(entries, options.height));

  const std::vector<Tick> ticks_x = detail::ticks_across(across, width), ticks_y = up.ticks(6);
  double left = 0, right = entries.empty() ? 0 : detail::legend_gap + detail::sample_length + 6 + names;
  for (const Tick& tick : ticks_y) left = std::max(left, text_width(tick.text) + detail::tick_gap + 2);
  for (const Tick& tick : ticks_x) {
    const double half = text_width(tick.text) / 2, at = across.place(tick.value) * width;
    left = std::max(left, half - at);
    right = std::max(right, at + half - width);
  }
  for (const Series& s : series) {
    for (std::size_t i = 0; i < s.texts.size(); ++i) {
      right = std::max(right, across.place(s.x[i]) * width + 8 + text_width(s.texts[i]) - width);
    }
  }
  const double label_x = text_width(options.x.label);
  left = std::max(left, label_x / 2 - width / 2);
  right = std::max({right, label_x / 2 - width / 2, text_width(options.y.label) - left - width, 6.0});
  const std::vector<std::string> title = wrapped(options.title, left + width + right, detail::title_style());
  const double title_height = static_cast<double>(title.size()) * line_height(detail::title_style());
  const double top = title_height + (title.empty() ? 0 : 4) + (options.y.label.empty() ? 10 : line_height() + 8);
  const double bottom = detail::tick_gap + line_height() + (options.x.label.empty() ? 0 : line_height() + 2);
  const Size size{left + width + right, top + height + bottom};
  return {size, [=, series = std::move(series), options = std::move(options)](Canvas& canvas) {
            const auto place = [&](double x, double y) {
              return Point{left + across.place(x) * width, top + (1 - up.place(y)) * height};
            };
            canvas.drawing(lines_of_text(title, detail::title_style()), 0, 0);
            canvas.text(0, top - 8 - line_height() / 2, options.y.label);
            canvas.text(left + width / 2, size.height - line_height() / 2, options.x.label, {.align = 0.5});
            for (const Tick& tick : ticks_y) {
              const double y = place(across.low(), tick.value).y;
              if (!tick.text.empty()) canvas.lines({{left, y}, {left + width, y}}, pale, 1);
              canvas.lines({{left - (tick.text.empty() ? 2 : 4), y}, {left, y}}, ink, 1);
              canvas.text(left - detail::tick_gap, y, tick.text, {.align = 1});
            }
            for (const Tick& tick : ticks_x) {
              const double x = place(tick.value, up.low()).x, y = top + height;
              canvas.lines({{x, y}, {x, y + (tick.text.empty() ? 2 : 4)}}, ink, 1);
              canvas.text(x, y + detail::tick_gap + line_height() / 2, tick.text, {.align = 0.5});
            }
            canvas.lines({{left, top}, {left, top + height}, {left + width, top + height}}, ink, 1);

            const auto upright_colour = [&](const Upright& upright) {
              return upright.series < 0 ? Colour{110, 110, 118}
                                        : detail::colour_of(static_cast<std::size_t>(upright.series));
            };
            const std::vector<double> upright_dashes{2, 3};
            for (const Upright& upright : options.uprights) {
              const double x = place(upright.x, up.low()).x;
              canvas.lines({{x, top}, {x, top + height}}, upright_colour(upright), 1.4, upright_dashes);
            }
            for (std::size_t k = 0; k < series.size(); ++k) {
              const Series& s = series[k];
              const Colour colour = detail::colour_of(k);
              const double pen = detail::pen_of(k, series.size());
              const bool marked = (s.x.size() <= 40 && !s.dashed) || !s.joined;
              std::vector<std::vector<Point>> runs(1);
              for (std::size_t i = 0; i < s.x.size(); ++i) {
                if (!across.takes(s.x[i]) || !up.takes(s.y[i])) {
                  if (!runs.back().empty()) runs.emplace_back();
                } else {
                  runs.back().push_back(place(s.x[i], s.y[i]));
                }
              }
              canvas.inside(left - 1, top - 1, width + 2, height + 2, [&] {
                for (const auto& run : runs) {
                  if (s.joined) canvas.lines(run, colour, pen, detail::dashes_of(s, k));
                }
              });
              for (const auto& run : runs) {
                for (const Point& point : run) {
                  const bool seen = point.x >= left - 1 && point.x <= left + width + 1 && point.y >= top - 1 &&
                                    point.y <= top + height + 1;
                  // A single point between gaps would be lost.
                  if (seen && (marked || (run.size() == 1 && !s.dashed)))
                    canvas.mark(detail::mark_of(k), point, 4, colour);
                }
              }
              for (std::size_t i = 0; i < s.texts.size(); ++i) {
                if (!across.takes(s.x[i]) || !up.takes(s.y[i])) continue;
                const Point point = place(s.x[i], s.y[i]);
                canvas.text(point.x + 8, point.y, s.texts[i]);
              }
            }
            for (const detail::LegendEntry& entry : entries) {
              const double x = left + width + detail::legend_gap, y = top + entry.top + line_height() / 2;
              if (entry.number < series.size()) {
                const Series& s = series[entry.number];
                const Colour colour = detail::colour_of(entry.number);
                if (s.joined) {
                  canvas.lines({{x, y}, {x + detail::sample_length, y}}, colour,
                               detail::pen_of(entry.number, series.size()), detail::dashes_of(s, entry.number));
                }
                if ((s.x.size() <= 40 && !s.dashed) || !s.joined) {
                  canvas.mark(detail::mark_of(entry.number), {x + detail::sample_length / 2, y}, 4, colour);
                }
              } else {
                canvas.lines({{x, y}, {x + detail::sample_length, y}},
                             upright_colour(options.uprights[entry.number - series.size()]), 1.4, upright_dashes);
              }
              canvas.drawing(lines_of_text(entry.lines), x + detail::sample_length + 6, top + entry.top);
            }
          }};
}

Drawing panels(const std::string& title, std::vector<Drawing> charts) {
  Drawing row = beside(std::move(charts), 36);
  const TextStyle style = detail::title_style();
  return above({lines_of_text(wrapped(title, std::max(row.size.width, 320.0), style), style), std::move(row)});
}

Drawing drawn(const ScaleBar& bar, double width) {
  Axis axis({.low = bar.low, .high = bar.high});
  axis.finish(false);
  const std::vector<Tick> ticks = detail::ticks_across(axis, width);
  double left = 0, right = 1;
  for (const Tick& tick : ticks) {
    const double half = text_width(tick.text) / 2, middle = axis.place(tick.value) * width;
    left = std::max(left, half - middle);
    right = std::max(right, middle + half - width);
  }
  left = std::ceil(left);
  const double above_bar = bar.label.empty() ? 0 : line_height() + 2, thick = 12;
  const double label = text_width(bar.label);
  return {{std::max(left + width + right, label), above_bar + thick + detail::tick_gap + line_height()},
          [=](Canvas& canvas) {
            canvas.text(0, line_height() / 2, bar.label);
            for (int i = 0; i < static_cast<int>(width); ++i) {
              canvas.rectangle(left + i, above_bar, 1, thick, bar.map((i + 0.5) / width));
            }
            canvas.frame(left, above_bar, width, thick, ink, 0.8);
            for (const Tick& tick : ticks) {
              const double x = left + axis.place(tick.value) * width, y = above_bar + thick;
              canvas.lines({{x, y}, {x, y + 4}}, ink, 1);
              canvas.text(x, y + detail::tick_gap + line_height() / 2, tick.text, {.align = 0.5});
            }
          }};
}

Drawing key(std::vector<KeyEntry> entries, double width) {
  constexpr double side = 12, gap = 16;
  std::vector<Point> places;
  Size size{0, line_height() + 2};
  double x = 0;
  for (const KeyEntry& entry : entries) {
    const double wide = side + 5 + text_width(entry.name);
    if (x > 0 && x + wide > width) x = 0, size.height += line_height() + 2;
    places.push_back({x, size.height - (line_height() + 2) / 2});
    size.width = std::max(size.width, x + wide);
    x += wide + gap;
  }
  return {size, [entries = std::move(entries), places = std::move(places)](Canvas& canvas) {
            for (std::size_t i = 0; i < entries.size(); ++i) {
              canvas.rectangle(places[i].x, std::round(places[i].y - side / 2), side, side, entries[i].colour);
              canvas.frame(places[i].x, std::round(places[i].y - side / 2), side, side, ink, 0.6);
              canvas.text(places[i].x + side + 5, places[i].y, entries[i].name);
            }
          }};
}

Drawing table(std::vector<std::vector<double>> numbers, TableOptions options) {
  check(numbers.size() == options.rows.size(), "number of rows of a table", numbers.size(), options.rows.size());
  for (const auto& row : numbers) {
    check(row.size() == options.columns.size(), "number of columns of a table", row.size(), options.columns.size());
  }
  double side = options.side, left = 0;
  for (const auto& row : options.texts) {
    for (const std::string& text : row) side = std::max(side, text_width(text, {.size = 11}) + 10);
  }
  for (const std::string& name : options.columns) side = std::max(side, text_width(name) + 8);
  side = std::ceil(side);
  const double high = std::max(22.0, std::ceil(0.75 * side));
  for (const std::string& name : options.rows) left = std::max(left, text_width(name) + detail::tick_gap);
  left = std::ceil(left);
  const auto across = static_cast<double>(options.columns.size()), down = static_cast<double>(options.rows.size());
  const double top = options.y_label.empty() ? 4 : line_height() + 6;
  const Size size{std::max({left + across * side + 1, text_width(options.y_label),
                            left + across * side / 2 + text_width(options.x_label) / 2}),
                  top + down * high + detail::tick_gap + (options.x_label.empty() ? 1 : 2) * line_height()};
  const std::string title = options.title;
  const ScaleBar bar = options.bar;
  const bool with_bar = options.with_bar;
  Drawing cells{
      size, [=, numbers = std::move(numbers), options = std::move(options)](Canvas& canvas) {
        canvas.text(0, line_height() / 2, options.y_label);
        for (std::size_t r = 0; r < numbers.size(); ++r) {
          const double y = top + static_cast<double>(r) * high;
          canvas.text(left - detail::tick_gap, y + high / 2, options.rows[r], {.align = 1});
          for (std::size_t c = 0; c < numbers[r].size(); ++c) {
            const double x = left + static_cast<double>(c) * side;
            const Colour colour =
                options.bar.map((numbers[r][c] - options.bar.low) / (options.bar.high - options.bar.low));
            canvas.rectangle(x, y, side, high, colour);
            if (!options.texts.empty()) {
              canvas.text(x + side / 2, y + high / 2, options.texts[r][c],
                          {.size = 11, .colour = readable_on(colour), .align = 0.5});
            }
            if (!options.framed.empty() && options.framed[r][c]) {
              canvas.frame(x + 1.5, y + 1.5, side - 3, high - 3, readable_on(colour), 2);
            }
          }
        }
        for (std::size_t c = 0; c < options.columns.size(); ++c) {
          canvas.text(left + (static_cast<double>(c) + 0.5) * side,
                      top + down * high + detail::tick_gap + line_height() / 2, options.columns[c], {.align = 0.5});
        }
        canvas.text(left + across * side / 2, size.height - line_height() / 2, options.x_label, {.align = 0.5});
      }};
  std::vector<Drawing> parts;
  if (!title.empty()) {
    parts.push_back(
        lines_of_text(wrapped(title, std::max(size.width, 240.0), detail::title_style()), detail::title_style()));
  }
  parts.push_back(std::move(cells));
  if (with_bar) parts.push_back(drawn(bar, std::max(160.0, std::floor(0.6 * size.width))));
  return above(std::move(parts));
}

}  // namespace basin::examples
