#pragma once

// What the user of nca_grow can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"
#include "model.hpp"

namespace nca_grow {

struct Settings {
  std::string target;
  std::string regime = "persistent";
  std::string model;
  std::string export_to;
  std::string resume;
  std::string out = "nca_grow_out";
  int channels = 16;
  int hidden = 128;
  std::string filters = "sobel";
  double fire_rate = 0.5;
  std::string conventions = "distill";
  int iterations = 2000;
  double minutes = 0;
  int size = 40;
  int padding = 16;
  int steps = 1000;
  std::string damage = "half";
  std::string boundary;
  int batch = 8;
  int pool = 1024;
  int min_steps = 64;
  int max_steps = 96;
  int warm_up = 200;
  std::string loss = "last";
  double overflow = 0;
  double rate = 2e-3;
  double final_rate = 1e-4;
  std::string tape = "recomputed";
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
  bool only_run = false;  ///< a model that is not trained: no option, but what follows from them
};

/// Where --boundary is not given: published models on a torus, what was trained here, or in CAX, on a grid that ends.
[[nodiscard]] inline bool on_torus(const Settings& settings) {
  return settings.boundary.empty() ? settings.only_run && settings.conventions == "distill"
                                   : settings.boundary == "torus";
}

inline constexpr const char* description =
    R"(Trains a neural cellular automaton to grow a picture from a single cell.

Every cell sees its neighbourhood, and one small rule, the same for all cells, decides how it changes. Cells fire at
random, and cells without living neighbours die. The regimes are those of "Growing Neural Cellular Automata" (Mordvintsev
et al. 2020): growing only reaches the picture and does not persist, persistent keeps it, regenerating also heals it.

Without --target the program draws a picture itself. With --model and without --target it runs a trained automaton.)";

inline constexpr const char* footer = R"(
Examples:
  nca_grow                                               a drawn picture, in 12 minutes on one core
  nca_grow --target lizard.png --regime regenerating --iterations 8000
  nca_grow --model ex3_lizard.json --steps 2000          run a trained automaton (uint8 JSON, or safetensors)
  nca_grow --model my.safetensors --target new.png       train it on, to another picture
  nca_grow --channels 12 --hidden 64 --fire-rate 0.75    a smaller rule, three of four cells at a step
  nca_grow --resume nca_grow_out/checkpoint.safetensors  go on where a run was stopped
  nca_grow --live --model ex3_lizard.json                watch it in this terminal, erase parts, see them heal
  mpirun -n 4 nca_grow --threads 1                       a batch over four processes, where MPI was found for the build

In the output folder: metrics.json, checkpoint.safetensors, growth.gif and growth.png, healing.gif and healing.png, and
loss.png. Charts are written as .svg too. Ctrl-C ends the training after the iteration at hand, with a checkpoint to
resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("target", s.target, "Picture to grow (PNG, any size; transparent parts stay empty); none: drawn");
  options.add("regime", s.regime,
              "growing (is not trained to persist, and later falls apart), persistent or regenerating",
              {"growing", "persistent", "regenerating"});
  options
      .add("model", s.model,
           "Start from a trained automaton: .safetensors, of CAX too, or .json as published with the article")
      .of_this_run();
  options
      .add("export", s.export_to,
           "Write the automaton to NAME.safetensors, and one of the published kind to NAME.json (8 bits a weight)")
      .of_this_run();
  options.add_resume(s.resume);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("channels", s.channels,
              "Features of a cell, colours and alpha too. With --hidden and --filters one of: " + kinds_text(),
              {4, 1024});
  options.add("hidden", s.hidden, "Hidden features of the rule", {1, 4096});
  options.add("filters", s.filters,
              "What a cell sees of a feature: sobel (it and its slopes) or sobel_laplacian (second differences too)",
              {Sobel::name, SobelLaplacian::name});
  options.add("fire-rate", s.fire_rate, "Probability that a cell fires at a step", {0.01, 1.0});
  options.add("conventions", s.conventions,
              "distill (the article's) or cax (what fires makes its update over the fire rate, as dropout does; all of "
              "the seed but alpha is 0; a --model is run on a grid that ends)",
              {"distill", "cax"});
  options.add("iterations", s.iterations, "Of training", {0, 100000000});
  options.add("minutes", s.minutes, "Train at most so long; the rate then falls with the time. 0: no limit",
              {0.0, 1e6});
  options.add("size", s.size, "Cells along the longer side of the picture", {1, 4096});
  options.add("padding", s.padding, "Empty cells on each side of it", {0, 4096});
  options.add("steps", s.steps, "Steps of the run that is measured and drawn", {1, 10000000}).of_this_run();
  options
      .add("damage", s.damage, "What is erased to see it heal: half (of the grid), circle or none",
           {"half", "circle", "none"})
      .of_this_run();
  options
      .add("boundary", s.boundary,
           "Of the run that is measured: zero or torus (default: zero; of a --model that is "
           "only run, torus)",
           {"zero", "torus"})
      .of_this_run();
  options.add("batch", s.batch, "Samples an iteration", {1, 4096});
  options.add("pool", s.pool, "States in the pool, for persistent and regenerating", {1, 1000000});
  options.add("min-steps", s.min_steps, "Fewest steps of a rollout in training", {1, 100000});
  options.add("max-steps", s.max_steps, "One more than the most steps", {2, 100000});
  options.add("warm-up", s.warm_up, "Iterations over which the number of steps grows to that; 0: none", {0, 1000000});
  options.add("loss", s.loss,
              "Where the loss looks: last (step), random (four steps of the last half), along (the last "
              "quarter)",
              {"last", "random", "along"});
  options.add("overflow", s.overflow, "Weight of the penalty on features beyond [-2, 2]", {0.0, 1e6});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("tape", s.tape, "What a rollout keeps for its gradient: kept (all), recomputed (states), checkpointed",
              {"kept", "recomputed", "checkpointed"});
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(s.live, options,
                                 "the automaton of --model (a folder: all of its models) or --resume, which is not "
                                 "trained then; else what was trained");
}

}  // namespace nca_grow
