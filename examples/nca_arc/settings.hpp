#pragma once

// What the user of nca_arc can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"

namespace nca_arc {

struct Settings {
  std::string data;
  std::string resume;
  std::string evaluate;
  std::string out = "nca_arc_out";
  bool full = false;
  int iterations = 0;
  int tasks = 100;
  int width = 14;
  int batch = 16;
  int segments = 2;
  int min_steps = 0;
  int max_steps = 0;
  double rate = 2e-3;
  double final_rate = 2e-5;
  int steps = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description =
    R"(Learns to do to a line of cells what three examples show, as the tasks of 1D-ARC ask.

An automaton of three rows: two examples, each a line and what becomes of it, and a line that is asked about. A place has
a cell for each colour. Every cell sees those of its colour beside it, the mean of its column and the sum over the colours
of its place. One rule for all tasks and all colours, which is told nothing of their kind: it has to find out from the
examples what is to be done, and to do it.)";

inline constexpr const char* footer = R"(
Examples:
  nca_arc                                    four kinds of drawn tasks, in some minutes
  nca_arc --data tasks.jsonl --full          the 18 kinds of 1D-ARC, as docs/nca_arc.md shows
  nca_arc --evaluate nca_arc_out             measure and draw what was trained
  nca_arc --resume nca_arc_out

A file has a JSON object a line, with "family", three pairs "train" and one pair "test", of which nothing is learned. In
the output folder: metrics.json, checkpoint.safetensors, answers.png (a test of each kind, and what the cells answer from
step to step) and loss.png. Charts are written as .svg too. Ctrl-C, or a closed terminal, ends the training after the
iteration at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("data", s.data, "File of tasks (lines of JSON); none: drawn").of_this_run();
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add_flag("full", s.full, "Trains as long as docs/nca_arc.md shows, where other options are not given");
  options.add("iterations", s.iterations, "Of training; 0: 1,500, or 6,000 with --full", {0, 100000000});
  options.add("tasks", s.tasks, "Drawn tasks of each kind", {1, 100000});
  options.add("width", s.width, "Cells of the longest drawn line", {12, 1000});
  options.add("batch", s.batch, "Questions an iteration", {1, 4096});
  options.add("segments", s.segments, "Iterations that stay with a batch, each going on from where the last one ended",
              {1, 1000});
  options.add("min-steps", s.min_steps, "Fewest steps in training; 0: 16, or 32 with --full", {0, 100000});
  options.add("max-steps", s.max_steps, "One more than the most; 0: 24, or 48 with --full", {0, 100000});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("steps", s.steps, "Steps of a test; 0: as the most in training", {0, 1000000}).of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

/// Fills in what follows from --full.
inline void complete(Settings& s) {
  if (s.iterations == 0) s.iterations = s.full ? 6000 : 1500;
  if (s.min_steps == 0) s.min_steps = s.full ? 32 : 16;
  if (s.max_steps == 0) s.max_steps = s.full ? 48 : 24;
  if (s.steps == 0) s.steps = s.max_steps;
}

}  // namespace nca_arc
