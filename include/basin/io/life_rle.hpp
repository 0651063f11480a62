#pragma once

// Patterns of the Game of Life and other two-state automata as RLE files (LifeWiki, "Run Length Encoded"):
//
//   #N Glider                               the name
//   #C or whatever else                     comments: lines that start with #
//   x = 3, y = 3, rule = B3/S23             the size, and the rule, which may be left out
//   bob$2bo$3o!                             the cells, row by row
//
// Cells are runs: a count, which is left out where it is 1, and a tag. b or . is dead, o or A alive, $ ends a row, and
// ! the pattern; what follows is not read. Dead cells at the end of a row and dead rows at the end need not be there.
// White space and line breaks may be between counts and tags.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/io/atomic_file.hpp"

namespace basin {

/// A pattern in its box.
struct LifePattern {
  std::string name;                   ///< of the first line #N; empty if there is none
  std::vector<std::string> comments;  ///< the other lines that start with #, without it: "C text", "O author", ...
  std::string rule = "B3/S23";        ///< as the file has it
  Index width = 0;                    ///< x
  Index height = 0;                   ///< y
  std::vector<std::uint8_t> cells;    ///< width * height, rows from the top, 0 dead or 1 alive

  [[nodiscard]] bool alive(Index x, Index y) const { return cells[static_cast<std::size_t>(y * width + x)] != 0; }

  friend bool operator==(const LifePattern&, const LifePattern&) = default;
};

/// The largest pattern that readers take, unless told otherwise. A run of a few bytes can stand for any number of
/// cells, so the size of the file is no limit.
inline constexpr std::uint64_t default_max_life_cells = std::uint64_t{1} << 26;

namespace detail {

inline constexpr std::string_view rle_space = " \t\r\v\f";

[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(rle_space);
  return first == text.npos ? std::string_view{} : text.substr(first, text.find_last_not_of(rle_space) - first + 1);
}

/// Takes `word` off the front of `text`, and the white space on both sides; false if it is not there.
[[nodiscard]] inline bool take_word(std::string_view& text, std::string_view word) {
  text = trimmed(text);
  if (!text.starts_with(word)) return false;
  text = trimmed(text.substr(word.size()));
  return true;
}

/// Takes a number off the front of `text`; false if there is none, or if it has more than 64 bits.
[[nodiscard]] inline bool take_number(std::string_view& text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

/// Reads one RLE text from front to back.
class RleParser {
 public:
  RleParser(std::string_view text, const std::string& path, std::uint64_t max_cells)
      : rest_(text), path_(path), max_cells_(max_cells) {}

  [[nodiscard]] LifePattern parse() {
    bool header = false;
    while (!header) {
      check_file(!rest_.empty(), path_, place("header"), "missing", header_form);
      const std::string_view text = trimmed(rest_.substr(0, rest_.find('\n')));
      if (text.starts_with('#')) {
        comment(text.substr(1));
      } else if (!text.empty()) {
        parse_header(text);
        header = true;
      }
      next_line();
    }
    parse_cells();
    return std::move(pattern_);
  }

 private:
  static constexpr std::string_view header_form = "x = <width>, y = <height>, and perhaps rule = <rule>";

  [[nodiscard]] std::string place(std::string_view thing) const {
    return "line " + std::to_string(line_) + ": " + std::string(thing);
  }

  void next_line() {
    rest_.remove_prefix(std::min(rest_.size(), rest_.find('\n')));
    if (!rest_.empty()) rest_.remove_prefix(1);
    ++line_;
  }

  /// `text` is the line without the # and without white space at its end.
  void comment(std::string_view text) {
    const bool names = text.starts_with('N') && (text.size() == 1 || rle_space.find(text[1]) != rle_space.npos);
    if (names && pattern_.name.empty()) {
      pattern_.name = trimmed(text.substr(1));
    } else {
      pattern_.comments.emplace_back(text);
    }
  }

  void parse_header(std::string_view text) {
    const std::string_view whole = text;
    std::uint64_t width = 0, height = 0;
    bool right = take_word(text, "x") && take_word(text, "=") && take_number(text, width) && take_word(text, ",") &&
                 take_word(text, "y") && take_word(text, "=") && take_number(text, height);
    text = trimmed(text);
    if (right && !text.empty()) {
      right = take_word(text, ",") && take_word(text, "rule") && take_word(text, "=") && !text.empty();
      pattern_.rule = text;
    }
    check_file(right, path_, place("header"), safe_text(whole), header_form);
    check_file(std::max({width, height, saturating_product(width, height)}) <= max_cells_, path_, place("size"),
               std::to_string(width) + "x" + std::to_string(height),
               "at most " + std::to_string(max_cells_) + " cells either way and in all");
    pattern_.width = static_cast<Index>(width);
    pattern_.height = static_cast<Index>(height);
    pattern_.cells.resize(static_cast<std::size_t>(width * height));
  }

  void parse_cells() {
    bool line_starts = true;
    std::uint64_t count = 0;  // 0: none was given
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '\n' || (c == '#' && line_starts && count == 0)) {
        if (c == '#') comment(trimmed(rest_.substr(0, rest_.find('\n'))).substr(1));
        next_line();
        line_starts = true;
        continue;
      }
      line_starts = line_starts && rle_space.find(c) != rle_space.npos;
      if (c >= '0' && c <= '9' && count == 0) {
        const std::string_view digits = rest_.substr(0, rest_.find_first_not_of("0123456789"));
        check_file(take_number(rest_, count) && count > 0, path_, place("count"), safe_text(digits), "1 to 2^64 - 1");
        continue;
      }
      rest_.remove_prefix(1);
      if (rle_space.find(c) != rle_space.npos) continue;
      if (c == '!' && count == 0) return;
      run(c, std::max<std::uint64_t>(count, 1), count > 0);
      count = 0;
    }
    check_file(false, path_, place("end of the cells"), "missing", "!");
  }

  void run(char tag, std::uint64_t count, bool counted) {
    const bool dead = tag == 'b' || tag == '.', living = tag == 'o' || tag == 'A';
    const bool other_state = (tag >= 'B' && tag <= 'X') || (tag >= 'p' && tag <= 'y');
    check_file(!other_state, path_, place("cell"), safe_text({&tag, 1}),
               "b, o, . or A: only patterns of two states are read");
    check_file(dead || living || tag == '$', path_, place(counted ? "tag after a count" : "tag"), safe_text({&tag, 1}),
               counted ? "b, o, . or A, or $" : "b, o, . or A, $ or !");
    const auto width = static_cast<std::uint64_t>(pattern_.width), height = static_cast<std::uint64_t>(pattern_.height);
    if (tag == '$') {
      // One past the last row, in which there may be no cells: many files end every row.
      check_file(count <= height - row_, path_, place("number of rows ended"), sum_text(row_, count),
                 "at most y = " + std::to_string(height));
      row_ += count;
      column_ = 0;
      return;
    }
    check_file(row_ < height, path_, place("number of rows with cells"), row_ + 1,
               "at most y = " + std::to_string(height));
    check_file(count <= width - column_, path_, place("number of cells in row " + std::to_string(row_ + 1)),
               sum_text(column_, count), "at most x = " + std::to_string(width));
    if (living) {
      std::fill_n(pattern_.cells.begin() + static_cast<std::ptrdiff_t>(row_ * width + column_), count, std::uint8_t{1});
    }
    column_ += count;
  }

  /// a + b, also where that has more than 64 bits.
  [[nodiscard]] static std::string sum_text(std::uint64_t a, std::uint64_t b) {
    return a + b >= a ? std::to_string(a + b) : "more than 2^64";
  }

  std::string_view rest_;
  const std::string& path_;
  std::uint64_t max_cells_;
  std::size_t line_ = 1;
  std::uint64_t row_ = 0, column_ = 0;
  LifePattern pattern_;
};

}  // namespace detail

/// Parses the text of an RLE file; `path` is for messages. Throws FileError, which names the line, what was found and
/// what was expected, for anything else than one pattern of two states, of at most max_cells cells.
[[nodiscard]] inline LifePattern parse_life_rle(std::string_view text, const std::string& path,
                                                std::uint64_t max_cells = default_max_life_cells) {
  return detail::RleParser(text, path, max_cells).parse();
}

/// Reads an RLE file. Throws FileError as parse_life_rle does, and if the file cannot be read.
[[nodiscard]] inline LifePattern read_life_rle(const std::string& path,
                                               std::uint64_t max_cells = default_max_life_cells) {
  const std::vector<std::uint8_t> file = read_file(path, std::uint64_t{1} << 28);
  return parse_life_rle({reinterpret_cast<const char*>(file.data()), file.size()}, path, max_cells);
}

/// A pattern as the text of an RLE file, cells in lines of at most 70 characters. Throws std::invalid_argument if the
/// cells do not fit the size or are others than 0 and 1, or if a text has a line break, or the rule is empty.
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

  std::string text;
  if (!pattern.name.empty()) text += "#N " + pattern.name + "\n";
  for (const std::string& comment : pattern.comments) {
    check_line(comment);
    text += "#" + comment + "\n";
  }
  text += "x = " + std::to_string(pattern.width) + ", y = " + std::to_string(pattern.height) +
          ", rule = " + pattern.rule + "\n";

  std::size_t line_start = text.size();
  const auto put = [&](Index count, char tag) {
    const std::string item = (count > 1 ? std::to_string(count) : "") + tag;
    if (text.size() - line_start + item.size() > longest_line) {
      text += '\n';
      line_start = text.size();
    }
    text += item;
  };
  Index row_ends = 0;  // not yet written
  for (Index y = 0; y < pattern.height; ++y) {
    const std::uint8_t* row = pattern.cells.data() + y * pattern.width;
    for (Index x = 0; x < pattern.width;) {
      check(row[x] <= 1, "cell of a pattern", int{row[x]}, "0 or 1");
      const Index end = std::find_if(row + x, row + pattern.width, [&](auto cell) { return cell != row[x]; }) - row;
      if (row[x] == 1 || end < pattern.width) {
        if (row_ends > 0) put(row_ends, '$');
        row_ends = 0;
        put(end - x, row[x] == 1 ? 'o' : 'b');
      }
      x = end;
    }
    ++row_ends;
  }
  put(1, '!');
  return text + "\n";
}

/// Replaces the file at `path` by a pattern. Throws std::invalid_argument as life_rle_text does, FileError if the file
/// cannot be written.
inline void write_life_rle(const std::string& path, const LifePattern& pattern) {
  write_file(path, life_rle_text(pattern));
}

}  // namespace basin
