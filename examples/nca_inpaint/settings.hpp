#pragma once

// What the user of nca_inpaint can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace nca_inpaint {

struct Settings {
  std::string data;
  std::string perception = "attention";
  std::string resume;
  std::string evaluate;
  std::string out = "nca_inpaint_out";
  bool full = false;
  int iterations = 0;
  int batch = 8;
  int pool = 128;
  int min_steps = 16;
  int max_steps = 33;
  double least_hidden = 0.25;
  double most_hidden = 0.75;
  double damage = 0.125;
  double overflow = 1;
  double rate = 2e-3;
  double final_rate = 5e-5;
  int held_back = 0;
  int steps = 32;
  double hidden = 0.5;
  int test_images = 200;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description =
    R"(Trains an automaton that restores the hidden pixels of a digit.

Each pixel is a cell. It is given its pixel or that it is hidden, and sees itself and its eight neighbours, which it
attends to: how much each of them counts follows from what the cells are (after Tesfaldet, Nowrouzezahrai and Pal,
"Attention-based neural cellular automata", 2022). With --perception stencils the weights are fixed instead, at as many
parameters. The cells go on living: they restore again what is erased, and other pixels when others are hidden.)";

inline constexpr const char* footer = R"(
Examples:
  nca_inpaint                                     digits drawn by the program, in some minutes
  nca_inpaint --perception stencils               the same without attention
  nca_inpaint --data mnist --full                 MNIST, as docs/nca_inpaint.md shows
  nca_inpaint --evaluate nca_inpaint_out --hidden 0.75
  nca_inpaint --resume nca_inpaint_out
  nca_inpaint --live --evaluate nca_inpaint_out   watch it in this terminal, and hide other pixels

In the output folder: metrics.json, checkpoint.safetensors, restored.png (digits that are restored step by step),
restored.gif, errors.png (against the step) and loss.png. Charts are written as .svg too. Ctrl-C, or a closed terminal,
ends the training after the iteration at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_digits_folder(s.data);
  options.add("perception", s.perception, "What cells see of the cells around", {"attention", "stencils"});
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add_flag("full", s.full, "Trains as long as docs/nca_inpaint.md shows, where --iterations is not given");
  options.add("iterations", s.iterations, "Of training; 0: 1,500, or 4,000 with --full", {0, 100000000});
  options.add("batch", s.batch, "Images an iteration, half of them fresh", {2, 4096});
  options.add("pool", s.pool, "States in the pool from which training goes on", {2, 1000000});
  options.add("min-steps", s.min_steps, "Fewest steps of a rollout in training", {1, 100000});
  options.add("max-steps", s.max_steps, "One more than the most steps", {2, 100000});
  options.add("least-hidden", s.least_hidden, "Least share of the pixels that is hidden in training", {0.0, 1.0});
  options.add("most-hidden", s.most_hidden, "Largest share of them", {0.0, 1.0});
  options.add("damage", s.damage, "The share of a batch that loses what a circle of cells has made", {0.0, 0.5});
  options.add("overflow", s.overflow, "Weight of the penalty on features beyond [-1, 1]", {0.0, 1e6});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("held-back", s.held_back,
              "Last training images that are held back, and measured instead of the test images, to choose settings by",
              {0, 100000000});
  options
      .add("steps", s.steps, "Steps after which images are measured; and after two and ten times as many", {1, 1000000})
      .of_this_run();
  options.add("hidden", s.hidden, "Share of the pixels that is hidden where images are measured", {0.0, 1.0})
      .of_this_run();
  options.add_test_images(s.test_images);
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options, "the automaton of --evaluate or --resume, which is not trained then; else what was trained");
}

/// Fills in what follows from --full.
inline void complete(Settings& s) {
  if (s.iterations == 0) s.iterations = s.full ? 4000 : 1500;
  basin::examples::check_option(s.least_hidden <= s.most_hidden, "--least-hidden", s.least_hidden,
                                "at most --most-hidden, " + std::to_string(s.most_hidden));
}

}  // namespace nca_inpaint
