#pragma once

// Pictures in a terminal: each character is two pixels, one above the other, as an upper half block in the colour of
// the one on the colour of the other.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "basin/io/image.hpp"
#include "colours.hpp"

namespace basin::examples {

/// Of the 256 colours of xterm the number of the nearest one of the cube of 6 x 6 x 6 colours and the 24 greys, which
/// terminals do not let their users change.
[[nodiscard]] inline int number_in_256(Colour colour) {
  const auto level = [](int value) { return value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40; };
  const auto light = [](int step) { return step == 0 ? 0 : 55 + 40 * step; };
  const auto distance = [&](int red, int green, int blue) {
    const int r = red - colour.red, g = green - colour.green, b = blue - colour.blue;
    return r * r + g * g + b * b;
  };
  const int red = level(colour.red), green = level(colour.green), blue = level(colour.blue);
  const int mean = (colour.red + colour.green + colour.blue) / 3, grey = std::clamp((mean - 3) / 10, 0, 23);
  const int shade = 8 + 10 * grey;
  if (distance(shade, shade, shade) < distance(light(red), light(green), light(blue))) return 232 + grey;
  return 16 + 36 * red + 6 * green + blue;
}

/// That colour.
[[nodiscard]] inline Colour nearest_in_256(Colour colour) {
  const int number = number_in_256(colour), cube = number - 16;
  const auto light = [](int step) { return static_cast<std::uint8_t>(step == 0 ? 0 : 55 + 40 * step); };
  if (number < 232) return {light(cube / 36), light(cube / 6 % 6), light(cube % 6)};
  const auto shade = static_cast<std::uint8_t>(8 + 10 * (number - 232));
  return {shade, shade, shade};
}

/// One character of a screen.
struct Glyph {
  static constexpr char half_block = 0;

  char letter = ' ';              ///< of ASCII, or half_block
  bool bold = false;              ///< of letters
  std::optional<Colour> ink{};    ///< of a half block the upper pixel; none: the terminal's own
  std::optional<Colour> paper{};  ///< the lower one

  friend bool operator==(const Glyph&, const Glyph&) = default;
};

class Screen {
 public:
  /// Blank. Without `true_colour` its colours are of the 256.
  Screen(int columns, int rows, bool true_colour)
      : columns_(columns),
        rows_(rows),
        true_colour_(true_colour),
        glyphs_(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows)) {}

  [[nodiscard]] int columns() const { return columns_; }
  [[nodiscard]] int rows() const { return rows_; }
  [[nodiscard]] const Glyph& at(int column, int row) const { return glyphs_[place(column, row)]; }

  /// ASCII from a place on, in the style of a glyph; what does not fit is left out. Each byte of anything else, as
  /// names of files may have, is a question mark: what stands behind it stays in its column.
  void text(int column, int row, std::string_view text, Glyph style = {}) {
    style.ink = style.ink ? std::optional(shown_as(*style.ink)) : std::nullopt;
    style.paper = style.paper ? std::optional(shown_as(*style.paper)) : std::nullopt;
    for (const char letter : text) {
      if (column >= columns_ || row >= rows_) return;
      style.letter = letter >= ' ' && letter <= '~' ? letter : '?';
      glyphs_[place(column++, row)] = style;
    }
  }

  /// An RGB image, its upper left pixel at (x, y): x counts columns, y two for each row. What does not fit is left out.
  void picture(const Image& image, int x, int y) {
    for (int j = std::max(0, -y); j < std::min<Index>(image.height, 2 * rows_ - y); ++j) {
      for (int i = std::max(0, -x); i < std::min<Index>(image.width, columns_ - x); ++i) {
        const std::uint8_t* pixel = image.at(i, j);
        Glyph& glyph = glyphs_[place(x + i, (y + j) / 2)];
        if (glyph.letter != Glyph::half_block) glyph = {.letter = Glyph::half_block};
        ((y + j) % 2 == 0 ? glyph.ink : glyph.paper) = shown_as({pixel[0], pixel[1], pixel[2]});
      }
    }
  }

  /// What makes this screen of the one that is shown, `before`: characters that differ, as one update where the
  /// terminal knows such (mode 2026). Nothing, if none differ. Of another size, all are written.
  [[nodiscard]] std::string since(const Screen& before) const {
    const bool all = before.columns_ != columns_ || before.rows_ != rows_;
    Pen pen{true_colour_};
    int next = -1;
    for (int at = 0; at < columns_ * rows_; ++at) {
      const Glyph& glyph = glyphs_[static_cast<std::size_t>(at)];
      if (!all && glyph == before.glyphs_[static_cast<std::size_t>(at)]) continue;
      const int column = at % columns_, row = at / columns_;
      if (at != next || column == 0) {
        pen.out += "\x1b[" + std::to_string(row + 1) + ";" + std::to_string(column + 1) + "H";
      }
      pen.put(glyph);
      next = at + 1;
    }
    return pen.out.empty() ? "" : "\x1b[?2026h" + pen.out + "\x1b[0m\x1b[?2026l";
  }

 private:
  /// Says colours only where they change. It begins with the terminal's own.
  struct Pen {
    static constexpr const char *upper = "\xe2\x96\x80", *lower = "\xe2\x96\x84";  // half blocks, U+2580 and U+2584

    bool true_colour;
    std::string out{};
    std::optional<Colour> ink{}, paper{};
    bool bold = false;

    void put(const Glyph& glyph) {
      if (glyph.letter == Glyph::half_block && glyph.ink == glyph.paper) {
        set(ink, glyph.paper, bold);
        out += ' ';
      } else if (glyph.letter == Glyph::half_block && glyph.ink == paper && glyph.paper && glyph.paper == ink) {
        out += lower;                                                // both colours are there
      } else if (glyph.letter == Glyph::half_block && !glyph.ink) {  // above it there is no picture
        set(glyph.paper, std::nullopt, bold);
        out += lower;
      } else {
        set(glyph.letter == ' ' ? ink : glyph.ink, glyph.paper, glyph.letter == ' ' ? bold : glyph.bold);
        if (glyph.letter == Glyph::half_block) {
          out += upper;
        } else {
          out += glyph.letter;
        }
      }
    }

    void set(const std::optional<Colour>& new_ink, const std::optional<Colour>& new_paper, bool new_bold) {
      std::string codes;
      const auto say = [&](const std::string& code) { codes += (codes.empty() ? "" : ";") + code; };
      if (new_bold != bold) say(new_bold ? "1" : "22");
      if (new_ink != ink) say(new_ink ? "38;" + named(*new_ink) : "39");
      if (new_paper != paper) say(new_paper ? "48;" + named(*new_paper) : "49");
      if (!codes.empty()) out += "\x1b[" + codes + "m";
      ink = new_ink, paper = new_paper, bold = new_bold;
    }

    [[nodiscard]] std::string named(Colour colour) const {
      if (!true_colour) return "5;" + std::to_string(number_in_256(colour));
      return "2;" + std::to_string(colour.red) + ";" + std::to_string(colour.green) + ";" + std::to_string(colour.blue);
    }
  };

  [[nodiscard]] Colour shown_as(Colour colour) const { return true_colour_ ? colour : nearest_in_256(colour); }

  [[nodiscard]] std::size_t place(int column, int row) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(column);
  }

  int columns_, rows_;
  bool true_colour_;
  std::vector<Glyph> glyphs_;
};

}  // namespace basin::examples
