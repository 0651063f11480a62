#pragma once

// The header of an NPY file, a dictionary as Python writes it, read strictly and before anything is allocated:
//
//   {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
//
// with either kind of quotes, any white space, and an L after integers, as Python 2 writes them.

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "basin/io/file_error.hpp"

namespace basin::detail {

/// How a file has its numbers, such as '<f4' or '|b1'.
struct NpyType {
  char kind = 'f';        ///< b truth, i signed, u unsigned, f floating-point
  std::size_t bytes = 4;  ///< 1, 2, 4 or 8
  bool swapped = false;   ///< in the other byte order than this machine's
};

struct NpyHeader {
  NpyType type{};
  bool column_major = false;
  std::vector<std::size_t> extents{};
  std::size_t data_offset = 0;  ///< in the file
};

/// Throws FileError for types of other numbers, of text, of objects and of structures.
[[nodiscard]] inline NpyType parse_npy_type(std::string_view text, const std::string& path) {
  static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big);
  const std::string_view whole = text;
  constexpr char other = std::endian::native == std::endian::little ? '>' : '<';
  const bool ordered = !text.empty() && std::string_view("<>|=").find(text[0]) != text.npos;
  const char order = ordered ? text[0] : '=';
  if (ordered) text.remove_prefix(1);
  if (text == "?") text = "b1";  // another name of it
  constexpr std::array<std::string_view, 12> known{"b1", "i1", "u1", "i2", "u2", "f2",
                                                   "i4", "u4", "f4", "i8", "u8", "f8"};
  check_file(std::find(known.begin(), known.end(), text) != known.end(), path, "type of the numbers", safe_text(whole),
             "truth values (b1), integers (i1 to i8, u1 to u8) or floating-point numbers (f2, f4, f8)");
  return {text[0], static_cast<std::size_t>(text[1] - '0'), order == other && text[1] != '1'};
}

/// Reads the Python literal that NPY headers are written in, and no other Python.
class NpyHeaderParser {
 public:
  NpyHeaderParser(std::string_view text, const std::string& path) : rest_(text), path_(path) {}

  [[nodiscard]] NpyHeader parse() {
    std::optional<NpyType> type;
    std::optional<bool> column_major;
    std::optional<std::vector<std::size_t>> extents;
    expect("{");
    while (!accept("}")) {
      const std::string_view key = string();
      expect(":");
      if (key == "descr" && !type) {
        skip_spaces();
        check_file(!rest_.starts_with('['), path_, "type of the numbers", "a structure of several", "one for all");
        type = parse_npy_type(string(), path_);
      } else if (key == "fortran_order" && !column_major) {
        column_major = accept("True");
        if (!*column_major) expect("False");
      } else if (key == "shape" && !extents) {
        extents = tuple();
      } else {
        check_file(false, path_, "key in the header", safe_text(key), "descr, fortran_order and shape, each once");
      }
      if (!accept(",")) {
        expect("}");
        break;
      }
    }
    skip_spaces();
    check_file(rest_.empty(), path_, "text after the header's dictionary", safe_text(rest_), "spaces and a line's end");
    check_file(type && column_major && extents, path_, "header's dictionary", "not complete",
               "descr, fortran_order and shape");
    return {*type, *column_major, std::move(*extents), 0};
  }

 private:
  void skip_spaces() {
    while (!rest_.empty() && std::string_view(" \t\n\r\v\f").find(rest_[0]) != rest_.npos) rest_.remove_prefix(1);
  }
  bool accept(std::string_view word) {
    skip_spaces();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void expect(std::string_view word) {
    const bool found = accept(word);
    check_file(found, path_, "text in the header", safe_text(rest_.substr(0, 20)), safe_text(word));
  }
  std::string_view string() {
    skip_spaces();
    const std::string_view quote = rest_.starts_with('"') ? "\"" : "'";
    expect(quote);
    const std::string_view out = rest_.substr(0, rest_.find(quote));
    rest_.remove_prefix(out.size());
    expect(quote);
    return out;
  }
  std::vector<std::size_t> tuple() {
    std::vector<std::size_t> out;
    expect("(");
    while (!accept(")")) {
      skip_spaces();
      std::size_t extent = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      check_file(error == std::errc{}, path_, "extent in the header", safe_text(rest_.substr(0, 20)), "a whole number");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      if (rest_.starts_with('L')) rest_.remove_prefix(1);  // as Python 2 writes long integers
      out.push_back(extent);
      if (!accept(",")) {
        check_file(out.size() > 1, path_, "shape in the header", "a number in brackets", "a tuple");
        expect(")");
        break;
      }
    }
    return out;
  }

  std::string_view rest_;
  const std::string& path_;
};

[[nodiscard]] inline NpyHeader parse_npy_header(std::span<const std::uint8_t> file, const std::string& path) {
  constexpr std::string_view magic = "\x93NUMPY";
  check_file(file.size() >= 10 && std::equal(magic.begin(), magic.end(), file.begin(),
                                             [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }),
             path, "start of the file", "something else", "that of an NPY file of 10 bytes or more");
  const int major = file[6], minor = file[7];
  check_file(major >= 1 && major <= 3 && minor == 0, path, "version of the NPY file",
             std::to_string(major) + "." + std::to_string(minor), "1.0, 2.0 or 3.0");
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  check_file(file.size() >= 8 + length_bytes, path, "size in bytes", file.size(), "more: the header is cut off");
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i) length |= std::size_t{file[8 + i]} << (8 * i);
  const std::size_t start = 8 + length_bytes;
  check_file(length <= file.size() - start, path, "length of the header", length,
             "at most the " + std::to_string(file.size() - start) + " bytes that follow");
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + start, length);
  NpyHeader header = NpyHeaderParser(text, path).parse();
  header.data_offset = start + length;
  return header;
}

}  // namespace basin::detail
