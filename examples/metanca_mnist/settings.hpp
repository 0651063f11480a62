#pragma once

// What the user of metanca_mnist can choose.

#include <cstdint>
#include <limits>
#include <string>

#include "../support/command_line.hpp"

namespace metanca_mnist {

struct Settings {
  std::string data;
  std::string resume;
  std::string evaluate;
  std::string rule;
  std::string architecture;
  std::string out = "metanca_mnist_out";
  int iterations = 16000;
  int pool_iterations = 500;
  int architectures = 256;
  int images = 1024;
  int networks = 8;
  int samples = 10;
  int updates = 10;
  std::uint64_t sample = 1;
  double rate = 8e-3;
  double pool_rate = 2.5e-3;
  double weight_decay = 0.05;
  double distortion = 1;
  std::string without = "nothing";
  int held_back = 0;
  int test_images = 0;
  int step = 10;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description = R"(Trains one rule by which the weights of networks arrange themselves.

Every weight and bias of a network is a cell. All share one rule: a cell sees its own state, the code of its place, and the
means of its row, its column and the layers that adjoin, and changes. From random numbers, in a few updates, the weights
become a network that reads digits, whatever its widths; and when a part of them is erased, they repair it. After "Meta-Neural
Cellular Automata" (Barot). The networks are [784, X, Y, 10], and [784, Y, 10] for X = 0.)";

inline constexpr const char* footer = R"(
Examples:
  metanca_mnist                                  digits drawn by the program
  metanca_mnist --data mnist                     MNIST, from its four IDX files in the folder mnist
  metanca_mnist --data mnist --resume metanca_mnist_out      go on where a run was stopped
  metanca_mnist --data mnist --evaluate metanca_mnist_out/checkpoint.safetensors
  metanca_mnist --data mnist --rule rule.json    the published rule with attention, its numbers in rule.bin
  metanca_mnist --evaluate checkpoint.safetensors --architecture 784,50,50,10 --updates 20 --sample 7

In the output folder: metrics.json, checkpoint.safetensors, heatmap.png and heatmap.json, updates.png, zero_out.png,
loss.png; with --architecture only network.safetensors, one network of the rule's; with --rule metrics.json and
updates.png. Charts are written as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at
hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add_digits_folder(s.data);
  options.add_resume(s.resume);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_evaluate(s.evaluate);
  options.add("rule", s.rule, "Do not train: run the attention rule that this JSON file and the .bin beside it hold")
      .of_this_run();
  options
      .add("architecture", s.architecture,
           "With --evaluate or --rule: only sample one network of these widths, and save it")
      .of_this_run();
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training with one update from a random network", {0, 100000000});
  options.add("pool-iterations", s.pool_iterations, "Of training with several updates from a pool, after those",
              {0, 100000000});
  options.add("architectures", s.architectures, "That training draws from, with random widths", {1, 10000});
  options.add("images", s.images, "An iteration", {1, 60000});
  options.add("networks", s.networks, "An iteration, the architecture of each drawn by itself", {1, 64});
  options.add("samples", s.samples, "Networks for each place of the heatmap", {1, 10000}).of_this_run();
  options.add("updates", s.updates, "Of a network before it is evaluated", {1, 100000}).of_this_run();
  options
      .add("sample", s.sample, "Seed of the network that --architecture samples",
           {0, std::numeric_limits<std::uint64_t>::max()})
      .of_this_run();
  options.add("rate", s.rate, "Highest rate of Muon, with one update", {1e-9, 1.0});
  options.add("pool-rate", s.pool_rate, "Highest rate of Muon, from the pool", {1e-9, 1.0});
  options.add("weight-decay", s.weight_decay,
              "Of Muon: a step takes so much of its rate of every weight of a matrix away", {0.0, 10.0});
  options.add(
      "distortion", s.distortion,
      "How far training images are turned, sheared, scaled and shifted at random; 1: up to 7 degrees, a tenth, 7% "
      "and 0.7 pixels; 0: not at all",
      {0.0, 4.0});
  options.add("without", s.without, "Leave out of the rule or its training: nothing, neighbours, codes, pool, zero-out",
              {"nothing", "neighbours", "codes", "pool", "zero-out"});
  options.add("held-back", s.held_back,
              "Training images, the last ones, that are not trained on but evaluated on instead of "
              "the test images, also with --evaluate: for the choice of settings",
              {0, 50000});
  options.add_test_images(s.test_images);
  options.add("step", s.step, "Between the widths of the heatmap", {1, 90}).of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

}  // namespace metanca_mnist
