#pragma once

// Codes of positions: what tells a rule the weights of one row or column from those of another.
//
// Each function overwrites one column, the code of one position; how long the code is, is the column's size. A table of
// codes is a matrix (codes, positions):
//
//   Matrix<float> rows(10, layer.rows);
//   for (Index i = 0; i < layer.rows; ++i) sinusoidal_code(i, rows.col(i));
//
// and col(i).head(n), col(i).segment(k, n) put several codes into one. A column is any expression of Eigen that can be
// written and has one column of floating-point numbers, also a temporary. Tables may stay outside of the state, or be
// written into it. Every function throws std::invalid_argument for a position, a size or a shape other than it says.
//
//   sinusoidal_code   A. Vaswani et al., "Attention is all you need", 2017, section 3.5
//   cosine_code       the discrete cosine transform of n points (N. Ahmed, T. Natarajan, K. R. Rao 1974): positions
//                     relative to the width, so that networks of different widths share it
//   image_code        its product in two dimensions, for pixels
//   one_hot_code, binary_code, place_code   flags

#include <cmath>
#include <limits>
#include <numbers>
#include <type_traits>

#include "basin/meta/network.hpp"

namespace basin {

namespace detail {

template <class Column>
using CodeScalar = typename std::remove_cvref_t<Column>::Scalar;

inline void check_position(Index position, Index count) {
  check(position >= 0 && position < count, "position of a code", position, "0 to " + std::to_string(count - 1));
}

}  // namespace detail

/// column[2 k] = sin(position / base^(2 k / n)), column[2 k + 1] = the cosine of the same, for a column of size n. Any
/// position; base: positive.
template <class Column>
void sinusoidal_code(Index position, Column&& column, double base = 10000) {
  check(base > 0, "sinusoidal_code: base", base, "a positive number");
  const Index n = column.size();
  for (Index k = 0; k < n; ++k) {
    const double angle =
        static_cast<double>(position) * std::pow(base, -static_cast<double>(k / 2 * 2) / static_cast<double>(n));
    column[k] = static_cast<detail::CodeScalar<Column>>(k % 2 == 0 ? std::sin(angle) : std::cos(angle));
  }
}

/// column[k] = cos(pi k (position + 1/2) / count), of position 0 ... count - 1.
template <class Column>
void cosine_code(Index position, Index count, Column&& column) {
  detail::check_position(position, count);
  const double angle = std::numbers::pi * (static_cast<double>(position) + 0.5) / static_cast<double>(count);
  for (Index k = 0; k < column.size(); ++k) {
    column[k] = static_cast<detail::CodeScalar<Column>>(std::cos(angle * static_cast<double>(k)));
  }
}

/// column[k across + m] = cos(pi k (y + 1/2) / height) cos(pi m (x + 1/2) / width), m = 0 ... across - 1, of the pixel
/// x + width y. The column's size is a multiple of `across`.
template <class Column>
void image_code(Index pixel, Index width, Index height, Index across, Column&& column) {
  detail::check_position(pixel, width * height);
  check(across > 0 && column.size() % across == 0, "image_code: size of the column", column.size(),
        "a multiple of " + std::to_string(across));
  const auto angle = [](Index place, Index count) {
    return std::numbers::pi * (static_cast<double>(place) + 0.5) / static_cast<double>(count);
  };
  const double of_x = angle(pixel % width, width), of_y = angle(pixel / width, height);
  for (Index i = 0; i < column.size(); ++i) {
    const double value =
        std::cos(of_y * static_cast<double>(i / across)) * std::cos(of_x * static_cast<double>(i % across));
    column[i] = static_cast<detail::CodeScalar<Column>>(value);
  }
}

/// 1 at the position, 0 elsewhere. Positions are 0 ... size - 1.
template <class Column>
void one_hot_code(Index position, Column&& column) {
  detail::check_position(position, column.size());
  column.setZero();
  column[position] = 1;
}

/// The position's binary digits, 0 or 1, the lowest first. Positions are 0 ... 2^size - 1.
template <class Column>
void binary_code(Index position, Column&& column) {
  constexpr Index bits = std::numeric_limits<Index>::digits;  // of a position: 63, or 31 in a browser
  const Index digits = column.size();
  if (digits < bits) {
    detail::check_position(position, Index{1} << digits);
  } else {
    check(position >= 0, "position of a code", position, "0 or more");
  }
  for (Index k = 0; k < digits; ++k) {
    column[k] = static_cast<detail::CodeScalar<Column>>(k < bits ? position >> k & 1 : 0);
  }
}

/// Three flags, 0 or 1: the first of `count` places, one between, the last. A single place is both first and last. The
/// column's size is 3.
template <class Column>
void place_code(Index place, Index count, Column&& column) {
  detail::check_position(place, count);
  check(column.size() == 3, "place_code: size of the column", column.size(), 3);
  const bool first = place == 0, last = place == count - 1;
  column << detail::CodeScalar<Column>(first), detail::CodeScalar<Column>(!first && !last),
      detail::CodeScalar<Column>(last);
}

/// A number of its own for each layer of each depth: 0 for the layer of a network of one, 1 and 2 for those of a
/// network of two, 3 to 5 for those of three. Up to depth D there are D (D + 1) / 2 roles, as positions of a
/// one_hot_code or for choosing a block of a longer code.
[[nodiscard]] inline Index layer_role(Index layer, Index layers) {
  detail::check_position(layer, layers);
  return layers * (layers - 1) / 2 + layer;
}

/// Writes codes into the states of a layer's cells, from `feature` on: z(feature + k, cell(i, j)) = rows(k, i), and
/// behind them columns(k, j). Either table may have no codes. All samples of z get the same.
template <class S>
void write_codes(const Network::Layer& layer, const Matrix<S>& rows, const Matrix<S>& columns, Index feature,
                 std::type_identity_t<View<S>> z) {
  check(rows.rows() == 0 || rows.cols() == layer.rows, "write_codes: positions of rows", rows.cols(), layer.rows);
  check(columns.rows() == 0 || columns.cols() == layer.outputs, "write_codes: positions of columns", columns.cols(),
        layer.outputs);
  const Index last = feature + rows.rows() + columns.rows();
  check(feature >= 0 && last <= z.shape().features, "write_codes: features up to the last code", last,
        "at most " + std::to_string(z.shape().features));
  check(layer.first + layer.cells() <= z.shape().cells_per_sample(), "write_codes: cells of a sample",
        z.shape().cells_per_sample(), "at least " + std::to_string(layer.first + layer.cells()));
  for (Index n = 0; n < z.samples(); ++n) {
    auto cells = z.sample(n).matrix();
    for (Index i = 0; i < layer.rows; ++i) {
      for (Index j = 0; j < layer.outputs; ++j) {
        auto cell = cells.col(layer.cell(i, j));
        if (rows.rows() > 0) cell.segment(feature, rows.rows()) = rows.col(i);
        if (columns.rows() > 0) cell.segment(feature + rows.rows(), columns.rows()) = columns.col(j);
      }
    }
  }
}

}  // namespace basin
