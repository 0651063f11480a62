#pragma once

// What the user of metanca_names can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"

namespace metanca_names {

struct Settings {
  std::string task = "iris";
  std::string codes = "one-end";
  std::string data;
  std::string resume;
  std::string out = "metanca_names_out";
  int iterations = 0;
  int pool_iterations = 0;
  int networks = 0;
  int samples = 10;
  int updates = 20;
  int horizon = 1200;
  int test_images = 0;
  double rate = 6e-3;
  double pool_rate = 2.5e-3;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description =
    R"(Trains a rule whose cells, the weights of networks, know the code of one end of their connection only.

Neurons between layers have no code at all. Their cells agree on a name for each, by the means over their neighbourhoods, and
what a weight becomes depends on the code and the names. So the neighbours are needed: to begin with, and for repair.)";

inline constexpr const char* footer = R"(
Examples:
  metanca_names                                Fisher's irises
  metanca_names --task digits --data mnist     MNIST, from its four IDX files in the folder mnist; no folder: drawn digits
  metanca_names --resume metanca_names_out     go on where a run was stopped

In the output folder: metrics.json, updates.png, loss.png, rule.safetensors, checkpoint.safetensors. Charts are written
as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at hand, with a checkpoint to resume
from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("task", s.task, "iris or digits", {"iris", "digits"});
  options.add(
      "codes", s.codes,
      "Of digits: one-end (pixels and classes have tables of codes) or state (binary codes in the mutable state, "
      "voted "
      "on as names are)",
      {"one-end", "state"});
  options.add_digits_folder(s.data);
  options.add_resume(s.resume);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations,
              "Of training with one update of networks whose names are agreed on; 0: as many as "
              "the task needs",
              {0, 100000000});
  options.add("pool-iterations", s.pool_iterations,
              "Of training with several updates, names to be found; 0: as many as the "
              "task needs",
              {0, 100000000});
  options.add("networks", s.networks,
              "An iteration, the architecture of each drawn by itself; 0: as many as the task needs", {0, 64});
  options.add("samples", s.samples, "Networks of each architecture to evaluate", {1, 10000}).of_this_run();
  options.add("updates", s.updates, "Of a network before its test accuracy is taken", {1, 100000}).of_this_run();
  options.add("horizon", s.horizon, "Updates over which networks are followed", {1, 1000000}).of_this_run();
  options.add_test_images(s.test_images);
  options.add("rate", s.rate, "Highest rate of Muon, with one update", {1e-9, 1.0});
  options.add("pool-rate", s.pool_rate, "Highest rate of Muon, with several", {1e-9, 1.0});
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

}  // namespace metanca_names
