// nca_texture: trains a neural cellular automaton to weave a texture over a torus, by optimal transport between the
// patches of what it makes and those of the texture; or runs one that is trained.
//
//   nca_texture --help
//
// nca_texture/settings.hpp has the options, model.hpp and micro.hpp the two automata, pattern.hpp the texture drawn by
// the program, trainer.hpp the training, showing.hpp what is measured and drawn, refining.hpp other steps and cells,
// watching.hpp what is seen in the terminal.

#include <cstdio>
#include <string>

#include "nca_texture/settings.hpp"
#include "nca_texture/showing.hpp"
#include "nca_texture/trainer.hpp"
#include "nca_texture/watching.hpp"

namespace nca_texture {

/// Before pictures are drawn and states are made.
inline void check_sizes(const Settings& settings, bool only_run) {
  const auto state_of = [](double side) { return side * side * features * sizeof(float); };
  // Shown: the state twice, frames of 2 x 2 pixels a cell, and four pictures of each strip.
  const double cells = 1.0 * settings.run_size * settings.run_size;
  const double shown =
      2 * state_of(settings.run_size) + 16 * 12.0 * cells + (settings.refined ? 8 : 0) * state_of(settings.run_size);
  // The pool, a batch and what becomes of it, and all states of a rollout on each thread.
  const double trained =
      state_of(settings.size) * (settings.pool + 4.0 * settings.batch + 1.0 * basin::threads() * settings.max_steps);
  basin::examples::check_memory("--run-size " + std::to_string(settings.run_size), shown);
  if (only_run) return;
  basin::examples::check_memory("--size " + std::to_string(settings.size) + ", --batch " +
                                    std::to_string(settings.batch) + ", --pool " + std::to_string(settings.pool) +
                                    " and --max-steps " + std::to_string(settings.max_steps),
                                trained);
}

/// Nothing is trained or measured, and nothing written but a record.
inline bool only_watched(const Settings& settings, bool only_run) {
  return settings.live.on && (only_run || !settings.resume.empty());
}

template <class Kind>
int run_kind(Settings& settings, const basin::examples::CommandLine& command_line, const std::string& from,
             bool only_run) {
  Trainer<Kind> trainer(settings, only_run ? Target{} : load_texture(settings));
  const bool watched = only_watched(settings, only_run);
  basin::Training training(watched ? basin::TrainingOptions{.label = trainer.options(command_line).label}
                                   : trainer.options(command_line));
  if (!settings.model.empty()) trainer.take(basin::load_parameters<typename Kind::Rule, float>(settings.model));
  if (!from.empty()) trainer.resume(training, from);
  if (watched) return watch(settings, trainer);
  if (!only_run) {
    std::printf("%s: %s rule, %zu parameters, %d x %d cells, %d threads\n",
                settings.texture.empty() ? "drawn texture" : settings.texture.c_str(), Kind::name,
                Kind::Rule::param_count, settings.size, settings.size, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      draw_forming(settings, trainer);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  if (!settings.export_to.empty()) basin::save_parameters(settings.export_to, trainer.parameters());
  show(settings, trainer, training);
  return settings.live.on ? watch(settings, trainer) : 0;
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "model", settings.model);
  basin::examples::check_live(settings.live, command_line);
  const std::string from = basin::examples::take_checkpoint(command_line, settings.resume);
  basin::set_threads(settings.threads);
  // A model without a texture is run as it is; with one, it is trained on.
  const bool only_run = !settings.model.empty() && settings.texture.empty() && !command_line.given("iterations");
  check_sizes(settings, only_run);
  if (!only_watched(settings, only_run))
    basin::examples::prepare_outputs(
        settings.out, {"metrics.json", "forming.gif", "forming.png", "healing.png", "texture.png", "target.png",
                       "loss.png", "loss.svg", "refined.png"});
  if (!settings.export_to.empty()) basin::check_writable(settings.export_to);
  return settings.rule == "micro" ? run_kind<Micro>(settings, command_line, from, only_run)
                                  : run_kind<Large>(settings, command_line, from, only_run);
}

}  // namespace nca_texture

int main(int argc, char** argv) {
  nca_texture::Settings settings;
  basin::examples::CommandLine command_line("nca_texture", nca_texture::description, nca_texture::footer);
  nca_texture::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return nca_texture::run(settings, command_line); });
}
