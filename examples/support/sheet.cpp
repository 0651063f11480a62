#include "sheet.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace basin::examples {

Drawing sheet(std::vector<Image> pictures, SheetOptions options) {
  check(!pictures.empty(), "number of pictures of a sheet", pictures.size(), "at least 1");
  check(options.captions.empty() || options.captions.size() == pictures.size(), "number of captions of a sheet",
        options.captions.size(), pictures.size());
  double wide = 0, high = 0;
  for (const Image& picture : pictures) {
    wide = std::max(wide, options.scale * static_cast<double>(picture.width));
    high = std::max(high, options.scale * static_cast<double>(picture.height));
  }
  for (const std::string& caption : options.captions) wide = std::max(wide, text_width(caption));
  for (const std::string& caption : options.column_captions) wide = std::max(wide, text_width(caption));
  // Whole units, on which edges of squares are sharp.
  wide = std::ceil(wide);
  const auto count = static_cast<Index>(pictures.size());
  Index columns = options.columns;
  if (columns == 0) {
    const Index most = std::max<Index>(1, static_cast<Index>((900 + options.gap) / (wide + options.gap)));
    const Index rows = (count + most - 1) / most;
    columns = (count + rows - 1) / rows;  // as even as they can be
  }
  columns = std::min(columns, count);
  const Index rows = (count + columns - 1) / columns;
  double left = 0;
  for (const std::string& caption : options.row_captions) left = std::max(left, std::ceil(text_width(caption)) + 8);
  const double top = options.column_captions.empty() ? 0 : std::ceil(line_height()) + 2;
  const double step_x = wide + options.gap;
  std::vector<double> tops;  // of the rows, of which those without captions are lower
  double end = top;
  for (Index row = 0; row < rows; ++row) {
    tops.push_back(end);
    end += std::ceil(high) + options.gap;
    for (Index n = row * columns; n < std::min(count, (row + 1) * columns) && !options.captions.empty(); ++n) {
      if (options.captions[static_cast<std::size_t>(n)].empty()) continue;
      end += std::ceil(line_height()) + 2;
      break;
    }
  }
  const Size size{left + static_cast<double>(columns) * step_x - options.gap, end - options.gap};
  std::vector<Drawing> parts;
  if (!options.title.empty()) {
    parts.push_back(lines_of_text(wrapped(options.title, std::max(size.width, 320.0), detail::title_style()),
                                  detail::title_style()));
  }
  const std::optional<ScaleBar> bar = options.bar;
  const std::vector<KeyEntry> entries = options.key;
  parts.push_back({size, [=, pictures = std::move(pictures), options = std::move(options)](Canvas& canvas) {
                     for (std::size_t c = 0; c < options.column_captions.size(); ++c) {
                       canvas.text(left + static_cast<double>(c) * step_x + wide / 2, line_height() / 2,
                                   options.column_captions[c], {.align = 0.5});
                     }
                     for (std::size_t r = 0; r < std::min(tops.size(), options.row_captions.size()); ++r) {
                       canvas.text(0, tops[r] + high / 2, options.row_captions[r]);
                     }
                     for (Index n = 0; n < count; ++n) {
                       const auto at = static_cast<std::size_t>(n);
                       const double x = left + static_cast<double>(n % columns) * step_x,
                                    y = tops[static_cast<std::size_t>(n / columns)];
                       const double free = wide - options.scale * static_cast<double>(pictures[at].width);
                       canvas.image(pictures[at], x + std::floor(free / 2), y, options.scale);
                       if (options.framed) {
                         canvas.frame(x + std::floor(free / 2) - 0.5, y - 0.5, wide - free + 1,
                                      options.scale * static_cast<double>(pictures[at].height) + 1, pale, 1);
                       }
                       if (options.captions.empty()) continue;
                       canvas.text(x + wide / 2, y + std::ceil(high) + 3 + line_height() / 2, options.captions[at],
                                   {.align = 0.5});
                     }
                   }});
  if (!entries.empty()) parts.push_back(key(entries, std::max(size.width, 320.0)));
  if (bar) parts.push_back(drawn(*bar));
  return above(std::move(parts), 10);
}

Image captioned(const Image& picture, const std::string& text) {
  const double width = static_cast<double>(picture.width), height = std::ceil(line_height()) + 8;
  return below(picture, image_of({{width, height},
                                  [=](Canvas& canvas) { canvas.text(width / 2, height / 2, text, {.align = 0.5}); }},
                                 1, 0));
}

Drawing over_axes(Image picture, double scale, const std::string& x_label, const std::string& y_label) {
  const double width = scale * static_cast<double>(picture.width), height = scale * static_cast<double>(picture.height);
  Axis across({.whole = true, .low = 0, .high = static_cast<double>(picture.width)}),
      down({.whole = true, .low = 0, .high = static_cast<double>(picture.height)});
  across.finish(false);
  down.finish(false);
  const std::vector<Tick> ticks_x = detail::ticks_across(across, width), ticks_y = down.ticks(6);
  double left = 0;
  for (const Tick& tick : ticks_y) left = std::max(left, std::ceil(text_width(tick.text)) + detail::tick_gap);
  const double top = std::ceil(line_height()) + 8, bottom = detail::tick_gap + 2 * line_height() + 2;
  const Size size{std::max({left + width + 20, text_width(y_label), left + width / 2 + text_width(x_label) / 2}),
                  top + height + bottom};
  return {size, [=, picture = std::move(picture)](Canvas& canvas) {
            canvas.text(0, line_height() / 2, y_label);
            canvas.image(picture, left, top, scale);
            for (const Tick& tick : ticks_y) {
              const double y = top + down.place(tick.value) * height;
              canvas.lines({{left - 4, y}, {left, y}}, ink, 1);
              canvas.text(left - detail::tick_gap, y, tick.text, {.align = 1});
            }
            for (const Tick& tick : ticks_x) {
              const double x = left + across.place(tick.value) * width;
              canvas.lines({{x, top + height}, {x, top + height + 4}}, ink, 1);
              canvas.text(x, top + height + detail::tick_gap + line_height() / 2, tick.text, {.align = 0.5});
            }
            canvas.text(left + width / 2, size.height - line_height() / 2, x_label, {.align = 0.5});
          }};
}

}  // namespace basin::examples
