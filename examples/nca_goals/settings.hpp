#pragma once

// What the user of nca_goals can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"
#include "model.hpp"

namespace nca_goals {

struct Settings {
  std::string goals;
  std::string resume;
  std::string evaluate;
  std::string out = "nca_goals_out";
  bool full = false;
  int count = 0;
  int iterations = 0;
  int size = 0;
  int padding = 4;
  int batch = 8;
  int pool = 256;
  int min_steps = 56;
  int max_steps = 96;
  double change = 0.375;
  double damage = 0.125;
  double rate = 2e-3;
  double final_rate = 5e-5;
  int steps = 96;
  int keep_steps = 500;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description =
    R"(Trains one automaton that grows whichever of several pictures its cells are told to.

At every step each cell is told the number of the goal, beside what it sees of its neighbours. So one rule grows all
pictures from one living cell, keeps them, and changes one into another while it lives (after Sudhakaran, Najarro and
Risi, "Goal-Guided Neural Cellular Automata", 2022).

Without --goals the program draws the pictures itself.)";

inline constexpr const char* footer = R"(
Examples:
  nca_goals                                  four drawn pictures of 16 x 16 cells, in some minutes
  nca_goals --full                           eight pictures of 24 x 24 cells, as docs/nca_goals.md shows
  nca_goals --goals folder --full            the PNG files of a folder in the order of their names, then drawn ones
  nca_goals --evaluate nca_goals_out         measure and draw what was trained
  nca_goals --resume nca_goals_out
  nca_goals --live --evaluate nca_goals_out  watch it in this terminal, and tell the cells other goals

In the output folder: metrics.json, checkpoint.safetensors, goals.png (each goal and what grows), changes.png (from each
picture to the next), life.gif (one life through all goals) and loss.png. Charts are written as .svg too. Ctrl-C, or a
closed terminal, ends the training after the iteration at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("goals", s.goals, "Folder of pictures to grow (PNG; transparent parts stay empty); none: drawn");
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add_flag("full", s.full, "Trains as long as docs/nca_goals.md shows, where other options are not given");
  options.add("count", s.count, "Goals; 0: 4, or 8 with --full", {0, most_goals});
  options.add("iterations", s.iterations, "Of training; 0: 1,200, or 16,000 with --full", {0, 100000000});
  options.add("size", s.size, "Cells along the longer side of a picture; 0: 16, or 24 with --full", {0, 1024});
  options.add("padding", s.padding, "Empty cells on each side of it", {0, 1024});
  options.add("batch", s.batch, "Samples an iteration", {1, 4096});
  options.add("pool", s.pool, "States in the pool from which training goes on", {1, 1000000});
  options.add("min-steps", s.min_steps, "Fewest steps of a rollout in training", {1, 100000});
  options.add("max-steps", s.max_steps, "One more than the most steps", {2, 100000});
  options.add("change", s.change, "The share of a batch that gets another goal", {0.0, 1.0});
  options.add("damage", s.damage, "The share of a batch that loses a circle of its cells", {0.0, 1.0});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("steps", s.steps, "Steps after which a picture is measured, grown or changed", {1, 1000000})
      .of_this_run();
  options.add("keep-steps", s.keep_steps, "And once more after so many", {1, 1000000}).of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options, "the automaton of --evaluate or --resume, which is not trained then; else what was trained");
}

/// Fills in what follows from --full.
inline void complete(Settings& s) {
  if (s.count == 0) s.count = s.full ? 8 : 4;
  if (s.iterations == 0) s.iterations = s.full ? 16000 : 1200;
  if (s.size == 0) s.size = s.full ? 24 : 16;
  basin::examples::check_option(s.count >= 2, "--count", s.count, "0, or 2 or more");
}

}  // namespace nca_goals
