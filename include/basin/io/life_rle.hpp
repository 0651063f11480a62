#pragma once

// Patterns of the Game of Life and of other automata as RLE files (LifeWiki, "Run Length Encoded"; Golly Help, "File
// Formats" and "Bounded Grids"):
//
//   #N Glider                               the name
//   #r 23/3                                 the rule, if the next line has none
//   #C or whatever else                     comments: lines that start with #
//   x = 3, y = 3, rule = B3/S23             the size, and the rule, which may be left out
//   bob$2bo$3o!                             the cells, row by row
//
// Cells are runs: a count, which is left out where it is 1, and a tag. b or . is dead, o or A alive, $ ends a row, and
// ! the pattern; what follows is not read, and where the file ends without it the pattern ends too. Further states are
// B to X for 2 to 24, then pA to pX, qA to qX, ..., to yO for 255. Dead cells at the end of a row and dead rows at the
// end need not be there. White space and line breaks may be between counts and tags. Living cells beyond x and y make
// the pattern larger.
//
// A rule may end in the world that the pattern lives in, :T30,20 for a torus of 30 x 20 cells or :P30,20 for a plane of
// that size with nothing but dead cells around it. The pattern is in the upper left corner of it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "basin/io/atomic_file.hpp"
#include "basin/io/life_pattern.hpp"
#include "basin/io/life_rle_parser.hpp"

namespace basin {

namespace detail {

/// The tag of a state among several.
[[nodiscard]] inline std::string life_tag(std::uint8_t state, bool several) {
  if (!several) return state == 0 ? "b" : "o";
  if (state == 0) return ".";
  const int above = (state - 1) / 24;
  const std::string letter(1, static_cast<char>('A' + (state - 1) % 24));
  return above == 0 ? letter : static_cast<char>('p' + above - 1) + letter;
}

}  // namespace detail

/// Parses the text of an RLE file; `path` is for messages. Throws FileError, which names the line, what was found and
/// what was expected, for anything else than one pattern, and for one of more than max_cells cells, either way and in
/// all, or 10,000 comments. Memory: a byte a cell of the box, whatever the text's length, and the comments.
[[nodiscard]] inline LifePattern parse_life_rle(std::string_view text, const std::string& path,
                                                std::uint64_t max_cells = default_max_life_cells) {
  return detail::RleParser(text, path, max_cells).parse();
}

/// Reads an RLE file. Throws FileError as parse_life_rle does, and if the file cannot be read, or is longer than two
/// bytes a cell and 1 MiB. Memory: also the file.
[[nodiscard]] inline LifePattern read_life_rle(const std::string& path,
                                               std::uint64_t max_cells = default_max_life_cells) {
  constexpr std::uint64_t around = 1 << 20;
  const std::uint64_t most = detail::saturating_product(max_cells, 2);
  const std::vector<std::uint8_t> file = read_file(path, most + std::min(around, ~most));
  return parse_life_rle({reinterpret_cast<const char*>(file.data()), file.size()}, path, max_cells);
}

/// A pattern as the text of an RLE file, cells in lines of at most 70 characters; with b and o where there are no other
/// states than 0 and 1. Throws std::invalid_argument if the cells do not fit the size, if a text has a line break, if
/// the rule is empty or has a colon, or if a bounded world has no cells.
[[nodiscard]] inline std::string life_rle_text(const LifePattern& pattern) {
  constexpr std::size_t longest_line = 70;
  check(pattern.width >= 0 && pattern.height >= 0 &&
            pattern.cells.size() == static_cast<std::size_t>(pattern.width * pattern.height),
        "number of cells of a pattern", pattern.cells.size(),
        std::to_string(pattern.width) + " * " + std::to_string(pattern.height));
  const auto check_line = [](const std::string& text) {
    check(text.find_first_of("\r\n") == text.npos, "text of a pattern", detail::safe_text(text), "one line");
  };
  check_line(pattern.name);
  check_line(pattern.rule);
  check(!detail::trimmed(pattern.rule).empty(), "rule of a pattern", "empty", "such as B3/S23");
  check(pattern.rule.find(':') == pattern.rule.npos, "rule of a pattern", detail::safe_text(pattern.rule),
        "one without a world, which is told by `world`");
  std::string world;
  if (pattern.world != LifeWorld::endless) {
    check(!pattern.cells.empty(), "size of a bounded world", "none", "one cell or more");
    world = (pattern.world == LifeWorld::torus ? ":T" : ":P") + std::to_string(pattern.width) + "," +
            std::to_string(pattern.height);
  }

  std::string text;
  if (!pattern.name.empty()) text += "#N " + pattern.name + "\n";
  for (const std::string& comment : pattern.comments) {
    check_line(comment);
    text += "#" + comment + "\n";
  }
  text += "x = " + std::to_string(pattern.width) + ", y = " + std::to_string(pattern.height) +
          ", rule = " + pattern.rule + world + "\n";

  std::size_t line_start = text.size();
  const auto put = [&](Index count, const std::string& tag) {
    const std::string item = (count > 1 ? std::to_string(count) : "") + tag;
    if (text.size() - line_start + item.size() > longest_line) {
      text += '\n';
      line_start = text.size();
    }
    text += item;
  };
  const bool several = pattern.states() > 2;
  Index row_ends = 0;  // not yet written
  for (Index y = 0; y < pattern.height; ++y) {
    const std::uint8_t* row = pattern.cells.data() + y * pattern.width;
    for (Index x = 0; x < pattern.width;) {
      const Index end = std::find_if(row + x, row + pattern.width, [&](auto cell) { return cell != row[x]; }) - row;
      if (row[x] != 0 || end < pattern.width) {
        if (row_ends > 0) put(row_ends, "$");
        row_ends = 0;
        put(end - x, detail::life_tag(row[x], several));
      }
      x = end;
    }
    ++row_ends;
  }
  put(1, "!");
  return text + "\n";
}

/// Replaces the file at `path` by a pattern. Throws std::invalid_argument as life_rle_text does, FileError if the file
/// cannot be written.
inline void write_life_rle(const std::string& path, const LifePattern& pattern) {
  write_file(path, life_rle_text(pattern));
}

}  // namespace basin
