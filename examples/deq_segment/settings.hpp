#pragma once

// What the user of deq_segment can choose: on the command line, in a JSON file, or both, where the command line wins.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"

namespace deq_segment {

struct Settings {
  std::string scenes = "shapes";
  std::string data;
  std::string out = "deq_segment_out";
  std::string evaluate;
  std::string resume;
  std::string scales = "3";
  int iterations = 2500;
  int batch = 16;
  std::uint64_t seed = 1;
  int threads = 0;
  int test_images = 500;
  double rate = 2e-2;
  double kind_weight = 0.3;
  double cell_norm = 0.5;
  double link_scale = 0.5;
  double tolerance = 1e-2;
  int max_evaluations = 40;
  double adjoint_tolerance = 5e-2;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description = R"(Trains an equilibrium of several scales to segment images.

The state has three planes, of 16 x 16, 8 x 8 and 4 x 4 cells, each of which is told of the others at every iteration
until nothing changes any more. Two heads read that one equilibrium: one says what each pixel belongs to, the other what
can be seen in the image.

The program makes the images itself: discs, squares and triangles that hide one another, under lines and noise; or, with
--scenes digits, handwritten digits between pieces of others. By default a run takes about a minute.)";

inline constexpr const char* footer = R"(
Examples:
  deq_segment                                       shapes
  deq_segment --scales 1                            the same with one scale and as many parameters
  deq_segment --scenes digits                       digits that the program draws, in clutter
  deq_segment --scenes digits --data mnist          MNIST's, from its four IDX files in the folder mnist
  deq_segment --evaluate deq_segment_out/checkpoint.safetensors
  deq_segment --resume deq_segment_out/checkpoint.safetensors --iterations 1000

In the output folder: metrics.json, checkpoint.safetensors, scenes.png (images, the truth, and the answers),
settling.png (the answer at each iterate while the state settles), and loss.png. Charts are written as .svg too.
Ctrl-C, or a closed terminal, ends the training after the batch at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("scenes", s.scenes, "What the images show: shapes or digits", {"shapes", "digits"});
  options.add_digits_folder(s.data);
  options.add_out(s.out);
  options.add("scales", s.scales, "Of the state: 3, or 1 with about as many parameters", {"1", "3"});
  options.add("iterations", s.iterations, "Steps of training, each on images that are new", {1, 100000000});
  options.add("batch", s.batch, "Images a step", {1, 100000});
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  options.add("test-images", s.test_images, "Evaluate on so many new images", {1, 1000000}).of_this_run();
  options.add("rate", s.rate, "Highest rate of Muon, in one cycle", {1e-9, 1.0});
  options.add("kind-weight", s.kind_weight, "Of what the image shows in the loss, beside that of its pixels",
              {0.0, 100.0});
  options.add("cell-norm", s.cell_norm,
              "The weights into each feature of a scale from itself are kept to this norm, so that it keeps settling",
              {1e-3, 100.0});
  options.add("link-scale", s.link_scale,
              "What one scale says to another is normalized, and then scaled by no more than this, for the same end",
              {0.0, 100.0});
  options.add("tolerance", s.tolerance, "An equilibrium is reached when |f(z) - z| is this part of |f(z)|",
              {1e-7, 1.0});
  options.add("max-evaluations", s.max_evaluations, "Of the cell, for one equilibrium", {1, 100000});
  options.add("adjoint-tolerance", s.adjoint_tolerance, "Residual of the adjoint equation, a part of the gradient",
              {1e-7, 1.0});
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
}

}  // namespace deq_segment
