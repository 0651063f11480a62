// nca_goals: trains one cellular automaton that grows whichever of several pictures its cells are told to, and changes
// one into another while it lives.
//
//   nca_goals --help
//
// nca_goals/settings.hpp has the options, pictures.hpp the goals, model.hpp the automaton, trainer.hpp the training,
// showing.hpp what is measured and drawn, watching.hpp what is seen in the terminal.

#include <cstdio>
#include <string>
#include <vector>

#include "nca_goals/settings.hpp"
#include "nca_goals/showing.hpp"
#include "nca_goals/trainer.hpp"
#include "nca_goals/watching.hpp"

namespace nca_goals {

/// Before pictures are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  const double side = settings.size + 2.0 * settings.padding, state = side * side * features * sizeof(float);
  basin::examples::check_memory(
      "--size " + std::to_string(settings.size) + ", --padding " + std::to_string(settings.padding) + ", --batch " +
          std::to_string(settings.batch) + " and --pool " + std::to_string(settings.pool),
      state *
          (settings.pool + 4.0 * settings.batch + 1.0 * basin::threads() * settings.max_steps + 8.0 * settings.count));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  basin::examples::check_live(settings.live, command_line);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  complete(settings);
  basin::set_threads(settings.threads);
  check_sizes(settings);
  const std::vector<Goal> goals = load_goals(settings.goals, settings.count, 8 * settings.size);
  const State<float> targets = targets_of(goals, {.size = settings.size, .padding = settings.padding});
  const bool only_watched = settings.live.on && !from.empty();
  if (!only_watched)
    basin::examples::prepare_outputs(settings.out,
                                     {"metrics.json", "goals.png", "changes.png", "life.gif", "loss.png", "loss.svg"});
  Trainer trainer(settings, targets);
  basin::Training training({.iterations = settings.iterations,
                            .checkpoint = trains && !only_watched ? settings.out + "/checkpoint.safetensors" : "",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(),
                                      .settings = command_line.settings(),
                                      .data = basin::examples::fingerprint("goals", targets)}});
  if (!from.empty()) trainer.resume(training, from);
  if (only_watched) return watch(settings, trainer, goals);
  if (trains) {
    std::printf("%d goals on %td x %td cells; %zu parameters; %d threads\n", settings.count, targets.shape.space[0],
                targets.shape.space[1], Rule::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, goals, training);
  return settings.live.on ? watch(settings, trainer, goals) : 0;
}

}  // namespace nca_goals

int main(int argc, char** argv) {
  nca_goals::Settings settings;
  basin::examples::CommandLine command_line("nca_goals", nca_goals::description, nca_goals::footer);
  nca_goals::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return nca_goals::run(settings, command_line); });
}
