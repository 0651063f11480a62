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
  int iterations = 800;
  int batch = 32;
  int min_steps = 8;
  int max_steps = 16;
  int segments = 10;
  double rate = 2e-3;
  double start_noise = 0.5;
  double easy = 0.25, clip = 0.5, beta2 = 0.98;
  std::string optimizer = "adam";
  int breadth = 1;
  int count = 200;
  std::uint64_t test_seed = 1;
  int max_evaluations = 1000;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description = R"(Learns to solve Sudoku by settling.)";
inline constexpr const char* footer = R"(
)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("data", s.data, "data").of_this_run();
  options.add("iterations", s.iterations, "Of training", {1, 100000000});
  options.add("batch", s.batch, "Puzzles an iteration", {1, 65536});
  options.add("min-steps", s.min_steps, "Of a segment", {1, 1000});
  options.add("max-steps", s.max_steps, "Of a segment", {1, 1000});
  options.add("segments", s.segments, "Of a puzzle at most", {1, 1000});
  options.add("rate", s.rate, "Highest rate", {1e-9, 1.0});
  options.add("start-noise", s.start_noise, "Standard deviation of starts", {0.0, 100.0});
  options.add("clip", s.clip, "norm", {0.0, 1e9});
  options.add("beta2", s.beta2, "beta2", {0.0, 1.0});
  options.add("easy", s.easy, "share of training where puzzles get harder", {0.0, 1.0});
  options.add("optimizer", s.optimizer, "adam or muon", {"adam", "muon"});
  options.add("breadth", s.breadth, "Starts", {1, 1000}).of_this_run();
  options.add("count", s.count, "Puzzles that it is tested on", {1, 1000000}).of_this_run();
  options.add("test-seed", s.test_seed, "test seed", {0, UINT64_MAX}).of_this_run();
  options.add("max-evaluations", s.max_evaluations, "At most so many in a test", {1, 100000000}).of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

}  // namespace deq_sudoku
