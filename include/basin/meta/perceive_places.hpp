#pragma once

// What a weight sees of its place and its network, through maps that are learned and paid for once a row and a column:
//
//   u(i, j) = A_r' [r(i), m(i, .), m'(., i)] + A_c' [c(j), m(., j), m''(j, .)] + A' p(i, j) + b,
//
// for the cell of row i (an input, or the bias) and column j (an output) of a layer, q its state and p = 2 tanh(q / 2),
// or q itself (Shown::plain). r and c are codes of its row and its column, which never change; m(i, .) is the mean of p
// over its row, m(., j) over its column, m' over the same neuron's column in the layer before, m'' over the same
// neuron's row in the layer after; zeros where there is none. So u is the first dense layer of a rule that sees [r, c,
// p, four means], split into what depends on the row, on the column and on the cell: of 2 Out (RowCodes + ColumnCodes +
// 5 C) operations a cell 2 Out (C + 1) are left.
//
// theta: "row" (Out, RowCodes + 2 C), "column" (Out, ColumnCodes + 2 C), "cell" (Out, C), "bias" (Out).
//
// Means over rows and columns: Barot, "Meta-Neural Cellular Automata". The codes, the squashing and the form of u are
// of this library.

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>

#include "basin/core/parallel.hpp"
#include "basin/core/parameters.hpp"
#include "basin/kernels/elementwise.hpp"
#include "basin/kernels/product.hpp"
#include "basin/meta/network.hpp"
#include "basin/meta/place_means.hpp"
#include "basin/nca/perception.hpp"

namespace basin {

/// Codes of the rows and the columns of a network's layers, beside each other: (codes, rows of all layers) and (codes,
/// columns of all layers).
struct PlaceCodes {
  Matrix<float> rows, columns;  ///< one column for each place: r(i), c(j)
};

/// What a cell shows of its state to itself and to others.
enum class Shown {
  squashed,  ///< p = 2 tanh(q / 2): nothing in a neighbourhood can be large
  plain,     ///< p = q
};

/// A perception with parameters, as nca/perception.hpp describes them. A sample is one network. The codes are shared,
/// not copied, and must be there.
template <int C, int RowCodes, int ColumnCodes, int Out, Shown shown = Shown::squashed>
struct PerceivePlaces {
  static_assert(C > 0 && Out > 0, "PerceivePlaces: numbers of features must be positive");
  static_assert(RowCodes >= 0 && ColumnCodes >= 0, "PerceivePlaces: numbers of codes cannot be negative");

  static constexpr int state_features = C;
  static constexpr int seen_features = Out;
  static constexpr bool whole_samples = true;
  /// How many numbers A_r takes of a row, and A_c of a column: the codes, and two means of p.
  static constexpr int row_inputs = RowCodes + 2 * C, column_inputs = ColumnCodes + 2 * C;
  /// How many numbers of theta A_r, A_c and A have, in this order; those of b follow.
  static constexpr std::size_t row_params = std::size_t{Out} * row_inputs,
                               column_params = std::size_t{Out} * column_inputs, cell_params = std::size_t{Out} * C;
  static constexpr std::size_t param_count = row_params + column_params + cell_params + std::size_t{Out};

  Network network{};  ///< whose cells they are
  /// r: (RowCodes, rows of the network), c: (ColumnCodes, its columns).
  std::shared_ptr<const PlaceCodes> codes{};
  bool neighbours = true;  ///< false: all means are zeros

  static void leaves(LeafList& list) {
    list.weight("row", {Out, row_inputs}, row_inputs, Out);
    list.weight("column", {Out, column_inputs}, column_inputs, Out);
    list.weight("cell", {Out, C}, C, Out);
    list.bias("bias", Out);
  }

  /// Throws std::invalid_argument unless z is (C, cells, 1, 1, N) and the codes fit the network.
  void check_shape(const Shape& z) const {
    detail::check_cells_of(network, z, C, "PerceivePlaces");
    check(codes != nullptr, "PerceivePlaces: codes", "null", "codes of rows and columns");
    check_codes("rows", codes->rows, RowCodes, network.rows());
    check_codes("columns", codes->columns, ColumnCodes, network.columns());
  }

  template <class S>
  class Sight;
  template <class S>
  class Change;
  template <class S>
  class Spread;

 private:
  template <class S>
  using Params = std::span<const S, param_count>;

  static constexpr Index block_cells = 56;    // whole register tiles; what belongs to them stays in the first cache
  static constexpr Index chunk_places = 112;  // what a thread takes at a time

  static constexpr std::size_t column_first = row_params, cell_first = column_first + column_params,
                               bias_first = cell_first + cell_params;
  // Where the weights of means begin in those of rows and columns.
  static constexpr std::size_t row_means = std::size_t{Out} * RowCodes, column_means = std::size_t{Out} * ColumnCodes;

  static void check_codes(const char* of, const Matrix<float>& given, Index codes, Index places) {
    if (given.rows() == codes && given.cols() == places) return;  // before the message takes memory: on hot paths
    check(false, std::string("PerceivePlaces: codes of ") + of,
          std::to_string(given.rows()) + " x " + std::to_string(given.cols()),
          std::to_string(codes) + " x " + std::to_string(places));
  }

  /// p of all cells.
  template <class S>
  static const S* shown_of(View<const S> z, Scratch& scratch) {
    if constexpr (shown == Shown::plain) {
      return z.data();
    } else {
      S* p = scratch.take<S>(z.size());
      parallel_for((z.size() + detail::places_chunk_numbers - 1) / detail::places_chunk_numbers, [&](Index chunk) {
        const Index first = chunk * detail::places_chunk_numbers,
                    count = std::min(detail::places_chunk_numbers, z.size() - first);
        kernels::elementwise(
            count, p + first, [](const auto& q) { return S(2) * (q / S(2)).tanh(); }, z.data() + first);
      });
      return p;
    }
  }
  /// Its derivative in q.
  template <class S>
  static S slope(S p) {
    return shown == Shown::plain ? S(1) : S(1) - p * p / S(4);
  }

  [[nodiscard]] detail::PlaceMeans<C> means_of_places() const { return {network, neighbours}; }

  /// out (Out, places) = weights [codes; means] + start.
  template <int Codes, class S>
  static S* project(const Matrix<float>& codes, const S* mean, const S* weights, const S* start, Scratch& scratch) {
    constexpr int inputs = Codes + 2 * C;
    const Index places = codes.cols();
    S* out = scratch.take<S>(places * Out);
    const S* in = joined<Codes>(codes, mean, scratch);
    parallel_for((places + chunk_places - 1) / chunk_places, [&](Index chunk) {
      const Index first = chunk * chunk_places, count = std::min(chunk_places, places - first);
      kernels::gather<inputs, Out>(count, in + first * inputs, weights, start, out + first * Out);
    });
    return out;
  }

  /// [codes; means] of each place.
  template <int Codes, class S>
  static S* joined(const Matrix<float>& codes, const S* mean, Scratch& scratch) {
    constexpr int inputs = Codes + 2 * C;
    S* in = scratch.take<S>(codes.cols() * inputs);
    for (Index n = 0; n < codes.cols(); ++n) {
      for (int k = 0; k < Codes; ++k) in[n * inputs + k] = static_cast<S>(codes(k, n));
      std::copy_n(mean + n * 2 * C, 2 * C, in + n * inputs + Codes);
    }
    return in;
  }

  /// u of some cells, from what their rows, columns and p give.
  template <class S>
  static void add_up(detail::RowWalk& place, const Index* cells, Index count, const S* rows, const S* columns,
                     const S* p, const S* weights, S* seen) {
    std::array<S, static_cast<std::size_t>(block_cells * C)> own;
    for (Index first = 0; first < count; first += block_cells, seen += block_cells * Out) {
      const Index here = std::min(block_cells, count - first);
      for (Index n = 0; n < here; ++n) std::copy_n(p + cells[first + n] * C, C, own.data() + n * C);
      kernels::gather<C, Out>(here, own.data(), weights, static_cast<const S*>(nullptr), seen);
      for (Index n = 0; n < here; ++n) {
        place.go_to(cells[first + n]);
        const S *row = rows + place.row_of_all() * Out, *column = columns + place.column_of_all() * Out;
        S* to = seen + n * Out;
        for (int o = 0; o < Out; ++o) to[o] += row[o] + column[o];
      }
    }
  }
};

template <int C, int RowCodes, int ColumnCodes, int Out, Shown shown>
template <class S>
class PerceivePlaces<C, RowCodes, ColumnCodes, Out, shown>::Sight {
 public:
  Sight(const PerceivePlaces& perception, Params<S> theta, View<const S> z, Scratch& scratch)
      : place_(perception.network), cell_weights_(theta.data() + cell_first), p_(shown_of(z, scratch)) {
    S* row_mean = scratch.take<S>(perception.network.rows() * 2 * C);
    S* column_mean = scratch.take<S>(perception.network.columns() * 2 * C);
    perception.means_of_places().gather(p_, row_mean, column_mean);
    rows_ = project<RowCodes>(perception.codes->rows, row_mean, theta.data(), static_cast<const S*>(nullptr), scratch);
    columns_ = project<ColumnCodes>(perception.codes->columns, column_mean, theta.data() + column_first,
                                    theta.data() + bias_first, scratch);
  }

  /// seen: count columns of seen_features.
  void operator()(const Index* cells, Index count, S* seen) {
    add_up(place_, cells, count, rows_, columns_, p_, cell_weights_, seen);
  }

 private:
  detail::RowWalk place_;
  const S* cell_weights_;
  const S* p_;
  const S *rows_, *columns_;  // what each row and column adds to u
};

}  // namespace basin

#include "basin/meta/perceive_places_linearization.hpp"
