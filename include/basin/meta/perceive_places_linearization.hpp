#pragma once

// The derivative of what places see, along a change of the state (Change), and its transpose (Spread), with the
// gradient in theta, as nca/perception.hpp describes them.
//
// It is included by meta/perceive_places.hpp.

#include <algorithm>
#include <array>

#include "basin/meta/perceive_places.hpp"

namespace basin {

template <int C, int RowCodes, int ColumnCodes, int Out, Shown shown>
template <class S>
class PerceivePlaces<C, RowCodes, ColumnCodes, Out, shown>::Change {
 public:
  Change(const PerceivePlaces& perception, Params<S> theta, View<const S> z, View<const S> t, Scratch& scratch)
      : place_(perception.network), cell_weights_(theta.data() + cell_first) {
    const Network& seen = perception.network;
    const S* p = shown_of(z, scratch);
    S* dp = scratch.take<S>(z.size());
    for (Index i = 0; i < z.size(); ++i) dp[i] = slope(p[i]) * t.data()[i];
    dp_ = dp;
    S* row_mean = scratch.take<S>(seen.rows() * 2 * C);
    S* column_mean = scratch.take<S>(seen.columns() * 2 * C);
    perception.means_of_places().gather(dp, row_mean, column_mean);
    S* rows = scratch.take<S>(seen.rows() * Out);
    S* columns = scratch.take<S>(seen.columns() * Out);
    const S* none = nullptr;
    kernels::gather<2 * C, Out>(seen.rows(), row_mean, theta.data() + row_means, none, rows);
    kernels::gather<2 * C, Out>(seen.columns(), column_mean, theta.data() + column_first + column_means, none, columns);
    rows_ = rows;
    columns_ = columns;
  }

  /// seen: count columns of seen_features, the change of u along t.
  void operator()(const Index* cells, Index count, S* seen) {
    add_up(place_, cells, count, rows_, columns_, dp_, cell_weights_, seen);
  }

 private:
  detail::RowWalk place_;
  const S* cell_weights_;
  const S* dp_;
  const S *rows_, *columns_;
};

/// dz, and dtheta's shares of what depends on rows and columns, are there only after finish().
template <int C, int RowCodes, int ColumnCodes, int Out, Shown shown>
template <class S>
class PerceivePlaces<C, RowCodes, ColumnCodes, Out, shown>::Spread {
 public:
  Spread(const PerceivePlaces& perception, Params<S> theta, View<const S> z, View<S> dz, Scratch& scratch)
      : perception_(perception),
        theta_(theta.data()),
        dz_(dz),
        p_(shown_of(z, scratch)),
        dp_(dz ? scratch.take<S>(z.size()) : nullptr),
        rows_(zeros(perception.network.rows() * Out, scratch)),
        columns_(zeros(perception.network.columns() * Out, scratch)),
        turned_(turned(theta.data() + cell_first, C, scratch)) {}

  class Part {
   public:
    /// g: count columns of seen_features.
    void operator()(const Index* cells, Index count, const S* g) {
      for (Index first = 0; first < count; first += block_cells) {
        block(cells + first, std::min(block_cells, count - first), g + first * Out);
      }
    }

   private:
    friend Spread;

    Part(const Spread& whole, Index first_row, Index row_count, S* rows, S* columns, S* dtheta)
        : place_(whole.perception_.network),
          p_(whole.p_),
          dp_(whole.dp_),
          turned_(whole.turned_),
          first_row_(first_row),
          row_count_(row_count),
          rows_(rows),
          columns_(columns),
          dtheta_(dtheta) {}

    void block(const Index* cells, Index count, const S* g) {
      std::array<S, static_cast<std::size_t>(block_cells * C)> numbers;
      if (dtheta_ != nullptr) {
        for (Index n = 0; n < count; ++n) std::copy_n(p_ + cells[n] * C, C, numbers.data() + n * C);
        kernels::outer<C, Out>(count, numbers.data(), g, dtheta_ + cell_first);
      }
      if (dp_ != nullptr) {
        kernels::gather<Out, C>(count, g, turned_, static_cast<const S*>(nullptr), numbers.data());
        for (Index n = 0; n < count; ++n) std::copy_n(numbers.data() + n * C, C, dp_ + cells[n] * C);
      }
      for (Index n = 0; n < count; ++n, g += Out) {
        place_.go_to(cells[n]);
        S *row = rows_ + (place_.row_of_all() - first_row_) * Out, *column = columns_ + place_.column_of_all() * Out;
        for (int o = 0; o < Out; ++o) row[o] += g[o];
        for (int o = 0; o < Out; ++o) column[o] += g[o];
      }
    }

    detail::RowWalk place_;
    const S* p_;
    S* dp_;
    const S* turned_;
    Index first_row_, row_count_;  // among all rows
    S *rows_, *columns_;           // what comes for each row from there on and for each column
    S* dtheta_;
  };

  /// A part that has all cells adds to what is here directly.
  Part part(Index first, Index last, S* dtheta, Scratch& scratch) const {
    const Network& seen = perception_.network;
    if (dp_ != nullptr) std::fill(dp_ + first * C, dp_ + last * C, S(0));
    if (first == 0 && last == seen.cells()) return Part(*this, 0, seen.rows(), rows_, columns_, dtheta);
    const auto [first_row, rows] = rows_of(first, last);
    return Part(*this, first_row, rows, zeros(rows * Out, scratch), zeros(seen.columns() * Out, scratch), dtheta);
  }

  /// Takes in what a part has for rows and columns; call it once for each part, in order.
  void add(const Part& part) {
    if (part.rows_ == rows_) return;
    S* to = rows_ + part.first_row_ * Out;
    for (Index i = 0; i < part.row_count_ * Out; ++i) to[i] += part.rows_[i];
    for (Index i = 0; i < perception_.network.columns() * Out; ++i) columns_[i] += part.columns_[i];
  }

  /// Adds to dz what comes from all cells, and to dtheta all but the gradient in "cell", which parts add; each if it
  /// has memory. Call it once, after all parts.
  void finish(S* dtheta) {
    const Network& seen = perception_.network;
    Scratch scratch;
    if (dtheta != nullptr) {
      S* row_mean = scratch.take<S>(seen.rows() * 2 * C);
      S* column_mean = scratch.take<S>(seen.columns() * 2 * C);
      perception_.means_of_places().gather(p_, row_mean, column_mean);
      const S* row_in = joined<RowCodes>(perception_.codes->rows, row_mean, scratch);
      const S* column_in = joined<ColumnCodes>(perception_.codes->columns, column_mean, scratch);
      kernels::outer<row_inputs, Out>(seen.rows(), row_in, rows_, dtheta);
      kernels::outer<column_inputs, Out>(seen.columns(), column_in, columns_, dtheta + column_first);
      kernels::add_columns<Out>(seen.columns(), columns_, dtheta + bias_first);
    }
    if (!dz_) return;
    S* row_mean = mean_gradient(seen.rows(), rows_, theta_ + row_means, scratch);
    S* column_mean = mean_gradient(seen.columns(), columns_, theta_ + column_first + column_means, scratch);
    perception_.means_of_places().spread(
        p_, dp_, row_mean, column_mean, [](S p) { return slope(p); }, dz_.data());
  }

 private:
  static S* zeros(Index size, Scratch& scratch) {
    S* values = scratch.take<S>(size);
    std::fill_n(values, size, S(0));
    return values;
  }
  /// Weights (Out, inputs) with the inputs of an output together.
  static S* turned(const S* weights, int inputs, Scratch& scratch) {
    S* out = scratch.take<S>(Index{Out} * inputs);
    for (int o = 0; o < Out; ++o) {
      for (int k = 0; k < inputs; ++k) out[o * inputs + k] = weights[k * Out + o];
    }
    return out;
  }

  struct RowRange {
    Index first, count;
  };
  /// The rows, among all, that cells first ... last - 1 are in.
  [[nodiscard]] RowRange rows_of(Index first, Index last) const {
    detail::RowWalk place(perception_.network);
    place.go_to(first);
    const Index first_row = place.row_of_all();
    place.go_to(last - 1);
    return {first_row, place.row_of_all() - first_row + 1};
  }

  /// The gradient in the means of each place, 2 C numbers.
  static S* mean_gradient(Index places, const S* g, const S* weights, Scratch& scratch) {
    S* out = scratch.take<S>(places * 2 * C);
    kernels::gather<Out, 2 * C>(places, g, turned(weights, 2 * C, scratch), static_cast<const S*>(nullptr), out);
    return out;
  }

  const PerceivePlaces& perception_;
  const S* theta_;
  View<S> dz_;
  const S* p_;
  S* dp_;               // of the cells that updated, the others zero; null if dz is not wanted
  S *rows_, *columns_;  // what comes for each row and column
  const S* turned_;
};

}  // namespace basin
