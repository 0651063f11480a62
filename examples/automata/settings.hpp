#pragma once

// What the user of automata can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace automata {

struct Settings {
  std::string rule;     // empty: that of the pattern's file, or Lenia
  std::string pattern;  // empty: the default of the family
  std::string boundary = "periodic";
  int size = 0;   // 0: the default of the family
  int steps = 0;  // 0: the default of the family
  double density = 0.35;
  int radius = 13;
  double time = 10;
  double centre = 0.15;
  double width = 0.015;
  double loops = 0.05;
  int mazes = 1000;
  bool total = false;
  int frames = 150;
  int delay = 5;
  int scale = 0;  // 0: so that pictures have about 500 pixels
  std::string save;
  std::string resume;
  std::string out = "automata_out";
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description =
    R"(Runs a cellular automaton, films it, and counts its cells.

The rule says which: a number from 0 to 255 for the elementary automata of Wolfram, which live on a line and are drawn
with time running down; B<counts>/S<counts> for the Game of Life and its like; lenia for Lenia, whose cells, space and
time are continuous; expanded-lenia for a creature of three channels and fifteen kernels; flow-lenia for a Lenia that
keeps mass, of kernels drawn anew for each --seed; particle-lenia for one without a grid, of particles that go downhill
in a field of their own making; path for an automaton of written weights that finds the way through mazes. Without
options a shoal of Orbia, the gliders of Lenia, meets on a torus.)";

inline constexpr const char* footer = R"(
Examples:
  automata                                            Lenia: Orbia on a torus
  automata --rule 30                                  an elementary automaton from one cell
  automata --rule B3/S23                              the Game of Life: a glider gun
  automata --rule B3/S23 --pattern acorn --boundary unbounded --steps 5206
  automata --rule B36/S23 --pattern random --size 256 HighLife from noise
  automata --rule flow-lenia --seed 3                 matter that moves and keeps its mass
  automata --rule particle-lenia --total              200 particles, whose energy falls with each step
  automata --rule path --size 61 --loops 0            a maze, and then 1,000 mazes against breadth-first search
  automata --live --rule B3/S23                       watch it in this terminal, with keys
  automata --pattern my.rle --save end.rle            a pattern file, with the rule that it names

In the output folder: automata.png (the end; of elementary automata all of time), automata.gif (not of elementary
ones), strip.png (of grids: the start, two steps on the way, the end), population.png, metrics.json, and
checkpoint.safetensors. Charts are written as .svg too. Ctrl-C, or a closed terminal, ends the run after the step at
hand, with its pictures so far and a checkpoint to resume from; the film and the strip of a run that is resumed show
the rest.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("rule", s.rule,
              "0 to 255, B3/S23 or the like (also 23/3), lenia, expanded-lenia, flow-lenia, particle-lenia or path "
              "(default: the "
              "pattern's, or lenia)");
  options.add(
      "pattern", s.pattern,
      "What it starts from: an RLE file, or one of cell, random, glider, r-pentomino, acorn, gosper-gun, orbium "
      "(default: cell for elementary rules, gosper-gun for Life, orbium for Lenia, else random)");
  options.add(
      "boundary", s.boundary,
      "Beyond the edge: periodic, zero, reflect, replicate; or unbounded: there is no edge, and --size is that of "
      "a random pattern",
      {"periodic", "zero", "reflect", "replicate", "unbounded"});
  options.add(
      "size", s.size,
      "Cells of the grid, either way (0: 401 for elementary rules, 41 for a maze, 128 for others); for particle-lenia "
      "the number of particles (0: 200)",
      {0, 16384});
  options.add("steps", s.steps,
              "To make (0: 200 for elementary rules, 300 for Lenia, 600 if it keeps mass, 3,000 of particles, in a "
              "maze until it "
              "stands still, 450 for others)",
              {0, 100000000});
  options.add("density", s.density, "Share of living cells in a random pattern", {0.0, 1.0});
  options.add("radius", s.radius, "Of Lenia's kernel, in cells", {2, 200});
  options.add("time", s.time, "Steps in Lenia's unit of time", {1.0, 1e6});
  options.add("centre", s.centre, "Of Lenia's growth: what a neighbourhood should sum to", {0.0, 1.0});
  options.add("width", s.width, "Of Lenia's growth: how far off it may be", {1e-4, 1.0});
  options.add("loops", s.loops, "Of the maze: the probability that a wall is opened", {0.0, 1.0});
  options.add("mazes", s.mazes, "After the film of one maze, solve so many others, and count", {0, 10000000});
  options.add_flag("total", s.total, "Particles lower the energy of all together, not each its own");
  options.add("frames", s.frames, "Of the film, at most", {1, 100000});
  options.add("delay", s.delay, "How long a frame stands, in hundredths of a second", {2, 1000});
  options.add(
      "scale", s.scale,
      "Pixels of a cell, either way (0: so that pictures are about 500 pixels wide); of particles, hundreds of pixels "
      "of the picture",
      {0, 64});
  options.add("save", s.save, "Write the last state to this RLE file (Life-like rules)").of_this_run();
  options.add_resume(s.resume);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add_seed(s.seed, "Random patterns follow from it");
  options.add_threads(s.threads, "At most so many threads; 0: all, on large grids. Results do not depend on it");
  basin::examples::describe_live(s.live, options, "it from its start; --steps does not end it");
}

}  // namespace automata
