#pragma once

// What the user of nca_equilibrium can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace nca_equilibrium {

struct Settings {
  std::string target;
  std::string model;
  std::string resume;
  std::string out = "nca_equilibrium_out";
  int iterations = -1;
  int rounds = 5;
  int unrolled_iterations = 50;
  int reach_iterations = 300;
  int size = 20;
  int padding = -1;
  double rate = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description = R"(Automata that settle.

Without --model: trains an automaton whose pattern is the equilibrium of a smooth map with an injected seed. The gradient
comes from the implicit function theorem, so its memory does not depend on the number of steps; the same rule is trained
through its steps for comparison. Then damage: every one must heal to the same state. And how far a seed's influence
reaches against the smallest singular value of I - J.

With --model: finds out what the mean field of a trained automaton does (a fixed point, a cycle, neither), and, if there
are --iterations, trains it on until it rests.)";

inline constexpr const char* footer = R"(
Examples:
  nca_equilibrium                                             a drawn picture, 24 x 24 cells
  nca_equilibrium --target lizard.png --iterations 4000
  nca_equilibrium --model ex3_eye.json --iterations 0         only look at its attractor
  nca_equilibrium --model ex3_eye.json --target eye.png       train it until it rests
  nca_equilibrium --resume nca_equilibrium_out                go on where a run was stopped
  nca_equilibrium --live --resume nca_equilibrium_out         watch it settle in this terminal

In the output folder: metrics.json, loss.png, and equilibrium.png, reach.png, settling.safetensors; with --model
calm.png and calm.safetensors. Each of the trainings of a run, which come one after another, has a checkpoint of its
own there, checkpoint_*.safetensors. Charts are written as .svg too. Ctrl-C, or a closed terminal, ends the one at hand
after its iteration.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("target", s.target, "Picture (PNG, transparent parts stay empty); none: drawn");
  options.add("model", s.model, "A trained automaton: .safetensors, or .json as published with the article");
  options
      .add("resume", s.resume,
           "Go on from the checkpoints in this folder, with the settings that they were made with; from one of them, "
           "where the folder has those of runs with --model and without")
      .of_this_run();
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training; -1: 2000, or 1200 with --model", {-1, 100000000});
  options.add("rounds", s.rounds, "With --model: at most so many times 400 iterations more, until the pattern rests",
              {0, 1000});
  options.add("unrolled-iterations", s.unrolled_iterations, "Of the same rule through its steps", {0, 100000000});
  options.add("reach-iterations", s.reach_iterations,
              "Of each of six contractions, of which the reach is measured; 0: none", {0, 100000000});
  options.add("size", s.size, "Cells along the longer side of the picture (40 suits published models)", {1, 512});
  options.add("padding", s.padding, "Empty cells on each side; -1: 2, or 16 with --model", {-1, 512});
  options.add("rate", s.rate, "Highest rate of Adam; 0: 1e-2, or 2e-5 with --model", {0.0, 1.0});
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options,
      "the mean field of --model, or what --resume has, which is not trained then; else what was trained");
}

}  // namespace nca_equilibrium
