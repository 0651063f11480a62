#pragma once

// What the user of deq_sums can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"

namespace deq_sums {

struct Settings {
  std::string resume;
  std::string evaluate;
  std::string out = "deq_sums_out";
  int iterations = 1500;
  int bits = 32;
  int batch = 64;
  double rate = 4e-3;
  std::string adjoint = "unrolled";
  double start_noise = 0;
  double path_noise = 0;
  int test_bits = 512;
  int count = 200;
  std::uint64_t test_seed = 1;
  int max_evaluations = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description = R"(Learns sums of bits on short strings, and is right on long ones.

Each bit of a string is a cell that sees its bit and the states of its two neighbours, nothing else, and is to say whether
the bits up to its own have an even or an odd sum. One rule for all cells, whose states are left to settle: a deep
equilibrium. The answer travels from the first bit to the last, so that a long string takes more evaluations, and the
equilibrium takes as many as it needs.)";

inline constexpr const char* footer = R"(
Examples:
  deq_sums                                       trains on at most 32 bits, tests on up to 512
  deq_sums --evaluate deq_sums_out --test-bits 4096 --count 1000
  deq_sums --resume deq_sums_out

In the output folder: metrics.json, checkpoint.safetensors, solved.png (strings that are right against evaluations),
settling.png and settling.gif (a string that settles), residual.png (right cells and the residual against evaluations)
and loss.png. Charts are written as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at
hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training", {1, 100000000});
  options.add("bits", s.bits, "Of the longest strings in training", {4, 4096});
  options.add("batch", s.batch, "Strings an iteration, all of one length", {1, 65536});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add_settling_gradient(s.adjoint);
  options.add("start-noise", s.start_noise, "Standard deviation of the states where solves of training begin",
              {0.0, 100.0});
  options.add("path-noise", s.path_noise,
              "Standard deviation of noise on f at each step of training, where the gradient is through all steps",
              {0.0, 100.0});
  options.add("test-bits", s.test_bits, "Of the longest strings that it is tested on", {1, 1 << 20}).of_this_run();
  options.add("count", s.count, "Strings of each length that it is tested on", {1, 1000000}).of_this_run();
  options.add("test-seed", s.test_seed, "The strings that it is tested on follow from it", {0, UINT64_MAX})
      .of_this_run();
  options.add("max-evaluations", s.max_evaluations, "At most so many in a test; 0: 100, and 4 a bit", {0, 100000000})
      .of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

}  // namespace deq_sums
