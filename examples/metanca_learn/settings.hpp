#pragma once

// What the user of metanca_learn can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "tasks.hpp"

namespace metanca_learn {

struct Settings {
  std::string family = "sinusoids";
  std::string data;
  std::string resume;
  std::string evaluate;
  std::string out = "metanca_learn_out";
  int iterations = 0;
  double minutes = 0;
  int networks = 4;
  int batch = 0;
  int segment = 0;
  int life = 0;
  double fire = 0.9;
  double damage = 0.3;
  double pause = 0.1;
  std::string way = "truncated";
  int pairs = 4;
  double deviation = 0.01;
  double rate = 2e-3;
  double final_rate = 2e-5;
  int tasks = 0;
  int batches = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description =
    R"(Trains one rule by which the weights of networks learn tasks that neither has seen, from batches of data.

Every weight is a cell. It sees what passes through it, and messages that the rule itself sends back from the output's
error; no gradient of the task is computed. The rule is trained over tasks drawn at random. Then it is tried on new ones,
beside gradient descent, momentum and Adam, each with its best rate, feedback alignment and a Hebbian rule.)";

inline constexpr const char* footer = R"(
Examples:
  metanca_learn                              sinusoids, from five batches of ten points, in some minutes
  metanca_learn --family planar              spirals, moons, checkers, rings and random teachers
  metanca_learn --family digits --data mnist MNIST with pixels and labels in another order for each task
  metanca_learn --evaluate metanca_learn_out measure and draw what was trained
  metanca_learn --resume metanca_learn_out   go on where a run was stopped

In the output folder: metrics.json, checkpoint.safetensors, learning.png (the new tasks, batch by batch, by each way to
learn), architectures.png (networks of other widths and depths), shape.png and shape.gif (a network that takes shape; not of digits) and loss.png. Charts are written as .svg too. Ctrl-C, or a
closed terminal, ends the training after the iteration at hand, with a checkpoint to resume from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("family", s.family, "Of tasks to learn; curves, planar: any of the five that follow",
              {"curves", "sinusoids", "lines", "parabolas", "steps", "triangles", "planar", "spirals", "moons",
               "checkers", "rings", "teachers", "digits"});
  options.add_digits_folder(s.data);
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training; 0: 30,000 of curves, 3,000 of digits, else 20,000",
              {0, 100000000});
  options.add("minutes", s.minutes, "Train at most so long; the rate then falls with the time. 0: no limit",
              {0.0, 1e6});
  options.add("networks", s.networks, "That learn in an iteration, each a task of its own", {1, 64});
  options.add("batch", s.batch, "Data a batch; 0: 10 points of a curve, 32 of others", {0, 4096});
  options.add("segment", s.segment, "Batches from one step of training to the next; 0: 5 of curves, else 10",
              {0, 1000});
  options.add("life", s.life, "Most batches of a network in training; 0: 5 of curves, 400 of digits, else 200",
              {0, 100000});
  options.add("fire", s.fire, "The share of cells that update at a batch", {0.01, 1.0});
  options.add("damage", s.damage,
              "How often a network in training loses a layer, and half of the time three of ten of its other weights, "
              "from one segment to the next",
              {0.0, 1.0});
  options.add("pause", s.pause, "How often a network in training has no data for a segment after its first",
              {0.0, 1.0});
  options.add("way", s.way,
              "To train the rule: by the gradient along each segment (truncated), or along whole lives (whole), or by "
              "evolution strategies over whole lives, of values alone (evolution)",
              {"truncated", "whole", "evolution"});
  options.add("pairs", s.pairs, "Of perturbations, for each network, in evolution strategies", {1, 1024});
  options.add("deviation", s.deviation, "Of these perturbations", {1e-6, 10.0});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("tasks", s.tasks, "New tasks to try; 0: 100, or 10 of digits", {0, 100000}).of_this_run();
  options.add("batches", s.batches, "From which they are learned; 0: 5 of curves, 100 of digits, else 50", {0, 100000})
      .of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

/// Fills in what follows from the family.
inline void complete(Settings& s) {
  const bool digits = s.family == "digits", numbers = Family::named(s.family).of_numbers();
  if (s.iterations == 0) s.iterations = digits ? 3000 : numbers ? 30000 : 20000;
  if (s.batch == 0) s.batch = numbers ? 10 : 32;
  if (s.segment == 0) s.segment = numbers ? 5 : 10;
  if (s.life == 0) s.life = numbers ? 5 : digits ? 400 : 200;
  if (s.tasks == 0) s.tasks = digits ? 10 : 100;
  if (s.batches == 0) s.batches = numbers ? 5 : digits ? 100 : 50;
}

}  // namespace metanca_learn
