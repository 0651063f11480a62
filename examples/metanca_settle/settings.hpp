#pragma once

// What the user of metanca_settle can choose.

#include <cstdint>
#include <string>

#include "../support/command_line.hpp"

namespace metanca_settle {

struct Settings {
  std::string family = "planar";
  std::string resume;
  std::string evaluate;
  std::string out = "metanca_settle_out";
  int iterations = 1500;
  int networks = 4;
  int points = 64;
  int evaluations = 120;
  double penalty = 0.15;
  double rate = 2e-3;
  double final_rate = 2e-5;
  int tasks = 100;
  int test_evaluations = 400;
  std::uint64_t seed = 1;
  int threads = 0;
  double checkpoint_minutes = 2;
};

inline constexpr const char* description =
    R"(Trains one rule under which the weights of a network settle: where they come to rest is what the network has learned
from its data, all of which it sees at once.

Every weight is a cell that is told how it was drawn, and sees what passes through it and messages that the rule sends
back from the output's error. The state that the cells hold together is an equilibrium; the rule is trained by the exact
gradient through it (the implicit function theorem), so no way of learning is stored. Then the rule is tried on new
tasks, beside gradient descent, momentum and Adam on the same data, each with its best rate and number of steps.)";

inline constexpr const char* footer = R"(
Examples:
  metanca_settle                               points of a plane in two classes, of five families, in some minutes
  metanca_settle --family moons --points 32    two moons alone, from half the points
  metanca_settle --evaluate metanca_settle_out measure and draw what was trained

In the output folder: metrics.json, checkpoint.safetensors, evaluations.png (accuracy and settled networks against the
evaluations that are allowed), settling.png and settling.gif (a network that settles) and loss.png. Charts are written
as .svg too. Ctrl-C, or a closed terminal, ends the training after the iteration at hand, with a checkpoint to resume
from.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("family", s.family, "Of tasks to learn; planar: any of the others",
              {"planar", "spirals", "moons", "checkers", "rings", "teachers"});
  options.add_resume(s.resume);
  options.add_evaluate(s.evaluate);
  options.add_checkpoint_minutes(s.checkpoint_minutes);
  options.add_out(s.out);
  options.add("iterations", s.iterations, "Of training", {1, 100000000});
  options.add("networks", s.networks, "That settle in an iteration, each on a task of its own", {1, 64});
  options.add("points", s.points, "That a network learns from", {2, 65536});
  options.add("evaluations", s.evaluations, "Of the rule at most in a solve, in training", {2, 100000});
  options.add("penalty", s.penalty, "Weight of the size of the rule's Jacobian, which keeps networks settling",
              {0.0, 1e6});
  options.add("rate", s.rate, "Highest rate of Adam", {1e-9, 1.0});
  options.add("final-rate", s.final_rate, "Rate of Adam at the end, along half a cosine", {0.0, 1.0});
  options.add("tasks", s.tasks, "New tasks to try", {1, 100000}).of_this_run();
  options.add("test-evaluations", s.test_evaluations, "Of the rule at most in a solve, on new tasks", {2, 100000})
      .of_this_run();
  options.add_seed(s.seed);
  options.add_threads(s.threads);
}

}  // namespace metanca_settle
