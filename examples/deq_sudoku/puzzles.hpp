#pragma once

// Puzzles of Sudoku: drawn, and solved exactly.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "basin/core/random.hpp"

namespace deq_sudoku {

inline constexpr int side = 9, places = side * side;

/// Digits 1 to 9 by row, then column; 0 is empty.
using Grid = std::array<std::uint8_t, places>;

/// The box of a place, 0 to 8.
constexpr int box_of(int place) { return place / 27 * 3 + place % 9 / 3; }

struct Puzzle {
  Grid given{}, solution{};

  [[nodiscard]] int givens() const {
    return static_cast<int>(std::count_if(given.begin(), given.end(), [](int digit) { return digit != 0; }));
  }
};

/// Whether each row, column and box has each digit.
[[nodiscard]] inline bool is_solution(const Grid& grid) {
  std::array<unsigned, 27> seen{};
  for (int place = 0; place < places; ++place) {
    const unsigned digit = 1u << grid[static_cast<std::size_t>(place)];
    for (const int unit : {place / 9, 9 + place % 9, 18 + box_of(place)}) seen[static_cast<std::size_t>(unit)] |= digit;
  }
  return std::all_of(seen.begin(), seen.end(), [](unsigned digits) { return digits == 0b1111111110; });
}

/// Whether a grid has all that a puzzle gives.
[[nodiscard]] inline bool keeps_givens(const Grid& grid, const Puzzle& puzzle) {
  for (std::size_t place = 0; place < places; ++place) {
    if (puzzle.given[place] != 0 && puzzle.given[place] != grid[place]) return false;
  }
  return true;
}

/// Depth-first search that fills the place with the fewest digits left. One bit a digit.
class Search {
 public:
  explicit Search(const Grid& given) : grid_(given) {
    for (int place = 0; place < places; ++place) {
      if (digit(place) == 0) continue;
      if ((left(place) & bit(digit(place))) == 0) contradiction_ = true;
      toggle(place, digit(place));
    }
  }

  /// How many solutions there are, counted up to `most`; the grid is the last one found. Digits are tried in `order`.
  /// Gives up where it would fill more than `most_fills` places on its way.
  int count(int most, const std::array<std::uint8_t, side>& order = {1, 2, 3, 4, 5, 6, 7, 8, 9},
            std::int64_t most_fills = std::numeric_limits<std::int64_t>::max()) {
    order_ = order;
    most_ = most;
    found_ = 0;
    fills_left_ = most_fills;
    if (!contradiction_) search();
    return found_;
  }
  /// Whether the last count() gave up, so that there may be more solutions.
  [[nodiscard]] bool gave_up() const { return fills_left_ < 0; }
  [[nodiscard]] const Grid& solution() const { return solution_; }

 private:
  static constexpr unsigned bit(int digit) { return 1u << (digit - 1); }
  [[nodiscard]] int digit(int place) const { return grid_[static_cast<std::size_t>(place)]; }
  [[nodiscard]] unsigned left(int place) const {
    return 0b111111111u & ~(rows_[static_cast<std::size_t>(place / 9)] | columns_[static_cast<std::size_t>(place % 9)] |
                            boxes_[static_cast<std::size_t>(box_of(place))]);
  }
  void toggle(int place, int digit) {
    rows_[static_cast<std::size_t>(place / 9)] ^= bit(digit);
    columns_[static_cast<std::size_t>(place % 9)] ^= bit(digit);
    boxes_[static_cast<std::size_t>(box_of(place))] ^= bit(digit);
  }

  /// True if enough have been found, or if it gives up.
  bool search() {
    int at = -1, fewest = 10;
    for (int place = 0; place < places && fewest > 1; ++place) {
      if (digit(place) != 0) continue;
      const int count = std::popcount(left(place));
      if (count < fewest) {
        fewest = count;
        at = place;
      }
    }
    if (at < 0) {
      solution_ = grid_;
      return ++found_ >= most_;
    }
    const unsigned digits = left(at);
    for (const std::uint8_t digit : order_) {
      if ((digits & bit(digit)) == 0) continue;
      if (--fills_left_ < 0) return true;
      grid_[static_cast<std::size_t>(at)] = digit;
      toggle(at, digit);
      const bool enough = search();
      toggle(at, digit);
      grid_[static_cast<std::size_t>(at)] = 0;
      if (enough) return true;
    }
    return false;
  }

  Grid grid_, solution_{};
  std::array<unsigned, side> rows_{}, columns_{}, boxes_{};
  std::array<std::uint8_t, side> order_{};
  int most_ = 1, found_ = 0;
  std::int64_t fills_left_ = 0;
  bool contradiction_ = false;
};

/// The numbers 0 ... count - 1 in an order that follows from `random`, from number `at` of it on (R. Durstenfeld 1964).
template <std::size_t count>
[[nodiscard]] std::array<std::uint8_t, count> shuffled(const basin::Random& random, std::uint64_t at = 0) {
  std::array<std::uint8_t, count> numbers{};
  std::iota(numbers.begin(), numbers.end(), std::uint8_t{0});
  for (std::size_t i = count - 1; i > 0; --i) std::swap(numbers[i], numbers[random.below(at + i, i + 1)]);
  return numbers;
}

/// A puzzle of which no given can be left out: a full grid, whose digits are taken away in random order as long as the
/// solution is the only one.
[[nodiscard]] inline Puzzle random_puzzle(const basin::Random& random) {
  Puzzle puzzle;
  Grid boxes{};  // three that share no row and no column: any digits will do
  for (std::size_t box = 0; box < 3; ++box) {
    const auto digits = shuffled<side>(random, 10 * box);
    for (std::size_t i = 0; i < side; ++i) {
      boxes[30 * box + i / 3 * 9 + i % 3] = static_cast<std::uint8_t>(digits[i] + 1);
    }
  }
  std::array<std::uint8_t, side> order = shuffled<side>(random, 30);
  for (std::uint8_t& digit : order) ++digit;
  Search fill(boxes);
  (void)fill.count(1, order);
  puzzle.solution = puzzle.given = fill.solution();
  for (const std::uint8_t place : shuffled<places>(random, 100)) {
    const std::uint8_t digit = puzzle.given[place];
    puzzle.given[place] = 0;
    if (Search(puzzle.given).count(2) > 1) puzzle.given[place] = digit;
  }
  return puzzle;
}

/// `more` places of the solution are given too.
[[nodiscard]] inline Puzzle with_more_given(Puzzle puzzle, int more, const basin::Random& random) {
  for (const std::uint8_t place : shuffled<places>(random)) {
    if (more == 0) break;
    if (puzzle.given[place] != 0) continue;
    puzzle.given[place] = puzzle.solution[place];
    --more;
  }
  return puzzle;
}

}  // namespace deq_sudoku
