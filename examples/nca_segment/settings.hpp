#pragma once

// What the user of nca_segment can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace nca_segment {

struct Settings {
  std::string steps = "10,16,12,4";
  std::string resume;
  std::string evaluate;
  std::string out = "nca_segment_out";
  int iterations = 2500;
  int batch = 8;
  double rate = 4e-3;
  double final_rate = 4e-5;
  int test_images = 200;
  bool held_back = false;
  int memory_side = 1024;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description =
    R"(Trains a cellular automaton that finds discs, squares and triangles in clutter, from coarse to fine.

Inside of a shape no pixel tells which shape it is: cells have to hear it from the outline, many cells away. The automaton
runs on a coarse version of the image first, and goes on from what it found there on finer ones (after Lemke and others,
"OctreeNCA", 2025). The program draws the images itself.)";

inline constexpr const char* footer = R"(
Examples:
  nca_segment                                    in some minutes
  nca_segment --steps 0,0,0,42                   on the image alone, without coarse grids
  nca_segment --evaluate nca_segment_out         measure and draw what was trained
  nca_segment --resume nca_segment_out
  nca_segment --live --evaluate nca_segment_out  watch it in this terminal

In the output folder: metrics.json, checkpoint.safetensors, levels.png (test images, and what is said of them on each
grid), large.png (an image of 16 times as many pixels) and loss.png. Charts are written as .svg too. Ctrl-C, or a closed
terminal, ends the training after the iteration at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("steps", s.steps, "Steps on grids of which a cell is 8 x 8, 4 x 4, 2 x 2 pixels and one, with commas");
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training", {1, 100000000});
  options.add("batch", s.batch, "Images an iteration", {1, 4096});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("test-images", s.test_images, "To measure; fewer of larger ones", {1, 100000}).of_this_run();
  options
      .add_flag("held-back", s.held_back, "Measure on images that are there to choose settings by, not on test images")
      .of_this_run();
  options
      .add("memory-side", s.memory_side, "Measure the memory for images of 64 to so many pixels a side; 0: not",
           {0, 8192})
      .of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options, "the automaton of --evaluate or --resume, which is not trained then; else what was trained");
}

}  // namespace nca_segment
