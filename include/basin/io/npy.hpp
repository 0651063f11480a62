#pragma once

// NPY, NumPy's file of one array (NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays", R. Kern 2007):
//
//   "\x93NUMPY" major minor | length of the header | {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } | data
//
// The length is 2 bytes in version 1 and 4 in versions 2 and 3, little-endian.
//
// A file's shape (N, Z, Y, X, C) is the state (C, X, Y, Z, N); (N) are N samples of one feature, and () is one number.
// The header is parsed by npy_header.hpp, and not by xtensor's own reader, which believes what it says. Orders of the
// data and writing are xtensor's.
//
// Numbers of another type than the state's are converted, one by one:
//
//   to a floating-point type   to the nearest number that it has; a finite number beyond its largest is an error
//   to an integer type         exactly: a number that is not whole, or out of range, is an error

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
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
#include "basin/io/npy_header.hpp"
#include "basin/io/xtensor.hpp"

namespace basin {

namespace detail {

/// Numbers as files have them and C++ does not.
struct Half {
  std::uint16_t bits = 0;  ///< IEEE 754 binary16
};
struct Truth {
  std::uint8_t byte = 0;  ///< 0 false, else true
};

/// What a stored number stands for.
template <class Stored>
[[nodiscard]] auto number_of(Stored stored) {
  if constexpr (std::is_same_v<Stored, Truth>) {
    return static_cast<std::uint8_t>(stored.byte != 0);
  } else if constexpr (std::is_same_v<Stored, Half>) {
    const int exponent = stored.bits >> 10 & 31, fraction = stored.bits & 1023;
    float value =
        std::ldexp(static_cast<float>(exponent == 0 ? fraction : fraction + 1024), std::max(exponent, 1) - 25);
    if (exponent == 31) {
      value = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
    }
    return (stored.bits >> 15) != 0 ? -value : value;
  } else {
    return stored;
  }
}

/// `to` = `from`, as the first comment of this header says; false if that cannot be.
template <class S, class From>
[[nodiscard]] bool convert_number(From from, S& to) {
  if constexpr (std::is_floating_point_v<S>) {
    if constexpr (std::is_floating_point_v<From> && sizeof(From) > sizeof(S)) {
      if (std::isfinite(from) && std::abs(from) > From{std::numeric_limits<S>::max()}) return false;
    }
  } else if constexpr (std::is_floating_point_v<From>) {
    const double end = std::ldexp(1.0, std::numeric_limits<S>::digits), value = static_cast<double>(from);
    const double begin = std::is_signed_v<S> ? -end : 0.0;
    if (!(value >= begin && value < end) || std::trunc(value) != value) return false;
  } else if (!std::in_range<S>(from)) {
    return false;
  }
  to = static_cast<S>(from);
  return true;
}

/// Numbers that are stored as `Stored`, from `from` on.
template <class Stored, class S>
void read_numbers(const std::uint8_t* from, bool swapped, const std::string& path, std::span<S> out) {
  if (std::is_same_v<Stored, S> && !swapped) {
    if (!out.empty()) std::memcpy(out.data(), from, out.size_bytes());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i, from += sizeof(Stored)) {
    std::array<std::uint8_t, sizeof(Stored)> bytes{};
    std::copy_n(from, bytes.size(), bytes.begin());
    if (swapped) std::reverse(bytes.begin(), bytes.end());
    Stored stored{};
    std::memcpy(&stored, bytes.data(), bytes.size());
    const auto value = number_of(stored);
    if (convert_number(value, out[i])) continue;
    using Limits = std::numeric_limits<S>;
    check_file(false, path, "number " + std::to_string(i) + " of the array", value,
               std::is_floating_point_v<S>
                   ? "a number of at most " + printed(Limits::max()) + " in magnitude"
                   : "a whole number from " + printed(Limits::min()) + " to " + printed(Limits::max()));
  }
}

/// The same for the type that a header names.
template <class S>
void read_numbers(const std::uint8_t* from, const NpyType& type, const std::string& path, std::span<S> out) {
  const auto as = [&]<class Stored>(Stored) { read_numbers<Stored>(from, type.swapped, path, out); };
  const auto with = [&](auto one, auto two, auto four, auto eight) {
    type.bytes == 1 ? as(one) : type.bytes == 2 ? as(two) : type.bytes == 4 ? as(four) : as(eight);
  };
  if (type.kind == 'b') return as(Truth{});
  if (type.kind == 'i') return with(std::int8_t{}, std::int16_t{}, std::int32_t{}, std::int64_t{});
  if (type.kind == 'u') return with(std::uint8_t{}, std::uint16_t{}, std::uint32_t{}, std::uint64_t{});
  type.bytes == 2 ? as(Half{}) : type.bytes == 4 ? as(float{}) : as(double{});
}

/// The state that an array of 0 to 5 such extents is.
[[nodiscard]] inline Shape npy_shape(const std::vector<std::size_t>& extents) {
  if (extents.size() >= 2) return reversed_shape(extents);
  return {1, {1, 1, 1}, extents.empty() ? Index{1} : static_cast<Index>(extents[0])};
}

}  // namespace detail

/// Reads an NPY file of rank 0 to 5, (N, Z, Y, X, C) less the axes that it does not have, in C or Fortran order and
/// either byte order: truth values as 0 and 1, integers, and floating-point numbers of 16, 32 or 64 bits. An array of
/// no numbers is a state of none. Numbers of other types than S are converted as the first comment of this header says.
/// Throws FileError for a number that cannot be, and for another type, rank or size, or more than max_bytes, of the
/// file or of the state. Memory: the file and the state, and the state once more from Fortran order.
template <class S>
[[nodiscard]] State<S> read_npy(const std::string& path, std::uint64_t max_bytes = default_max_array_bytes) {
  static_assert(std::is_arithmetic_v<S> && !std::is_same_v<S, bool>, "a state of numbers");
  const std::vector<std::uint8_t> file = read_file(path, max_bytes);
  const detail::NpyHeader header = detail::parse_npy_header(file, path);
  check_file(header.extents.size() <= 5, path, "rank of the array", header.extents.size(),
             "at most 5: (samples, up to three axes of space, features)");
  const std::size_t data_bytes = file.size() - header.data_offset;
  const std::span<const std::size_t> extents(header.extents);
  check_file(
      detail::byte_count(extents, header.type.bytes) == data_bytes, path, "number of bytes after the header",
      data_bytes,
      "that of shape " + detail::shape_text(extents) + " of " + std::to_string(header.type.bytes) + " bytes a number");
  // Extents of 0 do not excuse the others.
  std::uint64_t state_bytes = sizeof(S);
  for (const std::size_t extent : extents) {
    state_bytes = detail::saturating_product(state_bytes, std::max<std::uint64_t>(extent, 1));
  }
  check_file(state_bytes <= max_bytes, path, "shape in the header", detail::shape_text(extents),
             "at most " + std::to_string(max_bytes) + " bytes of numbers");

  State<S> out(detail::npy_shape(header.extents));
  const std::span<S> numbers(out.values.data(), static_cast<std::size_t>(out.shape.size()));
  const std::uint8_t* data = file.data() + header.data_offset;
  if (!header.column_major || numbers.empty()) {
    detail::read_numbers(data, header.type, path, numbers);
  } else {
    std::vector<S> columns(numbers.size());
    detail::read_numbers(data, header.type, path, std::span(columns));
    const auto fortran =
        xt::adapt<xt::layout_type::column_major>(columns.data(), columns.size(), xt::no_ownership(), header.extents);
    auto to = xt::adapt<xt::layout_type::row_major>(numbers.data(), numbers.size(), xt::no_ownership(), header.extents);
    xt::noalias(to) = fortran;
  }
  return out;
}

/// Replaces the file at `path` by an NPY file of rank 0 to 5: (N, the first rank - 2 axes of space backwards, C), in C
/// order; images are rank 4, (N, Y, X, C); rank 1 is (N), of one feature, and rank 0 one number. Throws
/// std::invalid_argument if the state has an axis that rank leaves out, FileError if the file cannot be written.
template <class S>
void write_npy(const std::string& path, View<S> state, int rank) {
  check(rank >= 0 && rank <= 5, "rank of an NPY file of a state", rank, "0 to 5");
  std::vector<std::size_t> extents(static_cast<std::size_t>(std::max(rank, 2)));
  detail::reversed_extents(state.shape(), extents);
  while (extents.size() > static_cast<std::size_t>(rank)) {
    check(extents.back() == 1, "extent of an axis that an NPY file of rank " + std::to_string(rank) + " leaves out",
          extents.back(), 1);
    extents.pop_back();
  }
  const auto array = xt::adapt<xt::layout_type::row_major>(state.data(), static_cast<std::size_t>(state.size()),
                                                           xt::no_ownership(), extents);
  write_file(path, xt::dump_npy(array));
}

template <class S>
void write_npy(const std::string& path, const State<S>& state, int rank) {
  write_npy(path, state.view(), rank);
}

/// The same with states of equal shapes, one after another as if they were samples: a trajectory of one sample, such as
/// Trajectory::samples[n], is (steps, Y, X, C) in rank 4. No states are an array of no numbers.
template <class S>
void write_npy(const std::string& path, const std::vector<State<S>>& states, int rank) {
  const Shape one = states.empty() ? Shape{0, {1, 1, 1}, 0} : states.front().shape;
  State<S> all(one.with_samples(one.samples * static_cast<Index>(states.size())));
  Index first = 0;
  for (const State<S>& state : states) {
    check(state.shape == one, "shape of a state of a trajectory", state.shape, one);
    all.view().samples(first, one.samples).vector() = state.view().vector();
    first += one.samples;
  }
  write_npy(path, all, rank);
}

}  // namespace basin
