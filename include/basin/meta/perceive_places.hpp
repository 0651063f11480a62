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

namespace basin {

/// Codes of the rows and the columns of a network's layers, beside each other: (codes, rows of all layers) and (codes,
/// columns of all layers).
struct PlaceCodes {
  Matrix<float> rows, columns;
};

/// What a cell shows of its state to itself and to others.
enum class Shown {
  squashed,  ///< p = 2 tanh(q / 2): nothing in a neighbourhood can be large
  plain,     ///< p = q
};

/// A perception with parameters, as nca/perceive.hpp describes it. A sample is one network. The codes are shared, not
/// copied, and must be there.
template <int C, int RowCodes, int ColumnCodes, int Out, Shown shown = Shown::squashed>
struct PerceivePlaces {
  static_assert(C > 0 && Out > 0, "PerceivePlaces: numbers of features must be positive");
  static_assert(RowCodes >= 0 && ColumnCodes >= 0, "PerceivePlaces: numbers of codes cannot be negative");

  static constexpr int state_features = C;
  static constexpr int seen_features = Out;
  static constexpr bool whole_samples = true;
  static constexpr int row_inputs = RowCodes + 2 * C, column_inputs = ColumnCodes + 2 * C;
  static constexpr std::size_t row_params = std::size_t{Out} * row_inputs,
                               column_params = std::size_t{Out} * column_inputs, cell_params = std::size_t{Out} * C;
  static constexpr std::size_t param_count = row_params + column_params + cell_params + std::size_t{Out};

  Network network{};  ///< whose cells they are
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
    check_features("PerceivePlaces", z.features, C);
    check(network.cells() > 0, "PerceivePlaces: number of cells of the network", network.cells(), "at least 1");
    check(z.space[0] == network.cells(), "PerceivePlaces: number of cells of a sample", z.space[0], network.cells());
    check(z.space[1] == 1 && z.space[2] == 1, "PerceivePlaces: extents of a sample beyond its one line",
          z.space[1] * z.space[2], 1);
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

  static constexpr Index block_cells = 56;  // whole register tiles; what belongs to them stays in the first cache
  // What a thread takes at a time.
  static constexpr Index chunk_numbers = 16384, chunk_places = 112;

  static constexpr std::size_t column_first = row_params, cell_first = column_first + column_params,
                               bias_first = cell_first + cell_params;
  // Where the weights of means begin in those of rows and columns.
  static constexpr std::size_t row_means = std::size_t{Out} * RowCodes, column_means = std::size_t{Out} * ColumnCodes;

  static void check_codes(const char* of, const Matrix<float>& given, Index codes, Index places) {
    check(given.rows() == codes && given.cols() == places, std::string("PerceivePlaces: codes of ") + of,
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
      parallel_for((z.size() + chunk_numbers - 1) / chunk_numbers, [&](Index chunk) {
        const Index first = chunk * chunk_numbers, count = std::min(chunk_numbers, z.size() - first);
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

  /// Rows first ... last - 1 of a layer.
  struct Rows {
    const Network::Layer* layer;
    Index first, last;
  };
  /// All rows in chunks, for several threads.
  [[nodiscard]] std::span<const Rows> chunks(Scratch& scratch) const {
    const auto rows_a_chunk = [](const Network::Layer& layer) {
      return std::max<Index>(1, chunk_numbers / (layer.outputs * C));
    };
    Index count = 0;
    for (const Network::Layer& layer : network.layers()) {
      count += (layer.rows + rows_a_chunk(layer) - 1) / rows_a_chunk(layer);
    }
    Rows* const all = scratch.take<Rows>(count);
    Rows* next = all;
    for (const Network::Layer& layer : network.layers()) {
      const Index rows = rows_a_chunk(layer);
      for (Index i = 0; i < layer.rows; i += rows) *next++ = {&layer, i, std::min(layer.rows, i + rows)};
    }
    return {all, static_cast<std::size_t>(count)};
  }

  /// The means that rows and columns see, 2 C numbers each, from p of all cells.
  template <class S>
  void means(const S* p, S* rows, S* columns) const {
    const auto layers = network.layers();
    std::fill_n(rows, network.rows() * 2 * C, S(0));
    std::fill_n(columns, network.columns() * 2 * C, S(0));
    if (!neighbours) return;
    Scratch scratch;
    const std::span<const Rows> parts = chunks(scratch);
    Index most = 0;
    for (const Network::Layer& layer : layers) most = std::max(most, layer.outputs);
    S* const sums = scratch.take<S>(static_cast<Index>(parts.size()) * most * C);  // of each chunk's columns
    parallel_for(static_cast<Index>(parts.size()), [&](Index number) {
      const auto& [layer, first, last] = parts[static_cast<std::size_t>(number)];
      const S of_row = S(1) / static_cast<S>(layer->outputs);
      const Index width = layer->outputs * C;
      S* const sum = sums + number * most * C;
      std::fill_n(sum, width, S(0));
      for (Index i = first; i < last; ++i) {
        const S* at = p + layer->cell(i, 0) * C;
        for (Index k = 0; k < width; ++k) sum[k] += at[k];
        std::array<S, C> row{};
        for (Index j = 0; j < width; j += C) {
          for (int c = 0; c < C; ++c) row[static_cast<std::size_t>(c)] += at[j + c];
        }
        S* to = rows + (layer->first_row + i) * 2 * C;
        for (int c = 0; c < C; ++c) to[c] = of_row * row[static_cast<std::size_t>(c)];
      }
    });
    for (std::size_t number = 0; number < parts.size(); ++number) {
      const Network::Layer& layer = *parts[number].layer;
      const S of_column = S(1) / static_cast<S>(layer.rows);
      const S* sum = sums + static_cast<Index>(number) * most * C;
      for (Index j = 0; j < layer.outputs; ++j, sum += C) {
        S* column = columns + (layer.first_column + j) * 2 * C;
        for (int c = 0; c < C; ++c) column[c] += of_column * sum[c];
      }
    }
    for (std::size_t l = 0; l + 1 < layers.size(); ++l) {
      for (Index k = 0; k < layers[l].outputs; ++k) {  // neuron k between layer l and the next
        S* column = columns + (layers[l].first_column + k) * 2 * C;
        S* row = rows + (layers[l + 1].first_row + k) * 2 * C;
        std::copy_n(column, C, row + C);
        std::copy_n(row, C, column + C);
      }
    }
  }

  /// The transpose, and on to q: dz += slope(p) (dp + what the means' gradients say). rows and columns are overwritten.
  template <class S>
  void spread_means(const S* p, const S* dp, S* rows, S* columns, S* dz) const {
    const auto layers = network.layers();
    for (std::size_t l = 0; neighbours && l + 1 < layers.size(); ++l) {
      for (Index k = 0; k < layers[l].outputs; ++k) {
        S* column = columns + (layers[l].first_column + k) * 2 * C;
        S* row = rows + (layers[l + 1].first_row + k) * 2 * C;
        for (int c = 0; c < C; ++c) column[c] += row[C + c];
        for (int c = 0; c < C; ++c) row[c] += column[C + c];
      }
    }
    Scratch scratch;
    const std::span<const Rows> parts = chunks(scratch);
    parallel_for(static_cast<Index>(parts.size()), [&](Index number) {
      const auto& [layer, first, last] = parts[static_cast<std::size_t>(number)];
      const S of_row = neighbours ? S(1) / static_cast<S>(layer->outputs) : S(0);
      const S of_column = neighbours ? S(1) / static_cast<S>(layer->rows) : S(0);
      for (Index i = first; i < last; ++i) {
        const S* row = rows + (layer->first_row + i) * 2 * C;
        std::array<S, C> share;
        for (int c = 0; c < C; ++c) share[static_cast<std::size_t>(c)] = neighbours ? of_row * row[c] : S(0);
        Index at = layer->cell(i, 0) * C;
        for (Index j = 0; j < layer->outputs; ++j, at += C) {
          const S* column = columns + (layer->first_column + j) * 2 * C;
          for (int c = 0; c < C; ++c) {
            const S of_means = neighbours ? share[static_cast<std::size_t>(c)] + of_column * column[c] : S(0);
            dz[at + c] += slope(p[at + c]) * (dp[at + c] + of_means);
          }
        }
      }
    });
  }

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
    perception.means(p_, row_mean, column_mean);
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
