// nca_grow: trains a neural cellular automaton to grow a picture from one cell, to keep it, and to heal it; or runs one
// that is trained.
//
//   nca_grow --help
//
// nca_grow/settings.hpp has the options, pattern.hpp the picture drawn by the program, trainer.hpp the training,
// showing.hpp what is measured and drawn, watching.hpp what is seen in the terminal.

#include <cmath>
#include <cstdio>
#include <string>

#include "nca_grow/settings.hpp"
#include "nca_grow/showing.hpp"
#include "nca_grow/trainer.hpp"
#include "nca_grow/watching.hpp"

namespace nca_grow {

/// Before pictures are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  const double side = settings.size + 2.0 * settings.padding, state = side * side * features * sizeof(float);
  // Of a rollout: all states, or with all that its layers saw; a checkpointed one keeps the square root of its steps.
  const double kept = settings.tape == "kept"         ? 12.0 * settings.max_steps
                      : settings.tape == "recomputed" ? settings.max_steps
                                                      : 2 * std::sqrt(settings.max_steps);
  basin::examples::check_memory("--size " + std::to_string(settings.size) + ", --padding " +
                                    std::to_string(settings.padding) + " and --batch " + std::to_string(settings.batch),
                                state * settings.batch * kept + 4 * std::pow(8.0 * settings.size, 2));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line, basin::examples::Processes& processes) {
  basin::examples::check_one_of("resume", settings.resume, "model", settings.model);
  basin::examples::check_live(settings.live, command_line);
  if (settings.live.on && processes.several()) {
    throw basin::examples::UsageError("--live is given to several processes, expected one");
  }
  const std::string from = basin::examples::take_checkpoint(command_line, settings.resume);
  basin::set_threads(processes.threads(settings.threads));
  // A model without a picture is run as it is; with one, it is trained on.
  const bool only_run = !settings.model.empty() && settings.target.empty() && !command_line.given("iterations");
  if (only_run) settings.iterations = 0;
  check_sizes(settings);
  if (settings.live.on && only_run) return watch(settings, models_at(settings.model));
  const bool only_watched = settings.live.on && !from.empty();
  if (processes.writes() && !only_watched) {
    basin::examples::prepare_outputs(settings.out, {"metrics.json", "growth.gif", "growth.png", "healing.gif",
                                                    "healing.png", "loss.png", "loss.svg"});
  }
  if (!settings.export_to.empty() && processes.writes()) {
    basin::check_writable(settings.export_to + ".safetensors");
    basin::check_writable(settings.export_to + ".json");
  }
  const State<float> target = only_run ? State<float>() : load_target(settings);
  Trainer trainer(settings, target, processes);
  basin::Training training(
      {.iterations = settings.iterations,
       .minutes = settings.minutes,
       .checkpoint = only_run || only_watched || !processes.writes() ? "" : settings.out + "/checkpoint.safetensors",
       .checkpoint_minutes = settings.checkpoint_minutes,
       .label = {.program = command_line.program(),
                 .settings = command_line.settings(),
                 .data = basin::examples::fingerprint("target", target)},
       .progress = processes.writes() ? stdout : nullptr,
       .agree = [&](int reason) { return processes.agree(reason); }});
  if (!settings.model.empty()) trainer.take(load_model(settings.model));
  if (!from.empty()) trainer.resume(training, from);
  if (only_watched)
    return watch(settings, {{settings.target.empty() ? "drawn" : settings.target, trainer.parameters()}});
  if (!only_run) {
    if (processes.writes()) {
      if (processes.several()) std::printf("%d processes of MPI\n", processes.size());
      std::printf("%s: %s, %td x %td cells, %zu parameters, %d threads\n",
                  settings.target.empty() ? "drawn pattern" : settings.target.c_str(), settings.regime.c_str(),
                  trainer.grid().space[0], trainer.grid().space[1], Rule::param_count, basin::threads());
    }
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      if (!processes.writes()) return 128 + training.signal();
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      draw_growth(settings, trainer);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  if (!processes.writes()) return 0;
  if (!settings.export_to.empty()) {
    basin::save_parameters(settings.export_to + ".safetensors", trainer.parameters());
    basin::write_growing_model(settings.export_to + ".json", trainer.parameters());
  }
  show(settings, trainer, training);
  if (settings.live.on) return watch(settings, {{"trained", trainer.parameters()}});
  return 0;
}

}  // namespace nca_grow

int main(int argc, char** argv) {
  basin::examples::Processes processes(argc, argv);
  nca_grow::Settings settings;
  basin::examples::CommandLine command_line("nca_grow", nca_grow::description, nca_grow::footer);
  nca_grow::describe(settings, command_line);
  return basin::examples::main_of(
      command_line, argc, argv, [&] { return nca_grow::run(settings, command_line, processes); },
      [&](int status, const std::string& message) { return processes.fail("nca_grow", status, message); });
}
