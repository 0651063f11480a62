#pragma once

// Patterns of the Game of Life and of other automata whose cells have one of up to 256 states.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "basin/core/state.hpp"

namespace basin {

/// Where a pattern lives.
enum class LifeWorld {
  endless,  ///< in the plane
  bounded,  ///< in its box, beyond which all is dead: ":P30,20"
  torus,    ///< in its box, whose opposite edges are joined: ":T30,20"
};

/// A pattern in its box.
struct LifePattern {
  std::string name{};                    ///< of the first line #N; empty if there is none
  std::vector<std::string> comments{};   ///< the other lines that start with #, without it: "C text", "O author", ...
  std::string rule = "B3/S23";           ///< as the file has it, without the world
  Index width = 0;                       ///< x, or more if there are living cells beyond it; or the world's width
  Index height = 0;                      ///< y, in the same way
  std::vector<std::uint8_t> cells{};     ///< width * height, rows from the top, 0 dead, 1 alive, or another state
  LifeWorld world = LifeWorld::endless;  ///< if it is bounded or a torus, the box is all of it

  /// Whether the cell is in another state than 0. x from the left and y from the top, from 0 on, inside of the box.
  [[nodiscard]] bool alive(Index x, Index y) const { return cells[static_cast<std::size_t>(y * width + x)] != 0; }

  /// One more than the highest state; 2 at least.
  [[nodiscard]] int states() const {
    return 1 + (cells.empty() ? 1 : std::max<int>(1, *std::max_element(cells.begin(), cells.end())));
  }

  friend bool operator==(const LifePattern&, const LifePattern&) = default;
};

/// The largest pattern that readers take, unless told otherwise: 8 MiB of cells. A run of a few bytes, and the sizes of
/// the header, can stand for any number of cells, so that the size of the file is no limit.
inline constexpr std::uint64_t default_max_life_cells = std::uint64_t{1} << 23;

}  // namespace basin
