#pragma once

// What the user of nca_logic can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/live_settings.hpp"

namespace nca_logic {

struct Settings {
  std::string task = "life";
  std::string target;
  std::string export_to;
  std::string evaluate;
  std::string resume;
  std::string out = "nca_logic_out";
  int iterations = 0;
  int check_every = 50;
  double fire = 1;
  double rate = 0.05;
  double decay = 1e-2;
  double hard = 0.1;
  int soups = 100;
  int soup_size = 64;
  int soup_steps = 1000;
  std::uint64_t seed = 3;
  int threads = 0;
  double checkpoint_minutes = 2;
  basin::examples::LiveSettings live;
};

inline constexpr const char* description =
    R"(Trains a cellular automaton whose rule is a circuit of logic gates, and runs the circuit 64 cells a machine word.

A cell is a few bits. What it sees and what it becomes are computed by gates of two inputs, wired at random; training
learns which of the sixteen functions each gate is. After "Differentiable Logic Cellular Automata" (Miotti et al. 2025).
The tasks: life learns Conway's rule from soups and their next generation; checkerboard grows a checkerboard from noise;
picture grows a picture of 20 x 20 cells in 8 colours from one cell.)";

inline constexpr const char* footer = R"(
Examples:
  nca_logic                                              learns Life exactly, and runs it on soups
  nca_logic --task checkerboard
  nca_logic --task picture --target flag.png             of its pixels the 8 colours that are nearest
  nca_logic --export life.v                              the circuit as a module of Verilog; life.hpp: as C++
  nca_logic --evaluate nca_logic_out --soups 1000        run what was trained on more soups
  nca_logic --resume nca_logic_out/checkpoint.safetensors
  nca_logic --live --evaluate nca_logic_out              watch the circuit at work in this terminal

In the output folder: metrics.json, checkpoint.safetensors, loss.png, and the circuit at work: run.gif and run.png.
Training ends when the circuit makes no mistake. Charts are written as .svg too. Ctrl-C ends it after the iteration at
hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("task", s.task, "life, checkerboard or picture", {"life", "checkerboard", "picture"});
  options.add("target", s.target, "Picture to grow (PNG, any size), for --task picture; none: a drawn one");
  options.add("export", s.export_to, "Write the circuit to NAME.hpp, a function of C++, or NAME.v, a module of Verilog")
      .of_this_run();
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training, at most; 0: as many as the task usually takes", {0, 100000000});
  options.add("check-every", s.check_every, "Iterations from one look at the hard circuit to the next", {1, 1000000});
  options.add("fire", s.fire, "Share of the cells that update at a step", {0.01, 1.0});
  options.add("rate", s.rate, "Rate of AdamW", {1e-9, 10.0});
  options.add("decay", s.decay, "Weight decay", {0.0, 1.0});
  options.add("hard", s.hard, "Share of the gates that are hard in training, other ones each iteration", {0.0, 1.0});
  options.add("soups", s.soups, "Random soups on which Life is compared", {1, 1000000}).of_this_run();
  options.add("soup-size", s.soup_size, "Cells along a side of them", {1, 4096}).of_this_run();
  options.add("soup-steps", s.soup_steps, "Generations", {0, 1000000}).of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  basin::examples::describe_live(
      s.live, options, "the circuit of --evaluate or --resume, which is not trained then; else what was trained");
}

}  // namespace nca_logic
