// nca_arc: a cellular automaton that does to a line of cells what three examples show.
//
//   nca_arc --help
//
// nca_arc/settings.hpp has the options, tasks.hpp the tasks, model.hpp the automaton, trainer.hpp the training,
// showing.hpp what is measured and drawn.

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "nca_arc/settings.hpp"
#include "nca_arc/showing.hpp"
#include "nca_arc/trainer.hpp"

namespace nca_arc {

/// Before states are made.
inline void check_sizes(const Settings& settings, const std::vector<Task>& tasks) {
  Index width = 0;
  for (const Task& task : tasks) width = std::max(width, task.width() + 1);
  const double state = 1.0 * rows * colours * static_cast<double>(width) * sizeof(float);
  basin::examples::check_memory(
      "--batch " + std::to_string(settings.batch) + " and --max-steps " + std::to_string(settings.max_steps) +
          " for lines of " + std::to_string(width - 1) + " cells",
      state *
          (settings.batch * (2.0 * features + told_features) + 1.0 * basin::threads() * features * settings.max_steps));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  complete(settings);
  basin::set_threads(settings.threads);
  std::vector<Task> tasks =
      settings.data.empty() ? drawn_tasks(settings.tasks, settings.width, settings.seed) : read_tasks(settings.data);
  check_sizes(settings, tasks);
  basin::examples::prepare_outputs(settings.out, {"metrics.json", "answers.png", "loss.png", "loss.svg"});
  Trainer trainer(settings, std::move(tasks));
  basin::Training training({.iterations = settings.iterations,
                            .checkpoint = trains ? settings.out + "/checkpoint.safetensors" : "",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(),
                                      .settings = command_line.settings(),
                                      .data = trains ? std::to_string(trainer.tasks().size()) + " tasks, " +
                                                           basin::fingerprint(numbers_of(trainer.tasks()))
                                                     : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (trains) {
    std::printf("%zu tasks; %zu parameters; %d threads\n", trainer.tasks().size(), Rule::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training);
  return 0;
}

}  // namespace nca_arc

int main(int argc, char** argv) {
  nca_arc::Settings settings;
  basin::examples::CommandLine command_line("nca_arc", nca_arc::description, nca_arc::footer);
  nca_arc::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return nca_arc::run(settings, command_line); });
}
