#pragma once

// What the user of deq_mazes can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "maze.hpp"

namespace deq_mazes {

struct Settings {
  std::string resume;
  std::string evaluate;
  std::string begin_with;
  std::string out = "deq_mazes_out";
  bool full = false;
  int iterations = 0;
  int train_size = 0;
  double growing = 0.6;
  double train_loops = 0;
  int pixels = 0;
  double rate = 2e-3;
  std::string adjoint = "unrolled";
  double damping = 0.5;
  double residual_weight = 5;
  double start_noise = 0.5;
  double path_noise = 0;
  int size = 21;
  int count = 50;
  int min_path = 1;
  int max_path = 1000000;
  double loops = 0;
  std::uint64_t test_seed = 1;
  int max_evaluations = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;

  /// The mazes that it is tested on.
  [[nodiscard]] Kind tested() const {
    return {.size = size, .loops = loops, .min_path = min_path, .max_path = max_path};
  }
};

inline constexpr const char* description = R"(Learns the way through small mazes, and finds it through large ones.

Each pixel of a maze is a cell that sees whether it is open, the start or the goal, and the states of its eight
neighbours, nothing else, and is to say whether the shortest way from the start to the goal passes through it. One rule
for all pixels, whose states are left to settle: a deep equilibrium. What is known travels a pixel an evaluation, so that
a long way takes more evaluations, and the equilibrium takes as many as it needs.)";

inline constexpr const char* footer = R"(
Examples:
  deq_mazes                                       trains on at most 11 x 11 pixels, tests on 21 x 21
  deq_mazes --full                                trains longer, as docs/deq_mazes.md shows
  deq_mazes --evaluate deq_mazes_out --size 59 --count 100
  deq_mazes --evaluate deq_mazes_out --size 30 --min-path 100 --max-path 140 --count 1000
  deq_mazes --resume deq_mazes_out

In the output folder: metrics.json, checkpoint.safetensors, solved.png (mazes that are right against evaluations),
settling.png and settling.gif (a maze that settles), residual.png (right pixels and the residual against evaluations)
and loss.png. Charts are written as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at
hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add("begin-with", s.begin_with, "Train on from the parameters of this checkpoint, or this folder's, anew")
      .of_this_run();
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add_flag("full", s.full, "Trains as long as docs/deq_mazes.md shows, where other options are not given");
  options.add("iterations", s.iterations, "Of training; 0: 2,600, or 10,000 with --full", {0, 100000000});
  options.add("train-size", s.train_size,
              "Pixels along a side of the largest mazes in training; 0: 11, or 19 with --full", {0, 1023});
  options.add("growing", s.growing, "The share of the training over which mazes grow to that size", {1e-6, 1.0});
  options.add("train-loops", s.train_loops,
              "Half of the mazes in training have walls that are opened, with probabilities of up to so much",
              {0.0, 1.0});
  options.add("pixels", s.pixels,
              "Of all mazes of an iteration together, about; they are all of one size; 0: 2,700, or 5,400 with --full",
              {0, 100000000});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add_settling_gradient(s.adjoint);
  options.add("residual-weight", s.residual_weight,
              "Of the mean square of what is left of the residual, in the loss, where the gradient is through all "
              "steps; it grows to this value with the cube of the share of the training that is over",
              {0.0, 1000.0});
  options.add("start-noise", s.start_noise, "Standard deviation of the states where solves of training begin",
              {0.0, 100.0});
  options.add("path-noise", s.path_noise,
              "Standard deviation of noise on f at each step of training, where the gradient is through all steps",
              {0.0, 100.0});
  options.add("size", s.size, "Pixels along a side of the mazes that it is tested on", {5, 1023}).of_this_run();
  options.add("count", s.count, "Mazes that it is tested on", {1, 1000000}).of_this_run();
  options.add("min-path", s.min_path, "Steps from start to goal of mazes that it is tested on, at least", {1, 1000000})
      .of_this_run();
  options.add("max-path", s.max_path, "And at most", {1, 1000000}).of_this_run();
  options.add("loops", s.loops, "The probability that a wall of those mazes is opened", {0.0, 1.0}).of_this_run();
  options.add("test-seed", s.test_seed, "The mazes that it is tested on follow from it", {0, UINT64_MAX}).of_this_run();
  options
      .add("max-evaluations", s.max_evaluations,
           "At most so many in a test; 0: 500 and two for each pixel that may be open", {0, 100000000})
      .of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

/// Fills in what follows from --full.
inline void complete(Settings& s) {
  if (s.iterations == 0) s.iterations = s.full ? 10000 : 2600;
  if (s.pixels == 0) s.pixels = s.full ? 5400 : 2700;
  if (s.train_size == 0) s.train_size = s.full ? 19 : 11;
  basin::examples::check_option(s.train_size >= 5, "--train-size", s.train_size, "0, or 5 or more");
}

}  // namespace deq_mazes
