#pragma once

// What the user of deq_digits can choose: on the command line, in a JSON file, or both, where the command line wins.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"

namespace deq_digits {

struct Settings {
  std::string data;
  std::string out = "deq_digits_out";
  std::string evaluate;
  std::string resume;
  int epochs = 0;  // 0: the default of the data set
  int images = 0;
  int test_images = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  int batch = 128;
  double rate = 6e-3;
  double weight_decay = 1e-2;
  double shift = 2;
  double truncate = 0.1;
  double cell_norm = 0.7;
  int held_back = 0;
  int patience = 0;
  double checkpoint_minutes = 2;
  std::string solver = "anderson";
  std::string adjoint = "implicit";
  double tolerance = 1e-2;
  int max_evaluations = 60;
  double adjoint_tolerance = 5e-2;
  int phantom_steps = 5;
  double phantom_damping = 1;
};

inline constexpr const char* description = R"(Trains a deep equilibrium model to read handwritten digits.

One convolution looks at the image once and injects what it saw into a cell: a 3x3 convolution, a normalization and a
ReLU that are applied to their own result until it no longer changes. That equilibrium is what a small dense layer
reads. The gradient comes from the implicit function theorem, so memory does not grow with the iterations.

Without --data the digits are drawn by the program itself, and a run takes about a minute.)";

inline constexpr const char* footer = R"(
Examples:
  deq_digits                                        digits drawn by the program
  deq_digits --data mnist                           MNIST, from its four IDX files in the folder mnist
  deq_digits --data mnist --adjoint jacobian_free   the same with a cheaper gradient
  deq_digits --evaluate deq_digits_out/checkpoint.safetensors --data mnist
  deq_digits --resume deq_digits_out/checkpoint.safetensors --data mnist --epochs 20
  deq_digits --settings my.json                     {"epochs": 3, "solver": "broyden"}
  mpirun -n 4 deq_digits --data mnist               on four processes, of --threads each: the same, to the last bit

In the output folder: metrics.json, checkpoint.safetensors, channels.png (the hidden channels while the state settles),
truncated.png (images cut from below, and the equilibria that they reach), accuracy.png (accuracy against the share of
rows kept) and training.png. Charts are written as .svg too. Ctrl-C, or a closed terminal, ends the training after the
batch at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_digits_folder(s.data);
  options.add_out(s.out);
  options.add("epochs", s.epochs, "Passes over the training images (default: 10 for MNIST, 4 for drawn digits)",
              {1, 100000});
  options.add("images", s.images, "Train on the first so many images; 0: all", {0, 100000000});
  options.add("test-images", s.test_images, "Test on the first so many images at most, after --evaluate too; 0: all",
              {0, 100000000});
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  options.add("solver", s.solver, "How the equilibrium is found: picard, anderson, broyden or newton_gmres",
              {"picard", "anderson", "broyden", "newton_gmres"});
  options.add(
      "adjoint", s.adjoint,
      "Where the gradient comes from: implicit (exact), phantom, jacobian_free, or unrolled (through the steps of "
      "picard; the solver is then used for evaluation)",
      {"implicit", "phantom", "jacobian_free", "unrolled"});
  options.add("tolerance", s.tolerance, "An equilibrium is reached when |f(z) - z| is this part of |f(z)|",
              {1e-7, 1.0});
  options.add("max-evaluations", s.max_evaluations, "Of the cell, for one equilibrium", {1, 100000});
  options.add("adjoint-tolerance", s.adjoint_tolerance, "Residual of the adjoint equation, a part of the gradient",
              {1e-7, 1.0});
  options.add("phantom-steps", s.phantom_steps, "Steps of the phantom gradient", {1, 100000});
  options.add("phantom-damping", s.phantom_damping, "Damping tau of the phantom gradient, in (0, 1]", {1e-3, 1.0});
  options.add("batch", s.batch, "Images a step", {1, 100000});
  options.add("rate", s.rate, "Highest rate of AdamW, in one cycle", {1e-9, 1.0});
  options.add("weight-decay", s.weight_decay, "Of AdamW, on weights only", {0.0, 1.0});
  options.add("shift", s.shift, "Training images move by at most so many pixels", {0.0, 8.0});
  options.add("truncate", s.truncate, "Share of the training images that lose rows at the bottom", {0.0, 1.0});
  options.add("cell-norm", s.cell_norm,
              "The weights into each channel of the cell are kept to this norm, so that it keeps settling",
              {1e-3, 100.0});
  options.add("held-back", s.held_back,
              "Training images that are held back to see which epoch is best; its parameters are evaluated",
              {0, 1000000});
  options.add("patience", s.patience,
              "With --held-back: end after so many epochs that are no better than the best; 0: go on", {0, 100000});
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
}

}  // namespace deq_digits
