#pragma once

// Pictures in a terminal: each character is two pixels, one above the other, as an upper half block in the colour of
// the one on the colour of the other.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "basin/io/image.hpp"
#include "colours.hpp"

namespace basin::examples {

/// Of the 256 colours of xterm the number of the nearest one of the cube of 6 x 6 x 6 colours and the 24 greys, which
/// terminals do not let their users change.
[[nodiscard]] int number_in_256(Colour colour);

/// That colour.
[[nodiscard]] Colour nearest_in_256(Colour colour);

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
  Screen(int columns, int rows, bool true_colour);

  [[nodiscard]] int columns() const { return columns_; }
  [[nodiscard]] int rows() const { return rows_; }
  [[nodiscard]] const Glyph& at(int column, int row) const { return glyphs_[place(column, row)]; }

  /// ASCII from a place on, in the style of a glyph; what does not fit is left out. Each byte of anything else, as
  /// names of files may have, is a question mark: what stands behind it stays in its column.
  void text(int column, int row, std::string_view text, Glyph style = {});

  /// An RGB image, its upper left pixel at (x, y): x counts columns, y two for each row. What does not fit is left out.
  void picture(const Image& image, int x, int y);

  /// What makes this screen of the one that is shown, `before`: characters that differ, as one update where the
  /// terminal knows such (mode 2026). Nothing, if none differ. Of another size, all are written.
  [[nodiscard]] std::string since(const Screen& before) const;

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

  [[nodiscard]] std::size_t place(int column, int row) const;

  int columns_, rows_;
  bool true_colour_;
  std::vector<Glyph> glyphs_;
};

}  // namespace basin::examples
