#pragma once

// What the user of metanca_iris can choose.

#include <cstdint>
#include <string>

#include "../support/trainings.hpp"

namespace metanca_iris {

struct Settings {
  std::string resume;
  std::string out = "metanca_iris_out";
  int iterations = 600;
  int pool_iterations = 1200;
  int networks = 8;
  int samples = 20;
  int updates = 20;
  int horizon = 1200;
  double noise = 0.2;
  double rate = 6e-3;
  double pool_rate = 2.5e-3;
  int seeds = 6;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description =
    R"(Trains one rule by which the weights of small networks learn Fisher's irises.

Every weight and bias of a network is a cell, and all share one rule ("Meta-Neural Cellular Automata", Barot). It is trained
on sixteen architectures and evaluated on two more: how well the networks classify irises that training has not seen, after how
many updates their loss is least, and for how many more it stays within a tenth of that: with a pool of networks in training,
and without.)";

inline constexpr const char* footer = R"(
Examples:
  metanca_iris                                 six rules with a pool, and six without
  metanca_iris --seeds 1 --samples 5           one of each, less thoroughly measured
  metanca_iris --resume metanca_iris_out       go on where a run was stopped

In the output folder: metrics.json, updates.png (loss against updates), loss.png (of the last six trainings),
with_pool.safetensors and without_pool.safetensors (the rules of the first seed), and a checkpoint of each training,
checkpoint_seed1_with_pool.safetensors and so on. Charts are written as .svg too. Ctrl-C, or a closed terminal, ends
the training after the iteration at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  basin::examples::add_resume_folder(options, s.resume);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training with one update from a random network", {0, 100000000});
  options.add("pool-iterations", s.pool_iterations, "Of training with several updates, after those", {0, 100000000});
  options.add("networks", s.networks, "An iteration, the architecture of each drawn by itself", {1, 64});
  options.add("samples", s.samples, "Networks of each architecture to evaluate", {1, 10000}).of_this_run();
  options.add("updates", s.updates, "Of a network before its test accuracy is taken", {1, 100000}).of_this_run();
  options.add("horizon", s.horizon, "Updates over which the loss is followed", {1, 1000000}).of_this_run();
  options.add("noise", s.noise, "Sigma of what is added to the features in training, in their standard deviations",
              {0.0, 10.0});
  options.add("rate", s.rate, "Highest rate of Muon, with one update", {1e-9, 1.0});
  options.add("pool-rate", s.pool_rate, "Highest rate of Muon, with several", {1e-9, 1.0});
  options.add("seeds", s.seeds, "Rules to train, each with its own split of the irises", {1, 1000});
  options.add_seed(s.seed, "The first of them; every random number follows from it");
  options.add_threads(s.threads);
}

}  // namespace metanca_iris
