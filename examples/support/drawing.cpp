#include "drawing.hpp"

#include <cairo-svg.h>
#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>
#include <numbers>
#include <stdexcept>
#include <utility>

#include "basin/core/check.hpp"
#include "basin/io/file_error.hpp"

namespace basin::examples {

namespace {

struct CairoDeleter {
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using CairoPointer = std::unique_ptr<cairo_t, CairoDeleter>;
using SurfacePointer = std::unique_ptr<cairo_surface_t, CairoDeleter>;

void check_cairo(cairo_status_t status) {
  if (status != CAIRO_STATUS_SUCCESS)
    throw std::runtime_error("cairo cannot draw: " + std::string(cairo_status_to_string(status)));
}

/// Texts have the same widths at any density and on any surface.
CairoPointer context_of(cairo_surface_t* surface) {
  check_cairo(cairo_surface_status(surface));
  CairoPointer cairo(cairo_create(surface));
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options(cairo.get(), options);
  cairo_font_options_destroy(options);
  return cairo;
}

/// A piece of a text, and whether it is raised.
std::vector<std::pair<std::string, bool>> pieces_of(std::string_view text) {
  std::vector<std::pair<std::string, bool>> pieces;
  const std::string clean = basin::detail::printable(text, 400);  // cairo refuses what is no UTF-8
  std::size_t at = 0;
  while (at < clean.size()) {
    const std::size_t open = clean.find("^{", at), close = open == clean.npos ? clean.npos : clean.find('}', open);
    if (close == clean.npos) break;
    if (open > at) pieces.emplace_back(clean.substr(at, open - at), false);
    pieces.emplace_back(clean.substr(open + 2, close - open - 2), true);
    at = close + 1;
  }
  if (at < clean.size()) pieces.emplace_back(clean.substr(at), false);
  return pieces;
}

void choose_font(cairo_t* cairo, const TextStyle& style, bool raised) {
  cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo, raised ? 0.75 * style.size : style.size);
}

double advance_of(cairo_t* cairo, const std::string& piece) {
  cairo_text_extents_t extents;
  cairo_text_extents(cairo, piece.c_str(), &extents);
  return extents.x_advance;
}

}  // namespace

double text_width(std::string_view text, const TextStyle& style) {
  const SurfacePointer surface(cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1));
  const CairoPointer cairo = context_of(surface.get());
  double width = 0;
  for (const auto& [piece, raised] : pieces_of(text)) {
    choose_font(cairo.get(), style, raised);
    width += advance_of(cairo.get(), piece);
  }
  check_cairo(cairo_status(cairo.get()));
  return width;
}

std::vector<std::string> wrapped(const std::string& text, double width, const TextStyle& style) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t space = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, space - at);
    if (!lines.empty() && text_width(lines.back() + " " + word, style) <= width) {
      lines.back() += " " + word;
    } else {
      lines.push_back(word);
    }
    at = space + 1;
  }
  return lines;
}

void Canvas::rectangle(double x, double y, double width, double height, Colour colour) {
  choose(colour);
  // Edges on whole units are sharp without smoothing, and neighbours leave no seam.
  cairo_set_antialias(cairo_, CAIRO_ANTIALIAS_NONE);
  cairo_rectangle(cairo_, x, y, width, height);
  cairo_fill(cairo_);
  cairo_set_antialias(cairo_, CAIRO_ANTIALIAS_DEFAULT);
}

void Canvas::frame(double x, double y, double width, double height, Colour colour, double pen) {
  choose(colour);
  cairo_set_line_width(cairo_, pen);
  cairo_rectangle(cairo_, x, y, width, height);
  cairo_stroke(cairo_);
}

void Canvas::lines(const std::vector<Point>& points, Colour colour, double pen, const std::vector<double>& dashes) {
  if (points.size() < 2) return;
  choose(colour);
  cairo_set_line_width(cairo_, pen);
  cairo_set_line_join(cairo_, CAIRO_LINE_JOIN_ROUND);
  cairo_set_dash(cairo_, dashes.data(), static_cast<int>(dashes.size()), 0);
  cairo_move_to(cairo_, points[0].x, points[0].y);
  for (const Point& point : points) cairo_line_to(cairo_, point.x, point.y);
  cairo_stroke(cairo_);
  cairo_set_dash(cairo_, nullptr, 0, 0);
}

void Canvas::mark(Mark mark, Point at, double radius, Colour colour) {
  const auto polygon = [&](std::initializer_list<Point> corners) {
    for (const Point& corner : corners) cairo_line_to(cairo_, at.x + radius * corner.x, at.y + radius * corner.y);
    cairo_close_path(cairo_);
  };
  cairo_new_path(cairo_);
  switch (mark) {
    case Mark::disc:
      cairo_arc(cairo_, at.x, at.y, radius, 0, 2 * std::numbers::pi);
      break;
    case Mark::square:
      polygon({{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}});
      break;
    case Mark::triangle:
      polygon({{0, -1.2}, {1.1, 0.8}, {-1.1, 0.8}});
      break;
    case Mark::nabla:
      polygon({{0, 1.2}, {1.1, -0.8}, {-1.1, -0.8}});
      break;
    case Mark::diamond:
      polygon({{0, -1.3}, {1.1, 0}, {0, 1.3}, {-1.1, 0}});
      break;
    case Mark::cross:
      polygon({{-1, -0.6},
               {-0.6, -1},
               {0, -0.4},
               {0.6, -1},
               {1, -0.6},
               {0.4, 0},
               {1, 0.6},
               {0.6, 1},
               {0, 0.4},
               {-0.6, 1},
               {-1, 0.6},
               {-0.4, 0}});
      break;
  }
  choose(colour);
  cairo_fill_preserve(cairo_);
  choose(white);
  cairo_set_line_width(cairo_, 0.8);
  cairo_stroke(cairo_);
}

void Canvas::text(double x, double y, std::string_view words, const TextStyle& style) {
  x -= style.align == 0 ? 0 : style.align * text_width(words, style);
  choose(style.colour);
  for (const auto& [piece, raised] : pieces_of(words)) {
    choose_font(cairo_, style, raised);
    cairo_move_to(cairo_, x, y + (raised ? -0.05 : 0.36) * style.size);
    cairo_show_text(cairo_, piece.c_str());
    x += advance_of(cairo_, piece);
  }
}

void Canvas::image(const Image& image, double x, double y, double scale) {
  check(image.channels == 3, "number of channels of an image in a drawing", image.channels, 3);
  const auto width = static_cast<int>(image.width), height = static_cast<int>(image.height);
  const SurfacePointer surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height));
  check_cairo(cairo_surface_status(surface.get()));
  cairo_surface_flush(surface.get());
  unsigned char* const data = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (int j = 0; j < height; ++j) {
    auto* const row = reinterpret_cast<std::uint32_t*>(data + static_cast<std::ptrdiff_t>(j) * stride);
    for (int i = 0; i < width; ++i) {
      const std::uint8_t* pixel = image.at(i, j);
      row[i] = static_cast<std::uint32_t>(pixel[0] << 16 | pixel[1] << 8 | pixel[2]);
    }
  }
  cairo_surface_mark_dirty(surface.get());
  cairo_save(cairo_);
  cairo_translate(cairo_, x, y);
  cairo_scale(cairo_, scale, scale);
  cairo_set_source_surface(cairo_, surface.get(), 0, 0);
  cairo_pattern_set_filter(cairo_get_source(cairo_), CAIRO_FILTER_NEAREST);
  cairo_paint(cairo_);
  cairo_restore(cairo_);
}

void Canvas::inside(double x, double y, double width, double height, const std::function<void()>& draw) {
  cairo_save(cairo_);
  cairo_rectangle(cairo_, x, y, width, height);
  cairo_clip(cairo_);
  draw();
  cairo_restore(cairo_);
}

void Canvas::choose(Colour colour) {
  cairo_set_source_rgb(cairo_, colour.red / 255.0, colour.green / 255.0, colour.blue / 255.0);
}

void Canvas::drawing(const Drawing& drawing, double x, double y) {
  cairo_save(cairo_);
  cairo_translate(cairo_, x, y);
  drawing.draw(*this);
  cairo_restore(cairo_);
}

Drawing lines_of_text(const std::vector<std::string>& lines, const TextStyle& style) {
  Size size{0, static_cast<double>(lines.size()) * line_height(style)};
  for (const std::string& line : lines) size.width = std::max(size.width, text_width(line, style));
  return {size, [lines, style](Canvas& canvas) {
            for (std::size_t i = 0; i < lines.size(); ++i) {
              canvas.text(0, (static_cast<double>(i) + 0.5) * line_height(style), lines[i], style);
            }
          }};
}

Drawing beside(std::vector<Drawing> drawings, double gap) {
  Size size;
  for (const Drawing& each : drawings) {
    size.width += each.size.width + (&each == drawings.data() ? 0 : gap);
    size.height = std::max(size.height, each.size.height);
  }
  return {size, [drawings = std::move(drawings), gap](Canvas& canvas) {
            double x = 0;
            for (const Drawing& each : drawings) {
              canvas.drawing(each, x, 0);
              x += each.size.width + gap;
            }
          }};
}

Drawing above(std::vector<Drawing> drawings, double gap) {
  Size size;
  for (const Drawing& each : drawings) {
    size.height += each.size.height + (&each == drawings.data() ? 0 : gap);
    size.width = std::max(size.width, each.size.width);
  }
  return {size, [drawings = std::move(drawings), gap](Canvas& canvas) {
            double y = 0;
            for (const Drawing& each : drawings) {
              canvas.drawing(each, 0, y);
              y += each.size.height + gap;
            }
          }};
}

namespace {

/// On white, with a margin: on a dark page as on a light one.
void draw_page(cairo_surface_t* surface, const Drawing& drawing, double density, double margin) {
  const CairoPointer cairo = context_of(surface);
  cairo_scale(cairo.get(), density, density);
  cairo_set_source_rgb(cairo.get(), 1, 1, 1);
  cairo_paint(cairo.get());
  Canvas(cairo.get()).drawing(drawing, margin, margin);
  check_cairo(cairo_status(cairo.get()));
}

}  // namespace

Image image_of(const Drawing& drawing, double density, double margin) {
  const double width = drawing.size.width + 2 * margin, height = drawing.size.height + 2 * margin;
  density = std::min(density, 32000 / std::max(width, height));
  const int across = std::max(1, static_cast<int>(std::ceil(width * density))),
            down = std::max(1, static_cast<int>(std::ceil(height * density)));
  const SurfacePointer surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, across, down));
  draw_page(surface.get(), drawing, density, margin);
  cairo_surface_flush(surface.get());
  const unsigned char* const data = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  Image image{across, down, 3, {}};
  image.pixels.reserve(static_cast<std::size_t>(3) * static_cast<std::size_t>(across) * static_cast<std::size_t>(down));
  for (int y = 0; y < down; ++y) {
    const auto* const row = reinterpret_cast<const std::uint32_t*>(data + static_cast<std::ptrdiff_t>(y) * stride);
    for (int x = 0; x < across; ++x) {
      image.pixels.insert(image.pixels.end(),
                          {static_cast<std::uint8_t>(row[x] >> 16 & 255), static_cast<std::uint8_t>(row[x] >> 8 & 255),
                           static_cast<std::uint8_t>(row[x] & 255)});
    }
  }
  return image;
}

std::string svg_of(const Drawing& drawing, double margin) {
  std::string svg;
  const auto write = [](void* to, const unsigned char* data, unsigned int length) {
    try {
      static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(data), length);
    } catch (const std::bad_alloc&) {
      return CAIRO_STATUS_NO_MEMORY;
    }
    return CAIRO_STATUS_SUCCESS;
  };
  const SurfacePointer surface(cairo_svg_surface_create_for_stream(write, &svg, drawing.size.width + 2 * margin,
                                                                   drawing.size.height + 2 * margin));
  cairo_svg_surface_set_document_unit(surface.get(), CAIRO_SVG_UNIT_PX);
  draw_page(surface.get(), drawing, 1, margin);
  cairo_surface_finish(surface.get());
  check_cairo(cairo_surface_status(surface.get()));
  return svg;
}

void write_png(const std::string& path, const Drawing& drawing) {
  basin::write_png(path, image_of(drawing, png_density));
}

std::string svg_beside(const std::string& png) {
  return png.substr(0, png.ends_with(".png") ? png.size() - 4 : png.size()) + ".svg";
}

void write_png_and_svg(const std::string& path, const Drawing& drawing) {
  write_png(path, drawing);
  const std::string svg = svg_of(drawing);
  write_file(svg_beside(path), std::string_view(svg));
}

}  // namespace basin::examples
