#pragma once

// What the user of nca_diffuse can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace nca_diffuse {

struct Settings {
  std::string target;
  std::string resume;
  std::string evaluate;
  std::string out = "nca_diffuse_out";
  int iterations = 1000;
  int size = 16;
  int padding = 4;
  int batch = 8;
  int steps = 64;
  double keep = 0.5;
  int pool = 64;
  double overflow = 1;
  double rate = 2e-3;
  double final_rate = 5e-5;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description =
    R"(Trains an automaton that finds a picture in noise, instead of growing it from one cell.

All cells live from the start, with random colours, and one small rule makes the picture of them. In training the noise
hides more or less of the picture (after the diffusing automata of Faldor and Cully, "CAX", 2024); what was never
trained is that parts of the picture are erased, and yet they come back.

Without --target the program draws the picture itself.)";

inline constexpr const char* footer = R"(
Examples:
  nca_diffuse                                   a drawn picture of 16 x 16 cells, in some minutes
  nca_diffuse --target lizard.png --size 24     any PNG
  nca_diffuse --keep 0                          every state of the training is fresh, as published
  nca_diffuse --evaluate nca_diffuse_out        measure and draw what was trained
  nca_diffuse --resume nca_diffuse_out
  nca_diffuse --live --evaluate nca_diffuse_out watch it in this terminal, and erase parts of it

In the output folder: metrics.json, checkpoint.safetensors, denoised.png (from more and more noise), healing.png (parts
erased), diffusing.gif and loss.png. Charts are written as .svg too. Ctrl-C, or a closed terminal, ends the training after
the iteration at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("target", s.target, "Picture to find (PNG; transparent parts stay empty); none: drawn");
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training", {1, 100000000});
  options.add("size", s.size, "Cells along the longer side of the picture", {1, 1024});
  options.add("padding", s.padding, "Empty cells on each side of it", {0, 1024});
  options.add("batch", s.batch, "Samples an iteration", {1, 4096});
  options.add("steps", s.steps, "Of a rollout in training; the picture is measured after as many", {4, 100000});
  options.add("keep", s.keep, "The share of a batch that goes on from where others ended, instead of from fresh noise",
              {0.0, 1.0});
  options.add("pool", s.pool, "States that are stored for this", {1, 1000000});
  options.add("overflow", s.overflow, "Weight of the penalty on features beyond [-2, 2]", {0.0, 1e6});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options, "the automaton of --evaluate or --resume, which is not trained then; else what was trained");
}

}  // namespace nca_diffuse
