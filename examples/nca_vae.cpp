// nca_vae: a variational autoencoder whose decoder is a cellular automaton. It grows digits that nobody wrote.
//
//   nca_vae --help
//
// nca_vae/settings.hpp has the options, model.hpp the encoder and the automaton, trainer.hpp the training,
// measuring.hpp what is measured, showing.hpp what is drawn, watching.hpp what is seen in the terminal.

#include <cstdio>
#include <string>

#include "nca_vae/settings.hpp"
#include "nca_vae/showing.hpp"
#include "nca_vae/trainer.hpp"
#include "nca_vae/watching.hpp"

namespace nca_vae {

/// Before images are drawn and states are made.
inline void check_sizes(const Settings& settings) {
  const Steps steps = steps_of(settings.steps);
  constexpr double state = static_cast<double>(side * side) * features * sizeof(float);
  double rollout = settings.living_steps, share = 1;
  for (std::size_t level = steps.size(); level-- > 0; share /= 4) rollout += share * static_cast<double>(steps[level]);
  // The pool, a batch and what becomes of it, all states of a part on each thread, and what is measured.
  basin::examples::check_memory(
      "--batch " + std::to_string(settings.batch) + ", --living " + std::to_string(settings.living) + ", --pool " +
          std::to_string(settings.pool) + ", --steps " + settings.steps + ", --weighted " +
          std::to_string(settings.weighted) + " and --test-images " + std::to_string(settings.test_images),
      state * (2.0 * settings.pool + 4.0 * (settings.batch + settings.living) + 2.0 * basin::threads() * rollout +
               3.0 * settings.weighted + 4.0 * (settings.test_images > 0 ? settings.test_images : 10000)));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  basin::examples::check_live(settings.live, command_line);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  complete(settings);
  basin::set_threads(settings.threads);
  check_sizes(settings);
  const ImageSets data = basin::examples::load_images(settings.data, settings.held_back);
  const bool only_watched = settings.live.on && !from.empty();
  if (!only_watched) {
    basin::examples::prepare_outputs(settings.out, {"metrics.json", "samples.png", "reconstructions.png", "between.png",
                                                    "healing.png", "growing.gif", "loss.png", "loss.svg"});
  }
  Trainer trainer(settings, data.train);
  basin::Training training({.iterations = settings.iterations,
                            .checkpoint = trains && !only_watched ? settings.out + "/checkpoint.safetensors" : "",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(),
                                      .settings = command_line.settings(),
                                      .data = trains ? basin::examples::fingerprint(data.name, data.train) : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (only_watched) return watch(settings, trainer);
  if (trains) {
    std::printf("%s: %td training images; %zu parameters, of which %zu are the automaton's; %d threads\n",
                data.name.c_str(), data.train.shape.samples, Model::param_count, Growth::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, data, trainer, training);
  return settings.live.on ? watch(settings, trainer) : 0;
}

}  // namespace nca_vae

int main(int argc, char** argv) {
  nca_vae::Settings settings;
  basin::examples::CommandLine command_line("nca_vae", nca_vae::description, nca_vae::footer);
  nca_vae::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return nca_vae::run(settings, command_line); });
}
