#pragma once

// What a neighbourhood sees beyond the edge of a grid.
//
// A boundary maps a coordinate i of any integer value to the cell of [0, n) that stands there, or to `nothing` where
// zeros stand. With a border of r cells, i runs from -r to n - 1 + r.

#include <concepts>
#include <string>
#include <string_view>

#include "basin/core/check.hpp"
#include "basin/core/state.hpp"

namespace basin {

inline constexpr Index nothing = -1;

/// Zeros beyond the edge.
struct Zero {
  static constexpr std::string_view label = "zero";  ///< its name, for what is printed
  static constexpr Index source(Index i, Index n) { return i < 0 || i >= n ? nothing : i; }
  static void check_border(Index, Index) {}
};

/// The grid goes round: a ring, a torus.
struct Periodic {
  static constexpr std::string_view label = "periodic";  ///< its name, for what is printed
  static constexpr Index source(Index i, Index n) { return ((i % n) + n) % n; }
  static void check_border(Index, Index) {}
};

/// Mirrored at the outermost cell, which is not repeated: -1 shows cell 1. Needs more than r cells.
struct Reflect {
  static constexpr std::string_view label = "reflect";  ///< its name, for what is printed
  static constexpr Index source(Index i, Index n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }
  static void check_border(Index border, Index n) {
    if (n > border) return;  // before the message takes memory: this is on hot paths
    check(false, "reflect boundary: extent of the grid", n, "more than the border, " + std::to_string(border));
  }
};

/// The outermost cell goes on for ever.
struct Replicate {
  static constexpr std::string_view label = "replicate";  ///< its name, for what is printed
  static constexpr Index source(Index i, Index n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }
  static void check_border(Index, Index) {}
};

template <class B>
concept Boundary = requires(Index i) {
  { B::source(i, i) } -> std::convertible_to<Index>;
  B::check_border(i, i);
};

}  // namespace basin
