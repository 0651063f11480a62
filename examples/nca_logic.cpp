// nca_logic: trains a cellular automaton whose rule is a circuit of logic gates, and runs the circuit 64 cells a
// machine word; or writes it as C++ or Verilog.
//
//   nca_logic --help
//
// nca_logic/settings.hpp has the options, tasks.hpp what can be learned, trainer.hpp the training, showing.hpp what is
// measured and drawn, watching.hpp what is seen in the terminal.

#include <cstdio>
#include <string>
#include <type_traits>

#include "nca_logic/settings.hpp"
#include "nca_logic/showing.hpp"
#include "nca_logic/trainer.hpp"
#include "nca_logic/watching.hpp"

namespace nca_logic {

inline void check_options(const Settings& settings) {
  using basin::examples::UsageError;
  if (!settings.target.empty() && settings.task != "picture") {
    throw UsageError("--target is given for --task " + settings.task + ", expected --task picture");
  }
  const std::string& path = settings.export_to;
  if (!path.empty() && !path.ends_with(".v") && !path.ends_with(".hpp")) {
    throw UsageError("--export is '" + path + "', expected a name that ends in .hpp or .v");
  }
  if (path.empty()) return;
  basin::check_circuit_name(circuit_name(path));
  basin::check_writable(path);
}

/// For the label of a checkpoint: the picture; the other tasks make what they learn from.
template <class Task>
std::string data_of(const Task& task) {
  if constexpr (std::is_same_v<Task, Picture>) {
    return basin::examples::fingerprint("picture", task.target);
  } else {
    return {};
  }
}

template <class Task>
int run_task(const Settings& settings, const basin::examples::CommandLine& command_line, const std::string& from,
             const Task& task) {
  const bool trains = settings.evaluate.empty(), only_watched = settings.live.on && !from.empty();
  Trainer<Task> trainer(settings, task);
  basin::Training training(
      {.iterations = trainer.iterations(),
       .checkpoint = trains && !only_watched ? settings.out + "/checkpoint.safetensors" : "",
       .checkpoint_minutes = settings.checkpoint_minutes,
       .label = {.program = command_line.program(), .settings = command_line.settings(), .data = data_of(task)}});
  if (!from.empty()) {
    // The gates are wired by the seed.
    basin::CheckpointReader(from, command_line.program()).expect_setting("seed", settings.seed);
    trainer.resume(training, from);
  }
  if (only_watched) return watch(settings, trainer);
  if (trains) {
    std::printf("%s: %d gates for what a cell sees, %d for what it becomes; %d threads\n", Task::name, Task::See::gates,
                Task::Rule::gates, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training);
  return settings.live.on ? watch(settings, trainer) : 0;
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  const bool trains = settings.evaluate.empty();
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  basin::examples::check_live(settings.live, command_line);
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  basin::set_threads(settings.threads);
  check_options(settings);
  if (!settings.live.on || from.empty())
    basin::examples::prepare_outputs(settings.out, {"metrics.json", "run.gif", "run.png", "loss.png", "loss.svg"});
  if (settings.task == "checkerboard") return run_task(settings, command_line, from, Checkerboard{settings.seed});
  if (settings.task == "picture") return run_task(settings, command_line, from, Picture::of(settings.target));
  return run_task(settings, command_line, from, Life{settings.seed});
}

}  // namespace nca_logic

int main(int argc, char** argv) {
  nca_logic::Settings settings;
  basin::examples::CommandLine command_line("nca_logic", nca_logic::description, nca_logic::footer);
  nca_logic::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return nca_logic::run(settings, command_line); });
}
