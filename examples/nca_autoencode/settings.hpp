#pragma once

// What the user of nca_autoencode can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace nca_autoencode {

struct Settings {
  std::string data;
  std::string resume;
  std::string evaluate;
  std::string out = "nca_autoencode_out";
  bool full = false;
  int size = 12;
  int planes = 3;
  int iterations = 0;
  int steps = 0;
  int batch = 4;
  int pool = 64;
  double keep = 0.5;
  double overflow = 1;
  double rate = 5e-3;
  double final_rate = 5e-5;
  int held_back = 0;
  int test_images = 500;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description =
    R"(Trains an automaton in space that carries a digit through a hole of one cell.

Planes of cells stand one behind another. The first is given a digit, the one in the middle is a wall with a hole of one
cell, and the last is to show the digit. One rule, the same for all cells, has to make a code of the digit that fits into
one cell, to send it through, and to draw the digit from it: an autoencoder of cells that see their neighbours only
(after Faldor and Cully, "CAX", 2024).)";

inline constexpr const char* footer = R"(
Examples:
  nca_autoencode                                     digits drawn by the program, in some minutes
  nca_autoencode --data mnist --full                 MNIST, as docs/nca_autoencode.md shows
  nca_autoencode --size 8                            digits of 8 x 8 pixels
  nca_autoencode --planes 5                          two planes on each side of the wall
  nca_autoencode --evaluate nca_autoencode_out
  nca_autoencode --resume nca_autoencode_out
  nca_autoencode --live --evaluate nca_autoencode_out  watch it in this terminal, and shut the hole

In the output folder: metrics.json, checkpoint.safetensors, passed.png (digits above what came through), passing.png and
passing.gif (planes of cells while digits pass), errors.png (against the step) and loss.png. Charts are written as .svg too. Ctrl-C, or
a closed terminal, ends the training after the iteration at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_digits_folder(s.data);
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add_flag("full", s.full, "Trains as long as docs/nca_autoencode.md shows, where --iterations is not given");
  options.add("size", s.size, "Pixels along a side of a digit: 6, 8, 12 or 24", {1, 24});
  options.add("planes", s.planes, "Planes of cells, an odd number; the one in the middle is the wall", {3, 99});
  options.add("iterations", s.iterations, "Of training; 0: 8,000, or 30,000 with --full", {0, 100000000});
  options.add("steps", s.steps, "Of a rollout in training, and until digits are measured; 0: 16 and --size",
              {0, 100000});
  options.add("batch", s.batch, "Digits an iteration", {1, 4096});
  options.add("pool", s.pool, "States in the pool from which training goes on", {1, 1000000});
  options.add("keep", s.keep, "The share of a batch that goes on from where others ended, instead of anew", {0.0, 1.0});
  options.add("overflow", s.overflow, "Weight of the penalty on features beyond [-2, 2]", {0.0, 1e6});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("held-back", s.held_back,
              "Last training images that are held back, and measured instead of the test images, to choose settings by",
              {0, 100000000});
  options.add_test_images(s.test_images);
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options, "the automaton of --evaluate or --resume, which is not trained then; else what was trained");
}

/// Fills in what follows from --full and --size.
inline void complete(Settings& s) {
  if (s.iterations == 0) s.iterations = s.full ? 30000 : 8000;
  if (s.steps == 0) s.steps = 16 + s.size;
  basin::examples::check_option(s.size == 6 || s.size == 8 || s.size == 12 || s.size == 24, "--size", s.size,
                                "6, 8, 12 or 24");
  basin::examples::check_option(s.planes % 2 == 1, "--planes", s.planes, "an odd number");
}

}  // namespace nca_autoencode
