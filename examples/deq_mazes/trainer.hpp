#pragma once

// Training of deq_mazes: what mazes, and through how many steps; the rest is support/settling_trainer.hpp.

#include <algorithm>

#include "../support/settling_trainer.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace deq_mazes {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  size_stream = 1,
  steps_stream,
  maze_stream,
  start_stream,
  loops_stream,
  test_stream,
  test_start_stream
};

/// The mazes of an iteration.
struct Drawn {
  int size;        ///< pixels along a side of the largest
  int pixels;      ///< of all mazes together, about: all of one size, the more of them the smaller they are
  double growing;  ///< the share of the training over which mazes grow to that size
  double loops;    ///< every other iteration has mazes with loops, opened with a probability of up to so much
  std::uint64_t seed;

  [[nodiscard]] Problems operator()(std::uint64_t iteration, double share, int& steps) const {
    const auto random = [&](Stream stream) { return basin::Random{seed, stream}; };
    const basin::examples::Curriculum rooms{.least = 2, .most = (size - 1) / 2, .growing = growing};
    Kind kind{.size = 2 * rooms.size(share, random(size_stream).uniform(iteration)) + 1};
    if (iteration % 2 == 1) kind.loops = loops * random(loops_stream).uniform(iteration);
    const Index count = std::max<Index>(1, pixels / (kind.size * kind.size));
    const std::vector<Maze> mazes = random_mazes(kind, count, random(maze_stream).bits(iteration), maze_stream);
    // Before so many steps no rule that sees a pixel's neighbours can know. Where there are several ways, which one is the
    // shortest is known at the goal, as soon as the news of the start is there, and has to come back.
    Index least = 1;
    for (const Maze& maze : mazes) {
      least = std::max({least, maze.dead_end_rounds(), (kind.loops > 0 ? 2 : 1) * maze.path_length()});
    }
    const auto more = random(steps_stream).below(iteration, static_cast<std::uint64_t>(least) + 1);
    steps = static_cast<int>(least + 4 + static_cast<Index>(more));
    return problems_of(mazes);
  }
};

using Trainer = basin::examples::SettlingTrainer<Network, Drawn>;

inline Trainer trainer(const Settings& settings) {
  return Trainer({.iterations = settings.iterations,
                  .solver = {.damping = settings.damping},
                  .rate = settings.rate,
                  .adjoint = settings.adjoint,
                  .residual_weight = settings.residual_weight,
                  .start_noise = settings.start_noise,
                  .path_noise = settings.path_noise,
                  .seed = settings.seed,
                  .starts = {settings.seed, start_stream}},
                 {settings.train_size, settings.pixels, settings.growing, settings.train_loops, settings.seed});
}

}  // namespace deq_mazes
