#pragma once

// What the user of deq_text can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"

namespace deq_text {

struct Settings {
  std::string data;
  bool full = false;
  std::string resume;
  std::string evaluate;
  std::string out = "deq_text_out";
  std::string model = "deq";
  int iterations = 0;
  double minutes = 0;
  int context = 0;
  int batch = 0;
  int steps = 1;
  double penalty = 30;
  double dropout = 0.05;
  double start_noise = 0;
  double rate = 0;
  double decay = 0.5;
  double tolerance = 1e-3;
  int max_evaluations = 60;
  int windows = 0;
  double held_back = 0;
  std::string prompt;
  int length = 400;
  double temperature = 0.8;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description = R"(Learns to go on with a text, character by character, by an equilibrium.

Four passes of one block of a transformer, whose state is left to settle: a deep equilibrium model. A text takes as many
evaluations as it needs; what it writes settles together with the states that it is drawn from, many characters at once.
Beside it the same block as an explicit network of four layers, with the same parameters in each or its own.)";

inline constexpr const char* footer = R"(
Examples:
  deq_text                                       tales that it makes itself, in two minutes
  deq_text --full --data tinyshakespeare.txt     half an hour on one core
  deq_text --evaluate deq_text_out --data tinyshakespeare.txt --prompt "ROMEO:" --length 1000
  deq_text --full --data tinyshakespeare.txt --model untied --out untied
  deq_text --resume deq_text_out --data tinyshakespeare.txt

In the output folder: metrics.json, checkpoint.safetensors, text.txt (what it wrote), evaluations.png (validation loss
against evaluations), residual.png, thinking.png (evaluations of each character by itself) and loss.png. Charts are
written as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at hand, with a checkpoint to
resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("data", s.data, "A text in ASCII; none: tales that the program makes").of_this_run();
  options.add_flag("full", s.full, "Settings for half an hour on one core, where others are not given");
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("model", s.model,
              "An equilibrium, or four layers of the same block, with the same parameters or their own",
              {"deq", "tied", "untied"});
  options.add("iterations", s.iterations, "Of training; 0: 600, or 3,750 with --full", {0, 100000000});
  options.add("minutes", s.minutes, "Of training at most; 0: no limit", {0.0, 1e6}).of_this_run();
  options.add("context", s.context, "Characters of a window; 0: 64, or 128 with --full", {0, 4096});
  options.add("batch", s.batch, "Windows an iteration; 0: 16", {0, 65536});
  options.add(
      "steps", s.steps,
      "Of training: so many to three times as many, drawn anew each time, the gradient through the last so many",
      {1, 1000});
  options.add("penalty", s.penalty,
              "Weight of the mean square of what is left of the residual; it grows to this value with the square of "
              "the share of the training that is over",
              {0.0, 1000000.0});
  options.add("dropout", s.dropout, "Share of numbers that is dropped in training", {0.0, 0.9});
  options.add("start-noise", s.start_noise, "Standard deviation of noise where solves of training begin", {0.0, 100.0});
  options.add("rate", s.rate, "Highest rate of Muon; 0: 0.01", {0.0, 1.0});
  options.add("decay", s.decay, "Of weights", {0.0, 10.0});
  options.add("tolerance", s.tolerance, "Relative, of the equilibrium where it is tested", {1e-12, 1.0}).of_this_run();
  options.add("max-evaluations", s.max_evaluations, "At most so many in a test", {1, 100000000}).of_this_run();
  options.add("windows", s.windows, "Of the validation text at most; 0: all, end to end", {0, 100000000}).of_this_run();
  options.add("held-back", s.held_back, "Share of the training text to validate on instead, to choose settings by",
              {0.0, 0.5});
  options
      .add("prompt", s.prompt, "What the text that it writes begins with; none: the beginning of the validation text")
      .of_this_run();
  options.add("length", s.length, "Characters that it writes", {0, 1000000}).of_this_run();
  options.add("temperature", s.temperature, "0: always the likeliest character", {0.0, 100.0}).of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

/// The settings that were not given.
inline void fill_up(Settings& s) {
  if (s.iterations == 0) s.iterations = s.full ? 3750 : 600;
  if (s.context == 0) s.context = s.full ? 128 : 64;
  if (s.batch == 0) s.batch = 16;
  if (s.rate == 0) s.rate = 0.01;
}

}  // namespace deq_text
