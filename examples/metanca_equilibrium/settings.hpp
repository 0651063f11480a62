#pragma once

// What the user of metanca_equilibrium can choose.

#include <cstdint>
#include <string>

#include "../support/trainings.hpp"

namespace metanca_equilibrium {

struct Settings {
  std::string data;
  std::string resume;
  std::string out = "metanca_equilibrium_out";
  int iterations = 4000;
  int architectures = 256;
  int images = 1024;
  int networks = 2;
  double rate = 6e-3;
  double state_limit = 0.1;
  double tolerance = 1e-3;
  double adjoint_tolerance = 1e-2;
  int test_images = 0;
  int widths = 5;
  int repetitions = 3;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description =
    R"(Trains the rule of metanca_mnist through its equilibrium, and beside it through its updates.

The weights of a network are cells, all with one rule. Iterated from anywhere, they settle to the network that the rule means:
a fixed point, that a solver finds, and through which the implicit gradient trains the rule without a single update being kept.)";

inline constexpr const char* footer = R"(
Examples:
  metanca_equilibrium                          digits drawn by the program
  metanca_equilibrium --data mnist             MNIST, from its four IDX files in the folder mnist
  metanca_equilibrium --data mnist --resume metanca_equilibrium_out     go on where a run was stopped

In the output folder: metrics.json, cost.png, loss.png, settled.safetensors and updates.safetensors (the two rules),
and a checkpoint of each training, checkpoint_settled.safetensors and checkpoint_updates.safetensors. Charts are
written as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at hand, with a checkpoint to
resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_digits_folder(s.data);
  basin::examples::add_resume_folder(options, s.resume);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations,
              "Of each training; of the one through updates, two thirds with one update and the rest from a pool",
              {1, 100000000});
  options.add("architectures", s.architectures, "That training draws from, with random widths", {1, 10000});
  options.add("images", s.images, "A network of an iteration", {1, 60000});
  options.add("networks", s.networks, "An iteration, the architecture of each drawn by itself", {1, 64});
  options.add("rate", s.rate, "Highest rate of Muon", {1e-9, 1.0});
  options.add("state-limit", s.state_limit,
              "Of the norm of what each gate takes of a cell's own state, in the training through the equilibrium: "
              "keeps it settling",
              {1e-6, 1e6});
  options.add("tolerance", s.tolerance, "Of the equilibria, relative", {1e-7, 1.0});
  options.add("adjoint-tolerance", s.adjoint_tolerance, "Of the gradients' equations, relative", {1e-6, 1.0});
  options.add_test_images(s.test_images);
  options
      .add(
          "widths", s.widths,
          "Of each hidden layer whose accuracy is measured: the first so many of 0, 10, 30, 50, 90 and 10, 30, 50, 100",
          {1, 5})
      .of_this_run();
  options
      .add("repetitions", s.repetitions, "Gradients of each kind whose cost is compared; 0: none, and no cost.png",
           {0, 1000})
      .of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

}  // namespace metanca_equilibrium
