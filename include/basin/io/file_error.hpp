#pragma once

// What every reader and writer of files throws, and the checks that they share.

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

#ifndef __cpp_exceptions
#error "basin/io reports errors of files by exceptions: compile without -fno-exceptions"
#endif

namespace basin {

/// A file that cannot be read or written. The message is one line: "<path>: <thing> is <value>, expected <expected>",
/// or "<path>: <what>".
class FileError : public std::runtime_error {
 public:
  FileError(std::string_view path, std::string_view what)
      : std::runtime_error(std::string(path) + ": " + std::string(what)) {}
};

/// Throws FileError "<path>: <thing> is <value>, expected <expected>" unless `holds`.
/// `value` and `expected` are strings, numbers, or anything with a member to_string().
template <class Value, class Expected>
void check_file(bool holds, std::string_view path, std::string_view thing, const Value& value,
                const Expected& expected) {
  if (!holds) [[unlikely]] {
    throw FileError(path,
                    std::string(thing) + " is " + detail::printed(value) + ", expected " + detail::printed(expected));
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

/// Text from a file as it may stand in a message: short, and without control characters.
[[nodiscard]] inline std::string safe_text(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string out = "'";
  for (const char c : text.substr(0, longest)) {
    const auto code = static_cast<unsigned char>(c);
    out += code < 0x20 || code == 0x7f ? '?' : c;
  }
  return out + (text.size() > longest ? "...'" : "'");
}

/// "(3, 4)"
template <class Extents>
[[nodiscard]] std::string shape_text(const Extents& extents) {
  std::string out = "(";
  for (const auto extent : extents) out += (out.size() > 1 ? ", " : "") + std::to_string(extent);
  return out + ")";
}

}  // namespace detail

}  // namespace basin
