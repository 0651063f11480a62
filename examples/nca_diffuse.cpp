// nca_diffuse: trains a cellular automaton that finds a picture in noise.
//
//   nca_diffuse --help
//
// nca_diffuse/settings.hpp has the options, model.hpp the automaton, trainer.hpp the training, showing.hpp what is
// measured and drawn, watching.hpp what is seen in the terminal.

#include <cstdio>
#include <string>

#include "nca_diffuse/settings.hpp"
#include "nca_diffuse/showing.hpp"
#include "nca_diffuse/trainer.hpp"
#include "nca_diffuse/watching.hpp"

namespace nca_diffuse {

/// Before pictures are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  const double side = settings.size + 2.0 * settings.padding, state = side * side * features * sizeof(float);
  basin::examples::check_memory(
      "--size " + std::to_string(settings.size) + ", --padding " + std::to_string(settings.padding) + ", --batch " +
          std::to_string(settings.batch) + ", --pool " + std::to_string(settings.pool) + " and --steps " +
          std::to_string(settings.steps),
      state * (settings.pool + 4.0 * settings.batch + 1.0 * basin::threads() * settings.steps + 4.0 * runs));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  basin::examples::check_live(settings.live, command_line);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  basin::set_threads(settings.threads);
  check_sizes(settings);
  const bool only_watched = settings.live.on && !from.empty();
  State<float> target = load_target(settings);
  if (!only_watched)
    basin::examples::prepare_outputs(
        settings.out, {"metrics.json", "denoised.png", "healing.png", "diffusing.gif", "loss.png", "loss.svg"});
  const std::string fingerprint = basin::examples::fingerprint("picture", target);
  Trainer trainer(settings, std::move(target));
  basin::Training training(
      {.iterations = settings.iterations,
       .checkpoint = trains && !only_watched ? settings.out + "/checkpoint.safetensors" : "",
       .checkpoint_minutes = settings.checkpoint_minutes,
       .label = {.program = command_line.program(), .settings = command_line.settings(), .data = fingerprint}});
  if (!from.empty()) trainer.resume(training, from);
  if (only_watched) return watch(settings, trainer);
  if (trains) {
    std::printf("%s on %td x %td cells; %zu parameters; %d threads\n",
                settings.target.empty() ? "drawn picture" : settings.target.c_str(), trainer.target().shape.space[0],
                trainer.target().shape.space[1], Rule::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training);
  return settings.live.on ? watch(settings, trainer) : 0;
}

}  // namespace nca_diffuse

int main(int argc, char** argv) {
  nca_diffuse::Settings settings;
  basin::examples::CommandLine command_line("nca_diffuse", nca_diffuse::description, nca_diffuse::footer);
  nca_diffuse::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return nca_diffuse::run(settings, command_line); });
}
