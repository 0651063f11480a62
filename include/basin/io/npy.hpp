#pragma once

// NPY, NumPy's file of one array (NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays", R. Kern 2007):
//
//   "\x93NUMPY" major minor | length of the header | {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } | data
//
// The length is 2 bytes in version 1 and 4 in versions 2 and 3, little-endian.
//
// A file's shape (N, Z, Y, X, C) is the state (C, X, Y, Z, N). The header is parsed here, strictly and before anything
// is allocated: xtensor's own reader believes what the header says. Orders of the data and writing are xtensor's.

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// xtensor 0.26 moved its headers into folders.
#if __has_include(<xtensor/io/xnpy.hpp>)
#include <xtensor/core/xnoalias.hpp>
#include <xtensor/io/xnpy.hpp>
#else
#include <xtensor/xnoalias.hpp>
#include <xtensor/xnpy.hpp>
#endif

#include "basin/io/atomic_file.hpp"
#include "basin/io/xtensor.hpp"

namespace basin {

namespace detail {

struct NpyHeader {
  std::string type;  ///< such as "<f4"
  bool column_major = false;
  std::vector<std::size_t> extents;
  std::size_t data_offset = 0;  ///< in the file
};

/// How NumPy names S on this machine.
template <class S>
[[nodiscard]] std::string npy_type() {
  static_assert(std::is_arithmetic_v<S> && !std::is_same_v<S, bool>, "a state of numbers");
  static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big);
  const char order = sizeof(S) == 1 ? '|' : std::endian::native == std::endian::little ? '<' : '>';
  const char kind = std::is_floating_point_v<S> ? 'f' : std::is_signed_v<S> ? 'i' : 'u';
  return {order, kind, static_cast<char>('0' + sizeof(S))};
}

/// Reads the Python literal that NPY headers are written in, and no other Python.
class NpyHeaderParser {
 public:
  NpyHeaderParser(std::string_view text, const std::string& path) : rest_(text), path_(path) {}

  [[nodiscard]] NpyHeader parse() {
    std::optional<std::string> type;
    std::optional<bool> column_major;
    std::optional<std::vector<std::size_t>> extents;
    expect("{");
    while (!accept("}")) {
      const std::string key = string();
      expect(":");
      if (key == "descr" && !type) {
        type = string();
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
    return {*type, *column_major, *extents, 0};
  }

 private:
  void skip_spaces() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
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
  std::string string() {
    expect("'");
    const std::size_t end = std::min(rest_.find('\''), rest_.size());
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end);
    expect("'");
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
  std::string path_;
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

}  // namespace detail

/// Reads an NPY file of S and of rank 2 to 5, (N, Z, Y, X, C) less the axes that it does not have, in C or Fortran
/// order. Throws FileError for another type, rank or size; nothing is converted.
template <class S>
[[nodiscard]] State<S> read_npy(const std::string& path, std::uint64_t max_bytes = default_max_file_bytes) {
  const std::vector<std::uint8_t> file = read_file(path, max_bytes);
  const detail::NpyHeader header = detail::parse_npy_header(file, path);
  check_file(header.type == detail::npy_type<S>(), path, "type of the numbers", detail::safe_text(header.type),
             detail::safe_text(detail::npy_type<S>()));
  check_file(header.extents.size() >= 2 && header.extents.size() <= 5, path, "rank of the array", header.extents.size(),
             "2 to 5: (samples, up to three axes of space, features)");
  const std::size_t data_bytes = file.size() - header.data_offset;
  const std::uint64_t expected = detail::byte_count(std::span<const std::size_t>(header.extents), sizeof(S));
  check_file(expected == data_bytes, path, "number of bytes after the header", data_bytes,
             "that of shape " + detail::shape_text(header.extents) + " of " + header.type);
  // An empty array may have any other extents, and their product is taken later.
  check_file(expected != 0, path, "shape in the header", detail::shape_text(header.extents), "at least one number");

  State<S> out;
  out.shape = detail::reversed_shape(header.extents);
  out.values.resize(out.shape.size());
  const std::uint8_t* data = file.data() + header.data_offset;
  if (!header.column_major) {
    std::memcpy(out.values.data(), data, data_bytes);
  } else {
    std::vector<S> aligned(static_cast<std::size_t>(out.shape.size()));
    std::memcpy(aligned.data(), data, data_bytes);
    const auto fortran =
        xt::adapt<xt::layout_type::column_major>(aligned.data(), aligned.size(), xt::no_ownership(), header.extents);
    auto to =
        xt::adapt<xt::layout_type::row_major>(out.values.data(), aligned.size(), xt::no_ownership(), header.extents);
    xt::noalias(to) = fortran;
  }
  return out;
}

/// Replaces the file at `path` by an NPY file of rank 2 to 5: (N, the first rank - 2 axes of space backwards, C), in C
/// order; images are rank 4, (N, Y, X, C). Throws std::invalid_argument if the state has an axis that rank leaves out,
/// FileError if the file cannot be written.
template <class S>
void write_npy(const std::string& path, View<S> state, int rank) {
  check(rank >= 2 && rank <= 5, "rank of an NPY file of a state", rank, "2 to 5");
  std::vector<std::size_t> extents(static_cast<std::size_t>(rank));
  detail::reversed_extents(state.shape(), extents);
  const auto array = xt::adapt<xt::layout_type::row_major>(state.data(), static_cast<std::size_t>(state.size()),
                                                           xt::no_ownership(), extents);
  write_file(path, xt::dump_npy(array));
}

template <class S>
void write_npy(const std::string& path, const State<S>& state, int rank) {
  write_npy(path, state.view(), rank);
}

}  // namespace basin
