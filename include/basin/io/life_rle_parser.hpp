#pragma once

// The parser of RLE texts, the form of which is in life_rle.hpp.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "basin/io/file_error.hpp"
#include "basin/io/life_pattern.hpp"

namespace basin::detail {

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

/// Reads one RLE text, twice: once for its extents, before there is memory for them, and once for its cells.
class RleParser {
 public:
  RleParser(std::string_view text, const std::string& path, std::uint64_t max_cells)
      : rest_(text), path_(path), max_cells_(max_cells) {}

  [[nodiscard]] LifePattern parse() {
    bool header = false;
    while (!header) {
      check_file(!rest_.empty(), path_, place("header"), "missing", header_form);
      const std::string_view text = trimmed(this_line());
      if (text.starts_with('#')) {
        comment(text.substr(1));
      } else if (!text.empty()) {
        header_line_ = line_;
        parse_header(text);
        header = true;
      }
      next_line();
    }
    const std::string_view body = rest_;
    const std::size_t body_line = line_;
    parse_cells([&](std::uint64_t column, std::uint64_t row, std::uint64_t count, std::uint8_t) {
      width_ = std::max(width_, sum(column, count));
      height_ = std::max(height_, sum(row, 1));
      check_size("cells", line_);
    });
    settle_rule();

    pattern_.width = static_cast<Index>(width_);
    pattern_.height = static_cast<Index>(height_);
    pattern_.cells.resize(static_cast<std::size_t>(width_ * height_));
    rest_ = body;
    line_ = body_line;
    keeps_comments_ = false;
    parse_cells([&](std::uint64_t column, std::uint64_t row, std::uint64_t count, std::uint8_t state) {
      std::fill_n(pattern_.cells.begin() + static_cast<std::ptrdiff_t>(row * width_ + column), count, state);
    });
    return std::move(pattern_);
  }

 private:
  static constexpr std::string_view header_form = "x = <width>, y = <height>, and perhaps rule = <rule>";
  static constexpr std::string_view line_ends = "\r\n";

  [[nodiscard]] std::string place(std::string_view thing) const { return place(thing, line_); }
  [[nodiscard]] static std::string place(std::string_view thing, std::size_t line) {
    return "line " + std::to_string(line) + ": " + std::string(thing);
  }

  /// a + b, or the largest number if that has more than 64 bits.
  [[nodiscard]] static std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
    return a + b >= a ? a + b : std::numeric_limits<std::uint64_t>::max();
  }

  [[nodiscard]] std::string_view this_line() const { return rest_.substr(0, rest_.find_first_of(line_ends)); }

  void next_line() {
    rest_.remove_prefix(this_line().size());
    rest_.remove_prefix(rest_.starts_with(line_ends) ? 2 : rest_.empty() ? 0 : 1);
    ++line_;
  }

  /// `text` is the line without the # and without white space at its end.
  void comment(std::string_view text) {
    constexpr std::size_t most = 10'000;
    if (!keeps_comments_) return;
    const auto is = [&](char letter) {
      return text.starts_with(letter) && (text.size() == 1 || rle_space.find(text[1]) != rle_space.npos);
    };
    if (is('N') && pattern_.name.empty()) {
      pattern_.name = trimmed(text.substr(1));
    } else if (is('r') && commented_rule_.empty()) {
      commented_rule_ = text;
      commented_at_ = pattern_.comments.size();
    } else {
      check_file(pattern_.comments.size() < most, path_, place("number of comments"), "more", most);
      pattern_.comments.emplace_back(text);
    }
  }

  void parse_header(std::string_view text) {
    const std::string_view whole = text;
    bool right = take_word(text, "x") && take_word(text, "=") && take_number(text, width_) && take_word(text, ",") &&
                 take_word(text, "y") && take_word(text, "=") && take_number(text, height_);
    text = trimmed(text);
    if (right && !text.empty()) {
      right = take_word(text, ",") && take_word(text, "rule") && take_word(text, "=") && !text.empty();
      header_rule_ = text;
    }
    check_file(right, path_, place("header"), safe_text(whole), header_form);
    check_size("size", line_);
  }

  void check_size(std::string_view thing, std::size_t line) const {
    check_file(std::max({width_, height_, saturating_product(width_, height_)}) <= max_cells_, path_,
               place(thing, line), std::to_string(width_) + "x" + std::to_string(height_),
               "at most " + std::to_string(max_cells_) + " cells either way and in all");
  }

  /// The rule and the world, from the header or else from a line #r. A line #r beside a rule in the header is a
  /// comment.
  void settle_rule() {
    const std::string_view commented = commented_rule_.empty() ? commented_rule_ : trimmed(commented_rule_.substr(1));
    if (!header_rule_.empty() && !commented_rule_.empty()) {
      pattern_.comments.emplace(pattern_.comments.begin() + static_cast<std::ptrdiff_t>(commented_at_),
                                commented_rule_);
    }
    std::string_view rule = header_rule_.empty() ? commented : header_rule_;
    const std::size_t colon = rule.find(':');
    if (colon != rule.npos) {
      parse_world(rule.substr(colon));
      rule = trimmed(rule.substr(0, colon));
      check_file(!rule.empty(), path_, place("rule", header_line_), "empty", "one before the world, such as B3/S23");
    }
    if (!rule.empty()) pattern_.rule = rule;
  }

  /// `text` is from the colon on.
  void parse_world(std::string_view text) {
    const std::string_view whole = text;
    text.remove_prefix(1);
    const bool torus = text.starts_with('T') || text.starts_with('t');
    const bool bounded = text.starts_with('P') || text.starts_with('p');
    std::uint64_t width = 0, height = 0;
    bool right = torus || bounded;
    if (right) text.remove_prefix(1);
    right = right && take_number(text, width);
    height = width;
    if (right && take_word(text, ",")) right = take_number(text, height);
    right = right && text.empty() && width > 0 && height > 0;
    check_file(right, path_, place("world of the rule", header_line_), safe_text(whole),
               ":T<width>,<height>, a torus, or :P<width>,<height>, a bounded plane: no other is known here");
    check_file(width_ <= width && height_ <= height, path_, place("size of the pattern", header_line_),
               std::to_string(width_) + "x" + std::to_string(height_),
               "at most that of its world, " + safe_text(whole));
    pattern_.world = torus ? LifeWorld::torus : LifeWorld::bounded;
    width_ = width;
    height_ = height;
    check_size("world", header_line_);
  }

  /// Calls each(column, row, count, state) for all runs that are not dead.
  template <class Each>
  void parse_cells(const Each& each) {
    std::uint64_t row = 0, column = 0, count = 0;  // a count of 0: none was given
    bool line_starts = true;
    while (!rest_.empty()) {
      const char c = rest_.front();
      const bool line_end = line_ends.find(c) != line_ends.npos;
      if (line_end || (c == '#' && line_starts && count == 0)) {
        if (c == '#') comment(trimmed(this_line()).substr(1));
        next_line();
        line_starts = true;
        continue;
      }
      const bool space = rle_space.find(c) != rle_space.npos;
      line_starts = line_starts && space;
      if (c >= '0' && c <= '9' && count == 0) {
        const std::string_view digits = rest_.substr(0, rest_.find_first_not_of("0123456789"));
        check_file(take_number(rest_, count) && count > 0, path_, place("count"), safe_text(digits), "1 to 2^64 - 1");
        continue;
      }
      if (c == '!' && count == 0) return;
      if (space) {
        rest_.remove_prefix(1);
        continue;
      }
      const std::uint64_t times = std::max<std::uint64_t>(count, 1);
      if (c == '$') {
        rest_.remove_prefix(1);
        row = sum(row, times);
        column = 0;
      } else {
        const std::uint8_t state = take_state(count > 0);
        if (state != 0) each(column, row, times, state);
        column = sum(column, times);
      }
      count = 0;
    }
    check_file(count == 0, path_, place("tag after a count"), "missing", "b, o, a state or $");
  }

  /// Takes a cell's tag off the front of what is left.
  [[nodiscard]] std::uint8_t take_state(bool counted) {
    const auto letter = [](char c) { return c >= 'A' && c <= 'X' ? 1 + c - 'A' : 0; };
    const char c = rest_.front();
    const bool prefixed = c >= 'p' && c <= 'y';
    const int last = prefixed ? (rest_.size() > 1 ? letter(rest_[1]) : 0) : letter(c);
    const int state = prefixed ? 24 * (1 + c - 'p') + last : c == 'o' ? 1 : last;
    const bool right = c == 'b' || c == '.' || c == 'o' || (last > 0 && state <= 255);
    check_file(
        right, path_, place(counted ? "tag after a count" : "tag"), safe_text(rest_.substr(0, prefixed ? 2 : 1)),
        counted ? "b, o, . or a state, A to X or pA to yO, or $" : "b, o, . or a state, A to X or pA to yO, $ or !");
    rest_.remove_prefix(prefixed ? 2 : 1);
    return static_cast<std::uint8_t>(state);
  }

  std::string_view rest_;
  const std::string& path_;
  std::uint64_t max_cells_;
  std::size_t line_ = 1, header_line_ = 1;
  bool keeps_comments_ = true;
  std::string_view header_rule_, commented_rule_;
  std::size_t commented_at_ = 0;  // among the comments
  std::uint64_t width_ = 0, height_ = 0;
  LifePattern pattern_;
};

}  // namespace basin::detail
