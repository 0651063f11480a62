#pragma once

// The cell of deq_mazes, and what it is told of a maze: a state of 16 numbers a pixel, and
//
//   f(z, u) = tanh(W2 relu(W1 * z + u) + b2),    u = W0 x + b0,    logits = W3 z + b3,
//
// where W1 * z is a convolution over 3 x 3 pixels, with 64 numbers inside, and x says whether a pixel is open, the
// start, or the goal. 10,610 parameters, the same for all pixels; beyond the edge there is nothing.

#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "maze.hpp"

namespace deq_mazes {

inline constexpr int inputs = 3, features = 16, hidden = 64, classes = 2;

using Sees = basin::Dense<inputs, hidden>;
using Cell = basin::Injected<
    basin::Sequential<basin::Conv<features, hidden, 3>, basin::Relu, basin::Dense<hidden, features>, basin::Tanh>>;
using Reads = basin::Dense<features, classes>;

/// x of a maze, (3, size, size): open, start and goal, each 1 or 0.
inline void describe(const Maze& maze, float* x) {
  for (Index p = 0; p < maze.pixels(); ++p, x += inputs) {
    x[0] = maze.open(p) ? 1.0f : 0.0f;
    x[1] = p == maze.start() ? 1.0f : 0.0f;
    x[2] = p == maze.goal() ? 1.0f : 0.0f;
  }
}

}  // namespace deq_mazes
