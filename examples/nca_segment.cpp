// nca_segment: a cellular automaton that finds shapes in clutter, from coarse grids to fine ones.
//
//   nca_segment --help
//
// nca_segment/settings.hpp has the options, model.hpp the automaton, trainer.hpp the images and the training,
// memory.hpp the memory of a U-Net, climbing.hpp an image step by step, showing.hpp what is measured and drawn,
// watching.hpp what is seen in the terminal.

#include <cstdio>
#include <string>

#include "basin/io/training.hpp"
#include "nca_segment/settings.hpp"
#include "nca_segment/showing.hpp"
#include "nca_segment/trainer.hpp"
#include "nca_segment/watching.hpp"
#include "support/process.hpp"
#include "support/training_parts.hpp"

namespace nca_segment {

/// Before states are made.
inline void check_sizes(const Settings& settings, const Model& model) {
  double cells = 0, share = 1;
  for (std::size_t l = model.levels.size(); l-- > 0; share /= 4)
    cells += share * static_cast<double>(model.levels[l].steps + 3);
  const double numbers = cells * features;  // for each pixel, of one image
  const double pixels = static_cast<double>(trained_scene.pixels());
  basin::examples::check_memory(
      "--batch " + std::to_string(settings.batch) + " and --steps " + settings.steps,
      pixels * sizeof(float) * (2.0 * settings.batch * features + basin::threads() * numbers));
  const double large = static_cast<double>(settings.memory_side) * settings.memory_side;
  basin::examples::check_memory(
      "--memory-side " + std::to_string(settings.memory_side) + " and --steps " + settings.steps,
      large * sizeof(float) * numbers);
  basin::examples::check_memory("--test-images " + std::to_string(settings.test_images),
                                2.0 * pixels * sizeof(float) * settings.test_images);
}

inline int run(const Settings& settings, const basin::examples::CommandLine& command_line, const std::string& from) {
  const bool trains = settings.evaluate.empty(), only_watched = settings.live.on && !from.empty();
  Trainer trainer(settings);
  check_sizes(settings, trainer.model());
  if (!only_watched) {
    basin::examples::prepare_outputs(settings.out, {"metrics.json", "levels.png", "large.png", "loss.png", "loss.svg"});
  }
  basin::Training training(
      {.iterations = settings.iterations,
       .checkpoint = trains && !only_watched ? settings.out + "/checkpoint.safetensors" : "",
       .checkpoint_minutes = settings.checkpoint_minutes,
       .label = {
           .program = command_line.program(), .settings = command_line.settings(), .data = trains ? "shapes" : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (only_watched) return watch(settings, trainer);
  // Before the process has memory of which a measurement could take a part.
  const basin::OrderedJson memory = measured_memory(settings, trainer);
  if (trains) {
    std::printf("%zu parameters; %d threads\n", Model::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training, memory);
  return settings.live.on ? watch(settings, trainer) : 0;
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  basin::examples::check_live(settings.live, command_line);
  const std::string from =
      basin::examples::take_checkpoint(command_line, settings.evaluate.empty() ? settings.resume : settings.evaluate);
  basin::set_threads(settings.threads);
  return run(settings, command_line, from);
}

}  // namespace nca_segment

int main(int argc, char** argv) {
  nca_segment::Settings settings;
  basin::examples::CommandLine command_line("nca_segment", nca_segment::description, nca_segment::footer);
  nca_segment::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return nca_segment::run(settings, command_line); });
}
