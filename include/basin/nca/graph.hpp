#pragma once

// A graph whose nodes are the cells of a sample, for automata on graphs (nca/perceive_graph.hpp): a list of edges that
// the program knows when it runs. Edges have a direction; a cell hears from the cells whose edges lead to it.

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "basin/core/check.hpp"
#include "basin/core/random.hpp"
#include "basin/core/state.hpp"
#include "basin/stencil/boundary.hpp"
#include "basin/stencil/stencil.hpp"

namespace basin {

/// From one cell to another, by their numbers in the sample.
struct GraphEdge {
  Index from = 0;  ///< the cell that is heard
  Index to = 0;    ///< the cell that hears it

  friend bool operator==(const GraphEdge&, const GraphEdge&) = default;
};

/// Cells and edges. Copies share their lists.
class Graph {
 public:
  /// No cells: refused when it is used.
  Graph() = default;

  /// Cells 0 to cells - 1. An edge that is given twice counts twice; one may lead from a cell to itself. Throws
  /// std::invalid_argument for fewer than one cell, and for an edge from or to a cell that is not there.
  Graph(Index cells, std::span<const GraphEdge> edges) {
    check(cells > 0, "Graph: number of cells", cells, "1 or more");
    for (const GraphEdge& edge : edges) {
      for (const Index end : {edge.from, edge.to}) {
        check(end >= 0 && end < cells, "Graph: number of a cell of an edge", end, "0 to " + std::to_string(cells - 1));
      }
    }
    lists_ = std::make_shared<const Lists>(Lists{Neighbours(cells, edges, &GraphEdge::to, &GraphEdge::from),
                                                 Neighbours(cells, edges, &GraphEdge::from, &GraphEdge::to)});
  }

  /// Whether it was made of cells and edges. Without them nothing below may be called.
  [[nodiscard]] explicit operator bool() const { return lists_ != nullptr; }
  [[nodiscard]] Index cells() const { return lists_->into.cells(); }  ///< how many cells there are
  [[nodiscard]] Index edges() const { return lists_->into.edges(); }  ///< how many edges there are
  /// The cells from which edges lead to this one, in the order of the edges.
  [[nodiscard]] std::span<const Index> into(Index cell) const { return lists_->into.of(cell); }
  /// The cells to which edges lead from this one, in the order of the edges.
  [[nodiscard]] std::span<const Index> out_of(Index cell) const { return lists_->out_of.of(cell); }

 private:
  /// For each cell the other ends of its edges, one list behind another.
  class Neighbours {
   public:
    Neighbours(Index cells, std::span<const GraphEdge> edges, Index GraphEdge::*end, Index GraphEdge::*other)
        : ends_(static_cast<std::size_t>(cells) + 1), others_(edges.size()) {
      for (const GraphEdge& edge : edges) ++ends_[static_cast<std::size_t>(edge.*end) + 1];
      for (std::size_t i = 1; i < ends_.size(); ++i) ends_[i] += ends_[i - 1];
      std::vector<std::size_t> next(ends_.begin(), ends_.end() - 1);
      for (const GraphEdge& edge : edges) others_[next[static_cast<std::size_t>(edge.*end)]++] = edge.*other;
    }
    [[nodiscard]] Index cells() const { return static_cast<Index>(ends_.size()) - 1; }
    [[nodiscard]] Index edges() const { return static_cast<Index>(others_.size()); }
    [[nodiscard]] std::span<const Index> of(Index cell) const {
      const std::size_t begin = ends_[static_cast<std::size_t>(cell)], end = ends_[static_cast<std::size_t>(cell) + 1];
      return {others_.data() + begin, end - begin};
    }

   private:
    std::vector<std::size_t> ends_;  // where the list of each cell ends, behind a 0
    std::vector<Index> others_;
  };
  struct Lists {
    Neighbours into, out_of;
  };

  std::shared_ptr<const Lists> lists_{};
};

/// Each edge, and behind all of them each the other way round: a graph without directions.
[[nodiscard]] inline std::vector<GraphEdge> both_ways(std::span<const GraphEdge> edges) {
  std::vector<GraphEdge> both(edges.begin(), edges.end());
  for (const GraphEdge& edge : edges) both.push_back({edge.to, edge.from});
  return both;
}

/// The edges of a grid with extents (X, Y, Z), cell x + X (y + Y z), on which each cell hears the cells that a stencil
/// reads, whatever its weights: Moore<2> for the eight around it. Beyond a Zero edge there is nobody.
template <Stencil Cells, Boundary Edge>
[[nodiscard]] std::vector<GraphEdge> grid_edges(const std::array<Index, 3>& space) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    check(space[axis] > 0, "grid_edges: extent of an axis of space", space[axis], "at least 1");
    if (detail::reach_of<Cells>[axis] > 0) Edge::check_border(detail::reach_of<Cells>[axis], space[axis]);
  }
  std::vector<GraphEdge> edges;
  for (Index cell = 0; cell < space[0] * space[1] * space[2]; ++cell) {
    const std::array<Index, 3> at{cell % space[0], cell / space[0] % space[1], cell / (space[0] * space[1])};
    for (const Tap& tap : Cells::taps) {
      const std::array<int, 3> step{tap.x, tap.y, tap.z};
      std::array<Index, 3> from{};
      for (std::size_t axis = 0; axis < 3; ++axis) {
        from[axis] = step[axis] == 0 ? at[axis] : Edge::source(at[axis] + step[axis], space[axis]);
      }
      if (std::ranges::count(from, nothing) > 0) continue;
      edges.push_back({from[0] + space[0] * (from[1] + space[1] * from[2]), cell});
    }
  }
  return edges;
}

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp).
inline constexpr std::uint64_t edge_stream = std::uint64_t{1} << 57;

}  // namespace detail

/// Edges of any length: each cell hears `each` others, all different and none of them itself, drawn from all cells with
/// the same probability (R. W. Floyd 1987, as in J. Bentley, "Programming pearls: a sample of brilliance"). They are a
/// function of the seed. Throws std::invalid_argument unless there are so many other cells.
[[nodiscard]] inline std::vector<GraphEdge> random_edges(Index cells, Index each, std::uint64_t seed) {
  check(cells > 0, "random_edges: number of cells", cells, "1 or more");
  check(each >= 0 && each < cells, "random_edges: edges to each cell", each, "0 to " + std::to_string(cells - 1));
  const Random random{seed, detail::edge_stream};
  std::vector<GraphEdge> edges;
  for (Index cell = 0; cell < cells; ++cell) {
    const std::size_t first = edges.size();
    for (Index most = cells - 1 - each; most < cells - 1; ++most) {  // of the others, counted without the cell
      const auto drawn = static_cast<Index>(
          random.below(static_cast<std::uint64_t>(std::ssize(edges)), static_cast<std::uint64_t>(most) + 1));
      const auto number = [cell](Index other) { return other < cell ? other : other + 1; };
      const GraphEdge one{number(drawn), cell};
      const bool there = std::find(edges.begin() + static_cast<std::ptrdiff_t>(first), edges.end(), one) != edges.end();
      edges.push_back(there ? GraphEdge{number(most), cell} : one);
    }
  }
  return edges;
}

}  // namespace basin
