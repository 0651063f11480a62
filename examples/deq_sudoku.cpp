// deq_sudoku: a deep equilibrium model that learns to solve Sudoku by settling.
//
//   deq_sudoku --help
//
// deq_sudoku/settings.hpp has the options, puzzles.hpp the puzzles, model.hpp the model, trainer.hpp the training,
// measuring.hpp what is measured, showing.hpp what is written and drawn.

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "deq_sudoku/data.hpp"
#include "deq_sudoku/settings.hpp"
#include "deq_sudoku/showing.hpp"
#include "deq_sudoku/trainer.hpp"
#include "support/list_fingerprint.hpp"

namespace deq_sudoku {

/// Before puzzles are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  constexpr double state = candidates(features, 1).size() * sizeof(float);
  // Each thread keeps the steps of one puzzle: the state, what comes of it, and what is inside.
  constexpr double step = candidates(4 * features + 3 * hidden, 1).size() * sizeof(float);
  basin::examples::check_memory(
      "--batch " + std::to_string(settings.batch) + " and --max-steps " + std::to_string(settings.max_steps),
      3 * state * settings.batch + step * settings.max_steps * basin::threads());
  basin::examples::check_memory(
      "--count " + std::to_string(settings.count),
      3.0 * settings.count * (1.0 * sizeof(Puzzle) + 1.0 * sizeof(Attempt) * settings.breadth));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  complete(settings);
  basin::set_threads(settings.threads);
  check_sizes(settings);
  basin::examples::prepare_outputs(settings.out, {"metrics.json", "solved.png", "solved.svg", "settling.gif",
                                                  "residual.png", "residual.svg", "loss.png", "loss.svg"});
  Data data = load(settings);
  const std::string puzzles =
      data.training.empty() ? "drawn puzzles" : basin::examples::list_fingerprint("puzzles", data.training);
  Trainer trainer(settings, std::move(data.training));
  basin::Training training(
      {.iterations = settings.iterations,
       .minutes = settings.minutes,
       .checkpoint = trains ? settings.out + "/checkpoint.safetensors" : "",
       .checkpoint_minutes = settings.checkpoint_minutes,
       .label = {
           .program = command_line.program(), .settings = command_line.settings(), .data = trains ? puzzles : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (trains) {
    std::printf("%s; %zu parameters; %d threads\n", trainer.puzzles_in_words().c_str(), Settled::param_count,
                basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training, data.tests);
  return 0;
}

}  // namespace deq_sudoku

int main(int argc, char** argv) {
  deq_sudoku::Settings settings;
  basin::examples::CommandLine command_line("deq_sudoku", deq_sudoku::description, deq_sudoku::footer);
  deq_sudoku::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return deq_sudoku::run(settings, command_line); });
}
