#pragma once

// The means of a network's cells over their rows and columns, which meta/perceive_places.hpp sees, and their transpose.

#include <algorithm>
#include <array>
#include <span>

#include "basin/core/parallel.hpp"
#include "basin/core/scratch.hpp"
#include "basin/meta/network.hpp"

namespace basin::detail {

/// How many numbers of a state a thread takes at a time.
inline constexpr Index places_chunk_numbers = 16384;

/// For cells of C numbers. Refers to the network.
template <int C>
class PlaceMeans {
 public:
  /// neighbours: false gives zeros for all means.
  PlaceMeans(const Network& network, bool neighbours) : network_(network), neighbours_(neighbours) {}

  /// The means that rows and columns see, 2 C numbers each, from p of all cells.
  template <class S>
  void gather(const S* p, S* rows, S* columns) const {
    const auto layers = network_.layers();
    std::fill_n(rows, network_.rows() * 2 * C, S(0));
    std::fill_n(columns, network_.columns() * 2 * C, S(0));
    if (!neighbours_) return;
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
  template <class S, class Slope>
  void spread(const S* p, const S* dp, S* rows, S* columns, const Slope& slope, S* dz) const {
    const auto layers = network_.layers();
    for (std::size_t l = 0; neighbours_ && l + 1 < layers.size(); ++l) {
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
      const S of_row = neighbours_ ? S(1) / static_cast<S>(layer->outputs) : S(0);
      const S of_column = neighbours_ ? S(1) / static_cast<S>(layer->rows) : S(0);
      for (Index i = first; i < last; ++i) {
        const S* row = rows + (layer->first_row + i) * 2 * C;
        std::array<S, C> share;
        for (int c = 0; c < C; ++c) share[static_cast<std::size_t>(c)] = neighbours_ ? of_row * row[c] : S(0);
        Index at = layer->cell(i, 0) * C;
        for (Index j = 0; j < layer->outputs; ++j, at += C) {
          const S* column = columns + (layer->first_column + j) * 2 * C;
          for (int c = 0; c < C; ++c) {
            const S of_means = neighbours_ ? share[static_cast<std::size_t>(c)] + of_column * column[c] : S(0);
            dz[at + c] += slope(p[at + c]) * (dp[at + c] + of_means);
          }
        }
      }
    });
  }

 private:
  /// Rows first ... last - 1 of a layer.
  struct Rows {
    const Network::Layer* layer;
    Index first, last;
  };
  /// All rows in chunks, for several threads.
  [[nodiscard]] std::span<const Rows> chunks(Scratch& scratch) const {
    const auto rows_a_chunk = [](const Network::Layer& layer) {
      return std::max<Index>(1, places_chunk_numbers / (layer.outputs * C));
    };
    Index count = 0;
    for (const Network::Layer& layer : network_.layers()) {
      count += (layer.rows + rows_a_chunk(layer) - 1) / rows_a_chunk(layer);
    }
    Rows* const all = scratch.take<Rows>(count);
    Rows* next = all;
    for (const Network::Layer& layer : network_.layers()) {
      const Index rows = rows_a_chunk(layer);
      for (Index i = 0; i < layer.rows; i += rows) *next++ = {&layer, i, std::min(layer.rows, i + rows)};
    }
    return {all, static_cast<std::size_t>(count)};
  }

  const Network& network_;
  bool neighbours_;
};

}  // namespace basin::detail
