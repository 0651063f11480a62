#pragma once

// Which cells are alive.
//
// Two states of a cell stand around a step: z before it and z~ after the update.
//   Everywhere        all cells live.
//   AliveMask<A, F>   z' = z~ where the largest value of feature A in the 3 x 3 cells around (3, or 27 in space) is
//                     above the threshold both in z and in z~, and 0 elsewhere (Mordvintsev et al. 2020, "living cell
//                     masking"), but for the features of the set F, which stay as they were in z: what a place is told
//                     is not lost with its cell. Not differentiable, so gradients pass as if it were constant. Where
//                     cells are no squares, the cells around are those that a stencil reads: AliveMask<A, F,
//                     HexMean<1>> looks at a hexagon and its six neighbours.
//   MaskedBy<A>       cells whose own feature A is above the threshold update, others stay as they are (Randazzo et al.
//                     2020, where A is the pixel of a digit).
// Neighbours beyond the edge are those of the perception's boundary.

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>

#include "basin/core/scratch.hpp"
#include "basin/nca/features.hpp"
#include "basin/stencil/boundary.hpp"
#include "basin/stencil/stencil.hpp"

namespace basin {

struct Everywhere {
  static constexpr bool limits_updates = false;  ///< some cells may not update
  static constexpr bool clears = false;          ///< cells that are not alive become zero
};

namespace detail {

/// A plane of one feature: from cells of C features to one number a cell.
template <class S>
void extract(const S* cells, int features, int feature, Index count, S* plane) {
  for (Index i = 0; i < count; ++i) plane[i] = cells[i * features + feature];
}

/// Calls line(number, around) for the lines first ... last - 1 along x of a plane (X, Y, Z), where around(visit) calls
/// visit(number of a line) for each of the lines at most one away, itself too, that the boundary shows.
template <Boundary Edge, class Line>
void each_line(const std::array<Index, 3>& space, Index first, Index last, const Line& line) {
  const Index reach_y = space[1] > 1 ? 1 : 0, reach_z = space[2] > 1 ? 1 : 0;
  for (Index number = first; number < last; ++number) {
    const Index y = number % space[1], z = number / space[1];
    line(number, [&](const auto& visit) {
      for (Index k = -reach_z; k <= reach_z; ++k) {
        const Index from_z = reach_z == 0 ? z : Edge::source(z + k, space[2]);
        for (Index j = -reach_y; j <= reach_y; ++j) {
          const Index from_y = reach_y == 0 ? y : Edge::source(y + j, space[1]);
          if (from_z != nothing && from_y != nothing) visit(from_z * space[1] + from_y);
        }
      }
    });
  }
}

/// Calls visit(cell) for the cells of the box of 3 around a cell, itself too, that the boundary shows.
template <Boundary Edge, class Visit>
void each_around(const std::array<Index, 3>& space, Index cell, const Visit& visit) {
  const Index width = space[0], x = cell % width, line = cell / width, reach = width > 1 ? 1 : 0;
  each_line<Edge>(space, line, line + 1, [&](Index, const auto& around) {
    around([&](Index neighbour) {
      for (Index i = -reach; i <= reach; ++i) {
        const Index column = reach == 0 ? x : Edge::source(x + i, width);
        if (column != nothing) visit(neighbour * width + column);
      }
    });
  });
}

/// marks[i] = 1 if the largest number of the plane around cell i is above the threshold, else 0, for whole lines first
/// ... last - 1; marks begins at the first cell of the first. NaN counts as above, so that it does not vanish unseen.
template <Boundary Edge, class S>
void mark_around(const S* plane, const std::array<Index, 3>& space, Index first, Index last, S threshold,
                 std::uint8_t* marks) {
  const Index width = space[0];
  Scratch scratch;
  std::uint8_t* above = scratch.take<std::uint8_t>(width + 2);  // in each column, with one more at either end
  each_line<Edge>(space, first, last, [&](Index number, const auto& around) {
    std::fill_n(above, width + 2, std::uint8_t{0});
    around([&](Index neighbour) {
      // Names of its own, so that the compiler sees that writing bytes changes none of them, and uses vectors.
      const S* from = plane + neighbour * width;
      std::uint8_t* to = above + 1;
      const S limit = threshold;
      const Index count = width;
      for (Index x = 0; x < count; ++x) to[x] = static_cast<std::uint8_t>(to[x] | (from[x] <= limit ? 0 : 1));
    });
    if (width > 1) {
      const Index before = Edge::source(-1, width), after = Edge::source(width, width);
      if (before != nothing) above[0] = above[before + 1];
      if (after != nothing) above[width + 1] = above[after + 1];
    }
    const std::uint8_t* columns = above;
    std::uint8_t* to = marks + (number - first) * width;
    const Index count = width;
    for (Index x = 0; x < count; ++x) to[x] = static_cast<std::uint8_t>(columns[x] | columns[x + 1] | columns[x + 2]);
  });
}

template <class Around>
inline constexpr bool within_box = true;
template <Stencil Around>
inline constexpr bool within_box<Around> = [] {
  for (const int reach : reach_of<Around>) {
    if (reach > 1) return false;
  }
  return true;
}();

/// The same, around a cell meaning those that a stencil reads from there, whatever its weights.
template <Boundary Edge, Stencil Around, class S>
void mark_around(const S* plane, const std::array<Index, 3>& space, Index first, Index last, S threshold,
                 std::uint8_t* marks) {
  const Index width = space[0];
  for (Index number = first; number < last; ++number, marks += width) {
    std::fill_n(marks, width, std::uint8_t{0});
    for (const Tap& tap : Around::taps) {
      const Index y = Edge::source(number % space[1] + tap.y, space[1]);
      const Index z = Edge::source(number / space[1] + tap.z, space[2]);
      if (y == nothing || z == nothing) continue;
      const S* from = plane + (z * space[1] + y) * width;
      for (Index x = 0; x < width; ++x) {
        const Index column = Edge::source(x + tap.x, width);
        if (column != nothing && !(from[column] <= threshold)) marks[x] = 1;
      }
    }
  }
}

/// Calls visit(cell) for the cells that a stencil reads from a cell, those that the boundary shows.
template <Boundary Edge, Stencil Around, class Visit>
void each_around(const std::array<Index, 3>& space, Index cell, const Visit& visit) {
  const Index width = space[0], line = cell / width;
  for (const Tap& tap : Around::taps) {
    const Index x = Edge::source(cell % width + tap.x, width);
    const Index y = Edge::source(line % space[1] + tap.y, space[1]);
    const Index z = Edge::source(line / space[1] + tap.z, space[2]);
    if (x != nothing && y != nothing && z != nothing) visit((z * space[1] + y) * width + x);
  }
}

}  // namespace detail

/// The cells around a cell of an alive mask: the box of 3 cells along each axis, itself too.
struct BoxAround {};

template <int Feature = 3, FeatureSet OfKept = Features<>, class OfAround = BoxAround>
struct AliveMask {
  static_assert(std::is_same_v<OfAround, BoxAround> || Stencil<OfAround>,
                "AliveMask: what is around a cell is BoxAround, or a stencil such as HexMean<1>");
  static_assert(detail::within_box<OfAround>,
                "AliveMask: the cells around must be within the box of 3 along each axis");
  static_assert(!OfKept::has(Feature), "AliveMask: the feature that decides about life cannot stay when a cell dies");
  using Kept = OfKept;      ///< F, the features that a cell keeps when it is not alive
  using Around = OfAround;  ///< which cells keep a cell alive, itself among them if it is one of these
  /// Cells that are dead before the step do not update; those that are dead before or after the update become zero, but
  /// for what is Kept.
  static constexpr bool limits_updates = true, clears = true;
  static constexpr int feature = Feature;  ///< A, which decides, counted from 0
  double threshold = 0.1;                  ///< the largest value around a living cell is above it; NaN counts as above
};

template <int Feature = 0>
struct MaskedBy {
  /// Cells that are not alive do not update, but stay as they are.
  static constexpr bool limits_updates = true, clears = false;
  static constexpr int feature = Feature;  ///< A, which decides, counted from 0
  double threshold = 0.1;                  ///< a living cell's own value is above it; NaN is not
};

namespace detail {

/// Whether the feature by which cells live, if there is one, is below C.
template <class Alive, int C>
inline constexpr bool has_feature = [] {
  if constexpr (requires { Alive::feature; }) {
    return Alive::feature >= 0 && Alive::feature < C;
  } else {
    return true;
  }
}();

/// Above all features that something says stay as they are (nca/features.hpp): 0 where it says of none.
template <class T>
inline constexpr int kept_features_end = [] {
  if constexpr (requires { typename T::Kept; }) {
    return T::Kept::end;
  } else {
    return 0;
  }
}();

/// What a step makes of a cell that is not alive, where such cells are cleared: of C features z, zeros, but for those
/// that it keeps. It is linear, and its own transpose.
template <class Alive, int C, class S>
void clear_cell(const S* z, S* out) {
  if constexpr (requires { typename Alive::Kept; }) {
    constexpr auto kept = features_that<typename Alive::Kept, C, true>;
    std::fill_n(out, C, S(0));
    for (const int c : kept) out[c] = z[c];
  } else {
    std::fill_n(out, C, S(0));
  }
}

}  // namespace detail

}  // namespace basin
