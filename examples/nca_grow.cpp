// nca_grow: trains a neural cellular automaton to grow a picture from one cell, to keep it, and to heal it; or runs one
// that is trained.
//
//   nca_grow --help
//
// nca_grow/settings.hpp has the options, model.hpp the kinds of automata, automaton.hpp one of any kind, pattern.hpp
// the picture drawn by the program, trainer.hpp the training, showing.hpp what is measured and drawn, watching.hpp what
// is seen in the terminal.

#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "nca_grow/settings.hpp"
#include "nca_grow/showing.hpp"
#include "nca_grow/trainer.hpp"
#include "nca_grow/watching.hpp"

namespace nca_grow {

/// Before pictures are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  const double side = settings.size + 2.0 * settings.padding, state = side * side * settings.channels * sizeof(float);
  // Of a rollout: all states, or with all that its layers saw; a checkpointed one keeps the square root of its steps.
  const double kept = settings.tape == "kept"         ? 12.0 * settings.max_steps
                      : settings.tape == "recomputed" ? settings.max_steps
                                                      : 2 * std::sqrt(settings.max_steps);
  basin::examples::check_memory("--size " + std::to_string(settings.size) + ", --padding " +
                                    std::to_string(settings.padding) + " and --batch " + std::to_string(settings.batch),
                                state * settings.batch * kept + 4 * std::pow(8.0 * settings.size, 2));
}

/// Throws FileError if the options that say which automaton it is are given otherwise than the checkpoint has them; one
/// that is older than these options says nothing of them.
inline void check_automaton_of(const std::string& checkpoint, const basin::Json& settings) {
  const basin::CheckpointReader reader(checkpoint);
  const basin::Json then = reader.label().settings;
  for (const char* key : automaton_settings) {
    if (then.contains(key)) reader.expect_setting(key, settings[key]);
  }
}

/// What is kept of a trained automaton for --model.
inline void export_automaton(const Settings& settings, const Automaton& automaton,
                             const basin::examples::CommandLine& command_line) {
  const std::string& name = settings.export_to;
  automaton.save(name + ".safetensors", {.program = command_line.program(), .settings = command_line.settings()});
  const bool published = Published::is(settings.channels, settings.hidden, settings.filters) &&
                         settings.fire_rate == 0.5 && !as_cax(settings);
  if (published) {
    automaton.save_as_published(name + ".json");
  } else {
    std::printf(
        "%s.json is not written: that format is only for the published automaton (%s, with a fire rate of 0.5 and the "
        "conventions distill)\n",
        name.c_str(), Published::text().c_str());
  }
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line, basin::examples::Processes& processes) {
  basin::examples::check_one_of("resume", settings.resume, "model", settings.model);
  basin::examples::check_live(settings.live, command_line);
  if (settings.live.on && processes.several()) {
    throw basin::examples::UsageError("--live is given to several processes, expected one");
  }
  const std::string from = basin::examples::take_checkpoint(command_line, settings.resume);
  if (!from.empty()) check_automaton_of(from, command_line.settings());
  basin::set_threads(processes.threads(settings.threads));
  // A model without a picture is run as it is; with one, it is trained on.
  const bool only_run = settings.only_run =
      !settings.model.empty() && settings.target.empty() && !command_line.given("iterations");
  if (only_run) settings.iterations = 0;
  const std::vector<std::string> files = settings.model.empty()         ? std::vector<std::string>{}
                                         : settings.live.on && only_run ? files_at(settings.model)
                                                                        : std::vector{settings.model};
  if (!files.empty()) take_settings(command_line, files);
  check_sizes(settings);
  if (settings.live.on && only_run) return watch(settings, load_models(settings, files));
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
  if (!settings.model.empty()) trainer.automaton().load(settings.model);
  if (!from.empty()) trainer.resume(training, from);
  const auto watch_trained = [&](const std::string& name) {
    std::vector<NamedModel> models;
    models.push_back({name, trainer.take_automaton()});
    return watch(settings, models);
  };
  if (only_watched) return watch_trained(settings.target.empty() ? "drawn" : settings.target);
  if (!only_run) {
    if (processes.writes()) {
      if (processes.several()) std::printf("%d processes of MPI\n", processes.size());
      std::printf("%s: %s, %td x %td cells, %zu parameters, %d threads\n",
                  settings.target.empty() ? "drawn pattern" : settings.target.c_str(),
                  settings.regime == "growing" ? "growing, which does not persist" : settings.regime.c_str(),
                  trainer.grid().space[0], trainer.grid().space[1], trainer.automaton().param_count(),
                  basin::threads());
    }
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      if (!processes.writes()) return 128 + training.signal();
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      draw_growth(settings, trainer);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  if (!processes.writes()) return 0;
  if (!settings.export_to.empty()) export_automaton(settings, trainer.automaton(), command_line);
  show(settings, trainer, training);
  if (settings.live.on) return watch_trained("trained");
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
