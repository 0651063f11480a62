#pragma once

// What the user of nca_tissue can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace nca_tissue {

struct Settings {
  std::string resume;
  std::string evaluate;
  std::string out = "nca_tissue_out";
  int side = 32;
  int steps = 60;
  int recordings = 200;
  int held_back = 0;
  int iterations = 20000;
  int batch = 8;
  double noise = 0.03;
  double deviation = 0.1;
  double rate = 5e-3;
  double final_rate = 5e-5;
  int tissues = 200;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description =
    R"(Learns from recordings how a tissue grows that grows by chance, and grows others like it.

A cell divides, matures and dies by chance, so that no two tissues are alike: some die out, others grow large. A
mixture of rules, of which each cell draws one at each step, learns how likely everything is (after Milite, Caravagna and
Sottoriva, "Mixtures of Neural Cellular Automata", 2025). One rule of as many numbers, which learns beside it, can only
make what happens on average.)";

inline constexpr const char* footer = R"(
Examples:
  nca_tissue                                  trains, grows 200 tissues of each kind, and compares them
  nca_tissue --evaluate nca_tissue_out --side 64 --steps 100 --tissues 50
  nca_tissue --resume nca_tissue_out
  nca_tissue --live --evaluate nca_tissue_out watch it in this terminal, and wound it

In the output folder: metrics.json, checkpoint.safetensors, tissues.png (recorded and grown), rules.png (which rule cells
are likely to draw), sizes.png (against the step), wounds.png (after half is cut off), growing.gif and loss.png. Charts
are written as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at hand, with a checkpoint to
resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("side", s.side, "Places along a side of the grid", {8, 512});
  options.add("steps", s.steps, "Steps that are recorded, and of tissues that are grown", {1, 10000});
  options.add("recordings", s.recordings, "Tissues that are learned from", {1, 100000});
  options.add("held-back", s.held_back, "1: tests are by tissues of another stream, to choose settings by", {0, 1})
      .of_this_run();
  options.add("iterations", s.iterations, "Of training", {0, 100000000});
  options.add("batch", s.batch, "Recorded steps an iteration", {1, 4096});
  options.add("noise", s.noise, "Standard deviation of what is added to states that are learned from", {0.0, 10.0});
  options.add("deviation", s.deviation, "Of what is recorded from the answer of a rule", {1e-3, 10.0});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("tissues", s.tissues, "That are grown of each kind, to be compared", {1, 100000}).of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options, "the automaton of --evaluate or --resume, which is not trained then; else what was trained");
}

}  // namespace nca_tissue
