#pragma once

// The model of deq_mazes, whose cell is cell.hpp's, and mazes as problems for it.

#include <vector>

#include "../support/settling.hpp"
#include "cell.hpp"
#include "maze.hpp"

namespace deq_mazes {

using basin::State;
using basin::View;
using basin::examples::Problems;

using Network = basin::examples::SettlingNetwork<Sees, Cell, Reads>;
using Theta = Network::Theta;
using Settler = basin::examples::Settler<Network>;

/// Mazes of one size, at least one, as problems; the answer is 1 for pixels on the path.
inline Problems problems_of(const std::vector<Maze>& mazes) {
  const Index size = mazes.front().size();
  Problems problems{State<float>(basin::Shape{inputs, {size, size, 1}, std::ssize(mazes)}), {}};
  problems.answers.reserve(static_cast<std::size_t>(problems.inputs.shape.cells()));
  float* x = problems.inputs.values.data();
  for (const Maze& maze : mazes) {
    describe(maze, x);
    x += inputs * maze.pixels();
    for (Index p = 0; p < maze.pixels(); ++p) problems.answers.push_back(maze.on_path(p) ? 1 : 0);
  }
  return problems;
}

/// `count` mazes; maze n of a seed and stream is always the same.
inline std::vector<Maze> random_mazes(const Kind& kind, Index count, std::uint64_t seed, std::uint64_t stream) {
  std::vector<Maze> mazes;
  mazes.reserve(static_cast<std::size_t>(count));
  for (Index n = 0; n < count; ++n) {
    mazes.push_back(random_maze(kind, {basin::fold_in(seed, static_cast<std::uint64_t>(n)), stream}));
  }
  return mazes;
}

}  // namespace deq_mazes
