#pragma once

// What the user of nca_digits can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace nca_digits {

struct Settings {
  std::string data;
  std::string resume;
  std::string evaluate;
  std::string out = "nca_digits_out";
  int iterations = 4000;
  int steps = 20;
  int batch = 16;
  int pool = 160;
  double rate = 2e-3;
  double final_rate = 1e-5;
  double noise = 0.02;
  int test_images = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description = R"(Trains the cells of handwritten digits to agree on what they are part of.

Each pixel of a digit is a cell. It sees its own pixel and state and those of its eight neighbours, nothing else, and the
same rule updates them all; ten features of its state are its vote. After "Self-classifying MNIST Digits" (Randazzo et al.
2020). In training digits are redrawn under the cells, so that they learn to change their minds.)";

inline constexpr const char* footer = R"(
Examples:
  nca_digits                                     digits drawn by the program
  nca_digits --data mnist --iterations 100000    MNIST, from its four IDX files in the folder mnist
  nca_digits --evaluate nca_digits_out/checkpoint.safetensors --data mnist
  nca_digits --resume nca_digits_out/checkpoint.safetensors --data mnist
  nca_digits --live --evaluate nca_digits_out    watch test digits in this terminal

In the output folder: metrics.json, checkpoint.safetensors, digits.gif and digits.png (digits that are redrawn while
the cells change their minds; a colour a class), accuracy.png (of cells, and agreement, against steps) and loss.png.
Charts are written as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at hand, with a
checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_digits_folder(s.data);
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training", {1, 100000000});
  options.add("steps", s.steps, "Of the automaton in an iteration", {1, 10000});
  options.add("batch", s.batch, "Digits an iteration; a quarter are fresh, a quarter redrawn", {4, 4096});
  options.add("pool", s.pool, "Digits in the pool", {4, 1000000});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("noise", s.noise, "Sigma of the noise that is added to every update in training", {0.0, 1.0});
  options.add_test_images(s.test_images);
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options, "the automaton of --evaluate or --resume, which is not trained then; else what was trained");
}

}  // namespace nca_digits
