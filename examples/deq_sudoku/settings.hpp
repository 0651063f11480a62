#pragma once

// What the user of deq_sudoku can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"

namespace deq_sudoku {

struct Settings {
  std::string resume;
  std::string evaluate;
  std::string out = "deq_sudoku_out";
  std::string data;
  bool full = false;
  int iterations = 0;
  double minutes = 0;
  int batch = 32;
  int min_steps = 4;
  int max_steps = 9;
  int segments = 0;
  std::string adjoint = "unrolled";
  double rate = 2e-3;
  double clip = 1;
  int stays = 4;
  double penalty = 20;
  double start_noise = 0.5;
  int breadth = 1;
  int confirm = 1;
  int count = 200;
  std::uint64_t test_seed = 1;
  int max_evaluations = 1000;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description = R"(Learns to solve Sudoku by settling.

Each candidate, a digit at a place, is a cell that hears of the other digits of its place, and of its digit's places in its
row, its column and its box, nothing else. One rule for all 729 of them, whose states are left to settle: a deep equilibrium.
Hard puzzles take more evaluations than easy ones, and a puzzle that is not solved seldom settles, so that who does not know
the solution sees from the residual whether to trust it; if not, another start may help.)";

inline constexpr const char* footer = R"(
Examples:
  deq_sudoku                                     trains on puzzles that it draws, and tests on others
  deq_sudoku --full --data sudoku                on sudoku/train_*.csv.gz, tests on sudoku/test_*.csv
  deq_sudoku --evaluate deq_sudoku_out --data expert.csv --count 1000 --breadth 16
  deq_sudoku --evaluate deq_sudoku_out --data expert.csv --count 1000 --breadth 16 --confirm 2
  deq_sudoku --resume deq_sudoku_out

A file of puzzles has lines of 81 digits, a comma, and the 81 digits of the solution; an empty place is a dot or 0. It
may be packed by gzip. In the output folder: metrics.json, checkpoint.safetensors, solved.png (solved puzzles against
evaluations), settling.gif (a puzzle that settles), residual.png (right places and the residual against evaluations)
and loss.png. Charts are written as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at
hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options
      .add("data", s.data,
           "A file of puzzles, or a folder of train_*.csv and test_*.csv, plain or .gz; none: drawn puzzles")
      .of_this_run();
  options.add_flag("full", s.full, "Trains as long as the figures of the documentation took");
  options.add("iterations", s.iterations, "Of training; 0: 700, or 24,000 with --full", {0, 100000000});
  options.add("minutes", s.minutes, "Train at most so long; the rate then falls with the time. 0: no limit",
              {0.0, 1e6});
  options.add("batch", s.batch, "Puzzles at a time", {1, 65536});
  options.add("min-steps", s.min_steps, "An iteration makes at least so many steps", {1, 1000});
  options.add("max-steps", s.max_steps, "and fewer than so many, drawn anew each time", {2, 1001});
  options.add(
      "segments", s.segments,
      "A puzzle that is not solved goes after so many iterations; at first a quarter of them. 0: 32, or 48 with "
      "--full",
      {0, 1000});
  options.add_settling_gradient(s.adjoint);
  options.add("stays", s.stays, "One that is right goes after so many", {1, 1000});
  options.add(
      "penalty", s.penalty,
      "Weight of the mean square of what is left of the residual of a puzzle that was right, where the gradient is "
      "through all steps; it grows to this value with the sixth power of the share of the training that is over",
      {0.0, 1e6});
  options.add("rate", s.rate, "Highest rate of Muon", {1e-9, 1.0});
  options.add("clip", s.clip, "Longest gradient of a puzzle", {1e-9, 1e9});
  options.add("start-noise", s.start_noise, "Standard deviation of the states where puzzles start, in tests too",
              {0.0, 100.0});
  options.add("breadth", s.breadth, "Starts of a puzzle in a test, at most, until its answer is certified", {1, 1000})
      .of_this_run();
  options.add("confirm", s.confirm, "Starts that must converge to the same answer before it is certified", {1, 1000})
      .of_this_run();
  options.add("count", s.count, "Puzzles of each set, or file, that it is tested on, at most", {1, 1000000})
      .of_this_run();
  options.add("test-seed", s.test_seed, "Drawn puzzles and starts of a test follow from it", {0, UINT64_MAX})
      .of_this_run();
  options.add("max-evaluations", s.max_evaluations, "At most so many from a start in a test", {1, 100000000})
      .of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

/// Fills in what follows from --full.
inline void complete(Settings& s) {
  if (s.iterations == 0) s.iterations = s.full ? 24000 : 700;
  if (s.segments == 0) s.segments = s.full ? 48 : 32;
  basin::examples::check_option(s.confirm <= s.breadth, "--confirm", s.confirm,
                                "at most --breadth, " + std::to_string(s.breadth));
}

}  // namespace deq_sudoku
