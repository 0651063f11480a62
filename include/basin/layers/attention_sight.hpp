#pragma once

// Which cells of its sample a cell sees, for Attention (layers/attention.hpp): all, those up to itself, or those with
// which it shares a set.

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/check.hpp"
#include "basin/core/state.hpp"

namespace basin {

/// Every cell sees every cell of its sample.
struct FullAttention {
  void check_cells(Index) const {}  ///< a sample may have any number of cells
  /// How many cells from the first on query j of `cells` sees.
  [[nodiscard]] Index seen(Index, Index cells) const { return cells; }
};

/// A cell sees itself and those before it.
struct CausalAttention {
  void check_cells(Index) const {}  ///< a sample may have any number of cells
  /// How many cells from the first on query j sees: j + 1, as cells are counted from 0.
  [[nodiscard]] Index seen(Index query, Index) const { return query + 1; }
};

/// A cell sees those with which it shares one set or more, such as its row, column and box, and always itself.
class GroupedAttention {
 public:
  /// No sets: refused when it is used.
  GroupedAttention() = default;

  /// Sets of numbers of cells, 0 to cells - 1; a cell may be in any number of them.
  /// Throws std::invalid_argument for a number out of that range.
  GroupedAttention(Index cells, const std::vector<std::vector<Index>>& sets) {
    check(cells > 0, "GroupedAttention: number of cells", cells, "1 or more");
    std::vector<std::vector<Index>> sees(static_cast<std::size_t>(cells));
    for (Index cell = 0; cell < cells; ++cell) sees[static_cast<std::size_t>(cell)].push_back(cell);
    for (const std::vector<Index>& set : sets) {
      for (const Index cell : set) {
        check(cell >= 0 && cell < cells, "GroupedAttention: number of a cell in a set", cell,
              "0 to " + std::to_string(cells - 1));
        std::vector<Index>& of_cell = sees[static_cast<std::size_t>(cell)];
        of_cell.insert(of_cell.end(), set.begin(), set.end());
      }
    }
    for (std::vector<Index>& of_cell : sees) {
      std::sort(of_cell.begin(), of_cell.end());
      of_cell.erase(std::unique(of_cell.begin(), of_cell.end()), of_cell.end());
    }
    sees_ = std::make_shared<const std::vector<std::vector<Index>>>(std::move(sees));
  }

  /// Throws std::invalid_argument if there are no sets, or a sample has not as many cells as they are of.
  void check_cells(Index cells) const {
    check(sees_ != nullptr, "Attention: sets of GroupedAttention", "none", "GroupedAttention(cells, sets)");
    const auto known = static_cast<Index>(sees_->size());
    check(cells == known, "Attention: number of cells", cells, known);
  }
  /// The cells that query j sees, in order.
  [[nodiscard]] std::span<const Index> list(Index query) const { return (*sees_)[static_cast<std::size_t>(query)]; }

 private:
  std::shared_ptr<const std::vector<std::vector<Index>>> sees_{};
};

}  // namespace basin
