#pragma once

// What the user of nca_texture can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace nca_texture {

struct Settings {
  std::string texture;
  std::string rule = "large";
  std::string start = "own";
  std::string model;
  std::string export_to;
  std::string resume;
  std::string out = "nca_texture_out";
  int iterations = 800;
  double minutes = 0;
  int texture_size = 128;
  int size = 32;
  int run_size = 128;
  int steps = 400;
  int batch = 4;
  int pool = 64;
  int min_steps = 32;
  int max_steps = 96;
  double fire = 0.5;
  bool refined = false;
  int levels = 5;
  int directions = 16;
  double mean_weight = 1;
  double overflow = 100;
  double rate = 2e-3;
  double final_rate = 1e-4;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description =
    R"(Trains a cellular automaton to weave a texture over a torus of any size.

All cells follow one small rule and start from nothing (or from noise). The rule learns to make pictures whose patches,
on several scales, are distributed as those of the texture, by optimal transport between the two; no trained network is
needed. What it makes forms anywhere, at any size, and closes over holes.

Without --texture the program draws a texture itself. With --model and without --texture it runs a trained automaton.)";

inline constexpr const char* footer = R"(
Examples:
  nca_texture                                            scales that the program draws, in about two minutes
  nca_texture --texture wall.png --size 64 --iterations 2000   any PNG; a larger torus shows it coarser scales
  nca_texture --rule micro --size 64 --iterations 2000   588 parameters instead of 5,856
  nca_texture --model my.safetensors --run-size 256      run a trained automaton on a larger torus
  nca_texture --resume nca_texture_out/checkpoint.safetensors
  nca_texture --start noise --refined                    does it make the same texture in smaller steps?
  nca_texture --live --resume nca_texture_out            watch it in this terminal

In the output folder: metrics.json, checkpoint.safetensors, forming.gif (the texture forms, gets a hole, and heals),
texture.png (made), target.png (wanted), forming.png, healing.png and loss.png; refined.png with
--refined. Charts are written as .svg too. Ctrl-C,
or a closed terminal, ends the training after the iteration at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("texture", s.texture, "Texture to make (PNG, any size; of a picture that is not square, the middle)");
  options.add("rule", s.rule, "large (5,856 parameters) or micro (588)", {"large", "micro"});
  options.add("start", s.start,
              "What a texture forms from: zeros, noise, or the rule's own (large: zeros, micro: noise)",
              {"own", "zeros", "noise"});
  options.add("model", s.model, "Start from a trained automaton, .safetensors as --export writes it; needs its --rule")
      .of_this_run();
  options.add("export", s.export_to, "Write the automaton's parameters to this file, .safetensors").of_this_run();
  options.add_resume(s.resume);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training", {0, 100000000});
  options.add("minutes", s.minutes, "Train at most so long; the rate then falls with the time. 0: no limit",
              {0.0, 1e6});
  options.add("texture-size", s.texture_size, "Larger textures are made smaller, to so many pixels a side", {8, 4096});
  options.add("size", s.size, "Cells along a side of the torus in training", {8, 4096});
  options.add("run-size", s.run_size, "Cells along a side of the torus that is shown", {8, 4096}).of_this_run();
  options.add("steps", s.steps, "Steps of the run that is shown, before and after the hole", {1, 1000000})
      .of_this_run();
  options
      .add_flag("refined", s.refined,
                "Also measures, and draws, what forms with steps of 1 to 1/8 of those of the training, of which every "
                "cell makes the mean, and with cells of half the size")
      .of_this_run();
  options.add("batch", s.batch, "Samples an iteration", {1, 4096});
  options.add("pool", s.pool, "States in the pool that training goes on from", {1, 1000000});
  options.add("min-steps", s.min_steps, "Fewest steps of a rollout in training", {1, 100000});
  options.add("max-steps", s.max_steps, "One more than the most steps", {2, 100000});
  options.add("fire", s.fire, "Share of the cells that update at a step", {0.01, 1.0});
  options.add("levels", s.levels, "Of the pyramid, each twice as coarse as the one before; as many as fit", {1, 10});
  options.add("directions", s.directions, "On which patches are compared, of each level, new ones every iteration",
              {1, 1024});
  options.add("mean-weight", s.mean_weight, "Weight of a patch's mean colour against its detail", {0.0, 100.0});
  options.add("overflow", s.overflow, "Weight of the penalty on features beyond [-1, 1]", {0.0, 1e6});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options, "the automaton of --model or --resume, which is not trained then; else what was trained");
}

}  // namespace nca_texture
