#pragma once

// Sets of cells of a sample, such as the rows, columns and boxes of a puzzle, for SetMessages
// (layers/set_messages.hpp).

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "basin/core/check.hpp"
#include "basin/core/state.hpp"

namespace basin {

/// Sets of the same cells, of one kind or several. Sets of a kind are read by the same weights, so a rule that knows
/// rows and columns as one kind is the same for a transposed grid. Copies share their lists.
class CellSets {
 public:
  using Sets = std::vector<std::vector<Index>>;  ///< the sets of one kind, each the numbers of its cells

  /// No sets: refused when they are used.
  CellSets() = default;

  /// kinds[k]: the sets of kind k, each a list of numbers of cells, 0 to cells - 1, in the order in which they are
  /// added up. A cell may be in any number of sets, also in none.
  /// Throws std::invalid_argument for a number out of that range, an empty set, and fewer than one cell.
  CellSets(Index cells, const std::vector<Sets>& kinds) {
    check(cells > 0, "CellSets: number of cells", cells, "1 or more");
    Lists lists;
    lists.cells = cells;
    std::vector<std::vector<Index>> sets_of(static_cast<std::size_t>(cells));
    for (const Sets& sets : kinds) {
      for (const std::vector<Index>& set : sets) {
        check(!set.empty(), "CellSets: number of cells in a set", set.size(), "1 or more");
        for (const Index cell : set) {
          check(cell >= 0 && cell < cells, "CellSets: number of a cell in a set", cell,
                "0 to " + std::to_string(cells - 1));
          sets_of[static_cast<std::size_t>(cell)].push_back(lists.members.count());
        }
        lists.members.add(set);
      }
      lists.kind_ends.push_back(lists.members.count());
    }
    for (const std::vector<Index>& sets : sets_of) lists.sets_of.add(sets);
    lists_ = std::make_shared<const Lists>(std::move(lists));
  }

  /// Whether it was made of cells and kinds. Without them nothing below may be called.
  [[nodiscard]] explicit operator bool() const { return lists_ != nullptr; }
  /// How many cells a sample has, in sets or not.
  [[nodiscard]] Index cells() const { return lists_->cells; }
  /// How many kinds of sets there are, also those that have none.
  [[nodiscard]] Index kinds() const { return static_cast<Index>(lists_->kind_ends.size()); }
  /// Of all kinds. Sets are numbered kind after kind.
  [[nodiscard]] Index count() const { return lists_->members.count(); }
  /// The first set of kind k, up to k = kinds(), which gives count().
  [[nodiscard]] Index first(Index kind) const {
    return kind == 0 ? 0 : lists_->kind_ends[static_cast<std::size_t>(kind - 1)];
  }
  /// The cells of a set.
  [[nodiscard]] std::span<const Index> members(Index set) const { return lists_->members.list(set); }
  /// The sets that a cell is in, as often as it is in them.
  [[nodiscard]] std::span<const Index> sets_of(Index cell) const { return lists_->sets_of.list(cell); }

 private:
  /// Lists one after another.
  class Table {
   public:
    void add(const std::vector<Index>& list) {
      numbers_.insert(numbers_.end(), list.begin(), list.end());
      ends_.push_back(numbers_.size());
    }
    [[nodiscard]] Index count() const { return static_cast<Index>(ends_.size()) - 1; }
    [[nodiscard]] std::span<const Index> list(Index i) const {
      const std::size_t begin = ends_[static_cast<std::size_t>(i)], end = ends_[static_cast<std::size_t>(i) + 1];
      return {numbers_.data() + begin, end - begin};
    }

   private:
    std::vector<Index> numbers_;
    std::vector<std::size_t> ends_{0};
  };
  struct Lists {
    Index cells = 0;
    std::vector<Index> kind_ends{};
    Table members{}, sets_of{};
  };

  std::shared_ptr<const Lists> lists_{};
};

}  // namespace basin
