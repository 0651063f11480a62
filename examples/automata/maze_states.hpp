#pragma once

// Mazes as states of the automaton that finds ways (nca/path_finding.hpp).

#include <algorithm>
#include <vector>

#include "../deq_mazes/maze.hpp"
#include "basin/core/state.hpp"
#include "basin/nca/path_finding.hpp"

namespace automata {

using basin::Index;
using basin::State;
using deq_mazes::Maze;

/// The last step that changes anything: the wave has reached all cells, and the path the goal.
[[nodiscard]] inline Index last_change(const Maze& maze) {
  Index farthest = 0;
  const std::vector<Index> steps = maze.distances(maze.goal());
  for (Index p = 0; p < maze.pixels(); ++p) {
    if (maze.open(p)) farthest = std::max(farthest, steps[static_cast<std::size_t>(p)]);
  }
  return std::max(farthest, 2 * maze.path_length() + 1);
}

/// Mazes of one size, at least one.
template <class S>
[[nodiscard]] State<S> states_of(const std::vector<Maze>& mazes) {
  const Index size = mazes.front().size();
  State<S> z(basin::Shape{basin::path_features, {size, size, 1}, std::ssize(mazes)});
  S* cell = z.values.data();
  for (const Maze& maze : mazes) {
    for (Index p = 0; p < maze.pixels(); ++p, cell += basin::path_features) {
      cell[basin::path_open] = maze.open(p) ? S(1) : S(0);
      cell[basin::path_start] = p == maze.start() ? S(1) : S(0);
      cell[basin::path_goal] = p == maze.goal() ? S(1) : S(0);
    }
  }
  return z;
}

}  // namespace automata
