#pragma once

// What the user of deq_zoo can choose: on the command line, in a JSON file, or both, where the command line wins.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"

namespace deq_zoo {

struct Settings {
  std::string model = "zoo";
  std::string data;
  std::string out = "deq_zoo_out";
  std::string resume;
  int images = 0;
  int test_images = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
  // 0 and nothing: what the model has been found to like.
  int epochs = 0;
  int batch = 0;
  double rate = 0;
  std::string schedule;
  double tolerance = 0;
  double adjoint_tolerance = 0;
  std::string adjoint;
  double distort = -1;
  int held_back = 0;
};

inline constexpr const char* description =
    R"(One equilibrium network through every solver and every adjoint, side by side; or one of the published networks.

Without --model, the same small network is trained from the same start on the same images again and again: found by each
fixed-point method, and differentiated by each adjoint method. A table tells what each of them costs, how often it
fails, how far its gradient is from the exact one, and what the network then reads.

With --model, one network of the literature is trained:

  mondeq-fc     monotone, dense, 87 features              Winston & Kolter 2020
  mondeq-conv   monotone, convolutional, 32 channels      the same
  jfb           a residual cell of 54 thousand numbers    Fung et al. 2022

Without --data the digits are drawn by the program itself.)";

inline constexpr const char* footer = R"(
Examples:
  deq_zoo                                                digits drawn by the program, half a minute
  deq_zoo --data mnist --images 10000 --epochs 2         MNIST, from its four IDX files in the folder mnist
  deq_zoo --model mondeq-conv --data mnist --epochs 1    a network of the literature
  deq_zoo --model jfb --adjoint implicit --data mnist    with the exact gradient instead of the Jacobian-free one

In the output folder: metrics.json and checkpoint.safetensors; of the comparison zoo.csv, convergence.png (the residual
of each solver) and gradient.png (what each adjoint's error costs); of a model loss.png. Charts are written as .svg too.
Ctrl-C, or a closed terminal, ends a training, or the comparison, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("model", s.model, "zoo (the comparison), mondeq-fc, mondeq-conv or jfb",
              {"zoo", "mondeq-fc", "mondeq-conv", "jfb"});
  options.add_digits_folder(s.data);
  options.add_out(s.out);
  options.add("images", s.images, "Train on the first so many images; 0: all, and 2000 in the comparison",
              {0, 100000000});
  options.add_test_images(s.test_images);
  options.add_seed(s.seed);
  options.add_threads(s.threads);
  options.add("epochs", s.epochs, "Passes over the training images (default: the model's, and 1 in the comparison)",
              {1, 100000});
  options.add("batch", s.batch, "Images a step (default: the model's, and 50 in the comparison)", {1, 100000});
  options.add("rate", s.rate, "Highest rate of AdamW (default: the model's, and 3e-3 in the comparison)", {1e-9, 1.0});
  options.add(
      "schedule", s.schedule,
      "How the rate goes: one_cycle over all epochs, or step, a tenth after each ten epochs (default: one_cycle)",
      {"one_cycle", "step"});
  options.add("tolerance", s.tolerance,
              "An equilibrium is reached when |f(z) - z| is this part of |f(z)| (default: the model's, and 1e-3 in the "
              "comparison)",
              {1e-7, 1.0});
  options.add("adjoint-tolerance", s.adjoint_tolerance,
              "Residual of the adjoint equation, a part of the gradient (default: the model's, and 1e-2 in the "
              "comparison)",
              {1e-7, 1.0});
  options.add("adjoint", s.adjoint, "Of a model: implicit (exact) or jacobian_free (default: the model's)",
              {"implicit", "jacobian_free"});
  options.add("distort", s.distort,
              "Of a model: turn, shear, scale and shift training images so many times as strongly as by a tenth or so; "
              "0: not (default: the model's)",
              {0.0, 3.0});
  options.add("held-back", s.held_back,
              "Of a model: so many training images, the last ones, are held back, and evaluated instead of the test "
              "images: to choose settings by",
              {0, 1000000});
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_resume(s.resume);
}

}  // namespace deq_zoo
