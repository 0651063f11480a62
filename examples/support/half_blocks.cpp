#include "half_blocks.hpp"

#include <algorithm>
#include <cstdint>

namespace basin::examples {

int number_in_256(Colour colour) {
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

Colour nearest_in_256(Colour colour) {
  const int number = number_in_256(colour), cube = number - 16;
  const auto light = [](int step) { return static_cast<std::uint8_t>(step == 0 ? 0 : 55 + 40 * step); };
  if (number < 232) return {light(cube / 36), light(cube / 6 % 6), light(cube % 6)};
  const auto shade = static_cast<std::uint8_t>(8 + 10 * (number - 232));
  return {shade, shade, shade};
}

Screen::Screen(int columns, int rows, bool true_colour)
    : columns_(columns),
      rows_(rows),
      true_colour_(true_colour),
      glyphs_(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows)) {}

void Screen::text(int column, int row, std::string_view text, Glyph style) {
  style.ink = style.ink ? std::optional(shown_as(*style.ink)) : std::nullopt;
  style.paper = style.paper ? std::optional(shown_as(*style.paper)) : std::nullopt;
  for (const char letter : text) {
    if (column >= columns_ || row >= rows_) return;
    style.letter = letter >= ' ' && letter <= '~' ? letter : '?';
    glyphs_[place(column++, row)] = style;
  }
}

void Screen::picture(const Image& image, int x, int y) {
  for (int j = std::max(0, -y); j < std::min<Index>(image.height, 2 * rows_ - y); ++j) {
    for (int i = std::max(0, -x); i < std::min<Index>(image.width, columns_ - x); ++i) {
      const std::uint8_t* pixel = image.at(i, j);
      Glyph& glyph = glyphs_[place(x + i, (y + j) / 2)];
      if (glyph.letter != Glyph::half_block) glyph = {.letter = Glyph::half_block};
      ((y + j) % 2 == 0 ? glyph.ink : glyph.paper) = shown_as({pixel[0], pixel[1], pixel[2]});
    }
  }
}

std::string Screen::since(const Screen& before) const {
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

std::size_t Screen::place(int column, int row) const {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(column);
}

}  // namespace basin::examples
