#pragma once

// Drawings, through cairo (cairographics.org): texts, lines, marks and images in a rectangle, which become an image, or
// a PNG and an SVG file. Drawings are put together from others, beside and above one another.
//
// Lengths are in units; a unit is a pixel of an image of density 1, and of an SVG file. Texts are UTF-8; ^{...} raises.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "basin/io/atomic_file.hpp"
#include "basin/io/image.hpp"
#include "basin/io/png.hpp"
#include "colours.hpp"

using cairo_t = struct _cairo;

namespace basin::examples {

struct TextStyle {
  double size = 13;
  bool bold = false;
  Colour colour = ink;
  double align = 0;  ///< where x is in the text: 0 at its left end, 1 at its right end
};

struct Size {
  double width = 0, height = 0;
};

struct Point {
  double x = 0, y = 0;
};

enum class Mark { disc, square, triangle, diamond, cross, nabla };

/// How wide a line of text is.
[[nodiscard]] double text_width(std::string_view text, const TextStyle& style = {});

/// The height of a line of text with the room to the next.
[[nodiscard]] inline double line_height(const TextStyle& style = {}) { return 1.3 * style.size; }

/// A text cut at spaces into lines of at most `width`, or of a word.
[[nodiscard]] std::vector<std::string> wrapped(const std::string& text, double width, const TextStyle& style = {});

struct Drawing;

/// Where a drawing draws.
class Canvas {
 public:
  explicit Canvas(cairo_t* cairo) : cairo_(cairo) {}

  void rectangle(double x, double y, double width, double height, Colour colour);

  void frame(double x, double y, double width, double height, Colour colour, double pen);

  /// Straight lines from each point to the next; `dashes`: lengths that are drawn and left out, in turn.
  void lines(const std::vector<Point>& points, Colour colour, double pen, const std::vector<double>& dashes = {});

  void mark(Mark mark, Point at, double radius, Colour colour);

  /// A line of text whose middle is at the height y.
  void text(double x, double y, std::string_view words, const TextStyle& style = {});

  /// An RGB image, `scale` units a pixel.
  void image(const Image& image, double x, double y, double scale);

  void drawing(const Drawing& drawing, double x, double y);

  /// What draw() draws inside of the rectangle alone.
  void inside(double x, double y, double width, double height, const std::function<void()>& draw);

 private:
  void choose(Colour colour);

  cairo_t* cairo_;
};

/// Something to draw, of a known size.
struct Drawing {
  Size size{};
  std::function<void(Canvas&)> draw{};  ///< within (0, 0) and `size`
};

/// Lines of text, one below the other.
[[nodiscard]] Drawing lines_of_text(const std::vector<std::string>& lines, const TextStyle& style = {});

/// Drawings in a row, their upper edges on one line.
[[nodiscard]] Drawing beside(std::vector<Drawing> drawings, double gap = 24);

/// Drawings in a column, their left edges on one line.
[[nodiscard]] Drawing above(std::vector<Drawing> drawings, double gap = 12);

inline constexpr double page_margin = 10;

/// A drawing as an RGB image on white, so many pixels a unit; fewer, where the image would have more than 32,000 pixels
/// either way.
[[nodiscard]] Image image_of(const Drawing& drawing, double density = 1, double margin = page_margin);

/// A drawing as the text of an SVG file. Letters are outlines, so that no font is needed to see them.
[[nodiscard]] std::string svg_of(const Drawing& drawing, double margin = page_margin);

/// Pixels a unit of PNG files of drawings: sharp on screens of twice as many pixels.
inline constexpr double png_density = 2;

/// Replaces a PNG file. Throws FileError if it cannot be written.
void write_png(const std::string& path, const Drawing& drawing);

/// The SVG file beside a PNG file.
[[nodiscard]] std::string svg_beside(const std::string& png);

/// Replaces a PNG file and the SVG file beside it. Throws FileError if one cannot be written.
void write_png_and_svg(const std::string& path, const Drawing& drawing);

}  // namespace basin::examples
