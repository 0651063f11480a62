#pragma once

// The model of deq_mazes: a state of 16 numbers a pixel, and
//
//   f(z, u) = tanh(W2 relu(W1 * z + u) + b2),    u = W0 x + b0,    logits = W3 z + b3,
//
// where W1 * z is a convolution over 3 x 3 pixels, with 64 numbers inside, and x says whether a pixel is open, the
// start, or the goal. 10,610 parameters, the same for all pixels; beyond the edge there is nothing.

#include <vector>

#include "../support/settling.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "maze.hpp"

namespace deq_mazes {

using basin::State;
using basin::View;
using basin::examples::Problems;

inline constexpr int features = 16, hidden = 64;

using Cell = basin::Injected<
    basin::Sequential<basin::Conv<features, hidden, 3>, basin::Relu, basin::Dense<hidden, features>, basin::Tanh>>;
using Network = basin::examples::SettlingNetwork<basin::Dense<3, hidden>, Cell, basin::Dense<features, 2>>;
using Theta = Network::Theta;
using Settler = basin::examples::Settler<Network>;

/// Mazes of one size, at least one, as problems: (3, size, size), open, start and goal, each 1 or 0; the answer is 1
/// for pixels on the path.
inline Problems problems_of(const std::vector<Maze>& mazes) {
  const Index size = mazes.front().size();
  Problems problems{State<float>(basin::Shape{3, {size, size, 1}, std::ssize(mazes)}), {}};
  problems.answers.reserve(static_cast<std::size_t>(problems.inputs.shape.cells()));
  float* pixel = problems.inputs.values.data();
  for (const Maze& maze : mazes) {
    for (Index p = 0; p < maze.pixels(); ++p, pixel += 3) {
      pixel[0] = maze.open(p) ? 1.0f : 0.0f;
      pixel[1] = p == maze.start() ? 1.0f : 0.0f;
      pixel[2] = p == maze.goal() ? 1.0f : 0.0f;
      problems.answers.push_back(maze.on_path(p) ? 1 : 0);
    }
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
