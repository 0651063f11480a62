#pragma once

// What every reader and writer of files throws, and the checks that they share. Without exceptions, where the readers
// of bytes work (tensor_file.hpp), the message goes the way of the core's (core/exceptions.hpp) and the program ends.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "basin/core/check.hpp"

namespace basin {

/// What readers take at most, unless told otherwise, where a small file can stand for much: pixels of PNG files, what
/// gzip unpacks to. The largest file of MNIST has 47 million bytes; an RGBA image of 4096x4096 pixels has just so many.
inline constexpr std::uint64_t default_max_unpacked_bytes = std::uint64_t{1} << 26;

/// The same where the numbers stand in the file one by one, so that there is no more of them than there is of the file.
inline constexpr std::uint64_t default_max_array_bytes = std::uint64_t{1} << 30;

namespace detail {

/// The length of the UTF-8 sequence at the start of `text`, none of the overlong ones, surrogates and numbers that
/// RFC 3629 forbids; 0 if there is no valid one.
[[nodiscard]] inline std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (text.empty()) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    return follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    return follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// Text as it may stand in a message: at most `longest` bytes of it, with "..." where there are more, and with
/// backslashes for control characters and for what is no UTF-8.
[[nodiscard]] inline std::string printable(std::string_view text, std::size_t longest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = utf8_length(text.substr(at));
    const std::size_t taken = length == 0 ? 1 : length;
    if (at + taken > longest) return out + "...";
    const auto code = static_cast<unsigned char>(text[at]);
    // In Unicode 0x80 to 0x9f are control characters too: 0xc2 0x80 to 0xc2 0x9f.
    const bool control =
        code < 0x20 || code == 0x7f || (length == 2 && code == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0);
    if (length > 0 && !control) {
      out += text.substr(at, taken);
    } else if (code == '\n' || code == '\r' || code == '\t') {
      out += code == '\n' ? "\\n" : code == '\r' ? "\\r" : "\\t";
    } else {
      for (std::size_t i = at; i < at + taken; ++i) {
        const auto each = static_cast<unsigned char>(text[i]);
        out += "\\x";
        out += digits[each >> 4];
        out += digits[each & 15];
      }
    }
    at += taken;
  }
  return out;
}

/// So much of a file's text is quoted, and a message has so much after the path. Escapes can make it four times as
/// long.
inline constexpr std::size_t longest_quote = 300, longest_message = 1000;

/// Text from a file in quotes, at most 60 bytes of it.
[[nodiscard]] inline std::string safe_text(std::string_view text) {
  constexpr std::size_t longest = 60;
  return "'" + printable(text, longest) + "'";
}

[[nodiscard]] inline std::string file_message(std::string_view path, std::string_view what) {
  return std::string(path) + ": " + printable(what, longest_message);
}

}  // namespace detail

/// A file that cannot be read or written. The message is one line: "<path>: <thing> is <value>, expected <expected>",
/// or "<path>: <what>". Whatever the file holds, what follows the path is UTF-8 without control characters, and of at
/// most 1000 bytes before these are escaped.
class FileError : public std::runtime_error {
 public:
  /// "<path>: <what>": `path` as it is, `what` escaped, and cut if it is longer than 1000 bytes.
  FileError(std::string_view path, std::string_view what) : std::runtime_error(detail::file_message(path, what)) {}
};

namespace detail {

/// Throws FileError; without exceptions, see set_error_handler().
[[noreturn]] inline void throw_file_error(std::string_view path, std::string_view what) {
#ifdef __cpp_exceptions
  throw FileError(path, what);
#else
  throw_invalid_argument(file_message(path, what));
#endif
}

}  // namespace detail

/// Throws FileError "<path>: <thing> is <value>, expected <expected>" unless `holds`.
/// `value` and `expected` are strings, numbers, or anything with a member to_string(). Of `value`, which may come from
/// the file, at most 300 bytes are quoted.
template <class Value, class Expected>
void check_file(bool holds, std::string_view path, std::string_view thing, const Value& value,
                const Expected& expected) {
  if (!holds) [[unlikely]] {
    detail::throw_file_error(path, std::string(thing) + " is " +
                                       detail::printable(detail::printed(value), detail::longest_quote) +
                                       ", expected " + detail::printed(expected));
  }
}

namespace detail {

/// max_bytes, or what one array can have at most where that is less: 2 GiB on a 32-bit system.
[[nodiscard]] constexpr std::uint64_t addressable(std::uint64_t max_bytes) {
  return std::min(max_bytes, static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max()));
}

/// Largest output of one byte of deflate data: a match of 258 bytes takes at least 2 bits.
inline constexpr std::uint64_t max_deflate_ratio = 1032;

/// a * b, or the largest number if the product does not fit.
[[nodiscard]] constexpr std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  return b != 0 && a > most / b ? most : a * b;
}

/// item_bytes times all extents, or the largest number if that does not fit; 0 if any extent is 0.
template <class Extent>
[[nodiscard]] std::uint64_t byte_count(std::span<const Extent> extents, std::uint64_t item_bytes) {
  std::uint64_t bytes = item_bytes;
  for (const Extent extent : extents) {
    if (extent == 0) return 0;
    bytes = saturating_product(bytes, static_cast<std::uint64_t>(extent));
  }
  return bytes;
}

/// "(3, 4)"; of many extents the first 20.
template <class Extents>
[[nodiscard]] std::string shape_text(const Extents& extents) {
  constexpr std::size_t most = 20;
  std::string out = "(";
  std::size_t count = 0;
  for (const auto extent : extents) {
    if (count++ == most) return out + ", ...)";
    out += (out.size() > 1 ? ", " : "") + std::to_string(extent);
  }
  return out + ")";
}

}  // namespace detail

}  // namespace basin
