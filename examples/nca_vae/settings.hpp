#pragma once

// What the user of nca_vae can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace nca_vae {

struct Settings {
  std::string data;
  std::string resume;
  std::string evaluate;
  std::string out = "nca_vae_out";
  std::string steps = "6,6,6,5,4";
  bool full = false;
  int iterations = 0;
  int batch = 8;
  int living = 2;
  int living_steps = 8;
  int pool = 64;
  double damage = 0.5;
  double warm_up = 0.3;
  double rate = 3e-3;
  double final_rate = 1e-4;
  double most_gradient = 300;
  int held_back = 0;
  int test_images = 200;
  int weighted = 32;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description =
    R"(Trains an automaton that grows digits it was never told about: a variational autoencoder.

An encoder reads an image and gives a code of 16 numbers, with noise. All cells of an automaton are told the code, and
grow the image from 2 x 2 cells without anything in them, each of which divides into four after some steps, until there
is a cell for each pixel (after Palm et al., "Variational Neural Cellular Automata", 2022). Codes that are drawn at random then grow into digits that nobody wrote.
The measure is the negative evidence lower bound: how many nats an unseen image takes.)";

inline constexpr const char* footer = R"(
Examples:
  nca_vae                                     digits drawn by the program, in two minutes
  nca_vae --data mnist                        MNIST
  nca_vae --evaluate nca_vae_out --test-images 1000
  nca_vae --resume nca_vae_out
  nca_vae --live --evaluate nca_vae_out       watch it in this terminal, and tell the cells other codes

In the output folder: metrics.json, checkpoint.safetensors, samples.png (of random codes), reconstructions.png,
between.png (from the code of one image to that of another), healing.png, growing.gif and loss.png. The chart is written
as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at hand, with a checkpoint to resume
from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_digits_folder(s.data);
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("steps", s.steps, "Steps on grids of 2 x 2, 4 x 4, ... 32 x 32 cells, with commas");
  options.add_flag("full", s.full, "Trains more than four times as long, where --iterations is not given");
  options.add("iterations", s.iterations, "Of training; 0: 3,500, or 16,000 with --full", {0, 100000000});
  options.add("batch", s.batch, "Images an iteration that grow", {1, 4096});
  options.add("living", s.living, "Grown images an iteration that live on, some of them damaged; 0: none", {0, 4096});
  options.add("living-steps", s.living_steps, "Steps that they live on", {1, 100000});
  options.add("pool", s.pool, "States in the pool that these are from", {1, 1000000});
  options.add("damage", s.damage, "The share of them that lose a circle of cells", {0.0, 1.0});
  options.add("warm-up", s.warm_up, "The share of the training over which the weight of the divergence rises to 1",
              {0.0, 1.0});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("most-gradient", s.most_gradient, "Longer gradients are made so long", {1e-6, 1e9});
  options.add("held-back", s.held_back,
              "Last training images that are held back, and measured instead of the test images, to choose settings by",
              {0, 100000000});
  options
      .add("weighted", s.weighted, "Codes of an image for the importance-weighted bound of its likelihood", {1, 100000})
      .of_this_run();
  options.add_test_images(s.test_images);
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options, "the automaton of --evaluate or --resume, which is not trained then; else what was trained");
}

/// Fills in what follows from --full.
inline void complete(Settings& s) {
  if (s.iterations == 0) s.iterations = s.full ? 16000 : 3500;
  basin::examples::check_option(s.living <= s.pool, "--living", s.living, "at most --pool, " + std::to_string(s.pool));
}

}  // namespace nca_vae
