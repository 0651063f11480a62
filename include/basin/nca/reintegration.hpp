#pragma once

// Reintegration tracking (M. Moroz 2020; as in E. Plantec et al., "Flow-Lenia", 2022, arXiv 2212.07906): each cell's
// mass is a square of side 2 s, moved by a displacement d of its own, and handed to the cells that the square then
// covers, each by the share of it that lies there. Along one axis the share of the cell at j from here is
//
//   c((j + 1/2 - d + s) / 2 s) - c((j - 1/2 - d + s) / 2 s),   c(x) = min(1, max(0, x)),
//
// differences that add up to 1, so that mass is kept to rounding. On a torus it goes round, and every other edge is a
// wall, before which squares stop.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <type_traits>

#include "basin/core/state.hpp"
#include "basin/stencil/boundary.hpp"

namespace basin::detail {

/// A share of a square that is displaced by `displacement`, and its derivative in that: at a kink, 0.
template <class S>
struct Share {
  S share = 0, slope = 0;

  Share(Index j, S displacement, S half_side) {
    const S unit = S(1) / (S(2) * half_side), left = (static_cast<S>(j) - S(0.5) - displacement + half_side) * unit,
            right = left + unit;
    share = std::clamp(right, S(0), S(1)) - std::clamp(left, S(0), S(1));
    slope = (left > S(0) && left < S(1) ? unit : S(0)) - (right > S(0) && right < S(1) ? unit : S(0));
  }
};

template <Boundary Edge>
struct Reintegration {
  static constexpr bool walls = !std::is_same_v<Edge, Periodic>;

  double half_side = 0.65;  ///< s, in cells
  Index reach = 5;          ///< how many cells along an axis mass comes at most

  void check_grid(const Shape& z) const {
    const bool right = half_side > 0 && half_side <= static_cast<double>(reach);
    if (!right) {  // before the message takes memory: this is on hot paths
      check(false, "FlowLenia: half side of the square of mass", half_side,
            "above 0, and at most the reach, " + std::to_string(reach));
    }
    // At a wall a square is moved inwards by up to s - 1/2, and from there no further than the reach allows.
    if (walls && 2 * half_side > static_cast<double>(reach) + 0.5) {
      check(false, "FlowLenia: half side of the square of mass between walls", half_side,
            "at most half of the reach, " + std::to_string(reach) + ", and a quarter");
    }
    for (std::size_t axis = 0; axis < 2; ++axis) {
      check(!walls || 2 * half_side <= static_cast<double>(z.space[axis]), "FlowLenia: extent of an axis of space",
            z.space[axis], "room for a square of mass between walls");
    }
  }

  /// The displacement of a cell at x of an axis of so many cells, within what it may be. `moved` is false where it is
  /// held, and has no derivative.
  template <class S>
  [[nodiscard]] S held(S displacement, Index x, Index extent, bool& moved) const {
    S low = static_cast<S>(half_side) - static_cast<S>(reach), high = -low;
    if constexpr (walls) {
      low = std::max(low, static_cast<S>(half_side) - S(0.5) - static_cast<S>(x));
      high = std::min(high, static_cast<S>(extent - x) - S(0.5) - static_cast<S>(half_side));
    }
    moved = displacement > low && displacement < high;
    return std::min(std::max(displacement, low), high);
  }

  /// visit(source, target, share along x, share along y), numbers of a sample of C features, for what comes from line
  /// `line` to the line dy from it. displacements: of each number, along x and, `plane` numbers behind, along y.
  template <int C, class S, class Visit>
  void each_share(const std::array<Index, 3>& space, Index line, Index dy, const S* displacements, Index plane,
                  const Visit& visit) const {
    const Index width = space[0], to_line = cell_at(line + dy, space[1]);
    const S s = static_cast<S>(half_side);
    if (to_line == nothing) return;
    const S farthest = s + S(0.5), y = static_cast<S>(dy);
    Index at = line * width * C;
    for (Index x = 0; x < width; ++x) {
      for (int c = 0; c < C; ++c, ++at) {
        if (std::abs(y - displacements[plane + at]) >= farthest) continue;
        const Share<S> along_y(dy, displacements[plane + at], s);
        const Index first = cell_under(displacements[at] - s), last = cell_under(displacements[at] + s);
        for (Index dx = first; dx <= last; ++dx) {
          const Index to = cell_at(x + dx, width);
          if (to != nothing) visit(at, (to_line * width + to) * C + c, Share<S>(dx, displacements[at], s), along_y);
        }
      }
    }
  }

  /// The same for all that comes to a line.
  template <int C, class S, class Visit>
  void each_share_to(const std::array<Index, 3>& space, Index line, const S* displacements, Index plane,
                     const Visit& visit) const {
    for (Index dy = -reach; dy <= reach; ++dy) {
      const Index from = cell_at(line - dy, space[1]);
      if (from != nothing) each_share<C>(space, from, dy, displacements, plane, visit);
    }
  }

  /// And for all that goes from one.
  template <int C, class S, class Visit>
  void each_share_from(const std::array<Index, 3>& space, Index line, const S* displacements, Index plane,
                       const Visit& visit) const {
    for (Index dy = -reach; dy <= reach; ++dy) each_share<C>(space, line, dy, displacements, plane, visit);
  }

 private:
  /// The cell, from here, in which a place lies; 0 for NaN, which then is its share.
  template <class S>
  static Index cell_under(S place) {
    return place == place ? static_cast<Index>(std::floor(place + S(0.5))) : 0;
  }
  static Index cell_at(Index i, Index extent) {
    if constexpr (walls) return Zero::source(i, extent);
    while (i < 0) i += extent;  // faster than a division, and seldom more than once
    while (i >= extent) i -= extent;
    return i;
  }
};

}  // namespace basin::detail
