// nca_texture: trains a neural cellular automaton to weave a texture over a torus, by optimal transport between the
// patches of what it makes and those of the texture; or runs one that is trained.
//
//   nca_texture --help
//
// nca_texture/settings.hpp has the options, model.hpp and micro.hpp the two automata, pattern.hpp the texture drawn by
// the program, trainer.hpp the training, showing.hpp what is measured and drawn.

#include <cstdio>
#include <filesystem>
#include <string>

#include "nca_texture/settings.hpp"
#include "nca_texture/showing.hpp"
#include "nca_texture/trainer.hpp"

namespace nca_texture {

template <class Kind>
int run_kind(Settings& settings, bool only_run) {
  Trainer<Kind> trainer(settings, only_run ? Target{} : load_texture(settings));
  if (!settings.model.empty()) trainer.take(basin::load_parameters<typename Kind::Rule, float>(settings.model));
  if (!settings.resume.empty()) trainer.load(settings.resume);
  if (!only_run) {
    std::printf("%s: %s rule, %zu parameters, %d x %d cells, %d threads\n",
                settings.texture.empty() ? "drawn texture" : settings.texture.c_str(), Kind::name,
                Kind::Rule::param_count, settings.size, settings.size, basin::threads());
    if (!basin::examples::train_and_save(trainer, settings.out)) return basin::examples::interrupted_status;
  }
  if (!settings.export_to.empty()) basin::save_parameters(settings.export_to, trainer.parameters());
  show(settings, trainer);
  return 0;
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  if (!settings.resume.empty() && !settings.model.empty()) {
    throw std::invalid_argument("--resume and --model are both given, expected one of them");
  }
  if (!settings.resume.empty()) {
    command_line.take(basin::CheckpointReader(settings.resume).metadata("settings"), settings.resume);
  }
  basin::set_threads(settings.threads);
  std::filesystem::create_directories(settings.out);
  // A model without a texture is run as it is; with one, it is trained on.
  const bool only_run = !settings.model.empty() && settings.texture.empty() && !command_line.given("iterations");
  return settings.rule == "micro" ? run_kind<Micro>(settings, only_run) : run_kind<Large>(settings, only_run);
}

}  // namespace nca_texture

int main(int argc, char** argv) {
  nca_texture::Settings settings;
  basin::examples::CommandLine command_line("nca_texture", nca_texture::description, nca_texture::footer);
  nca_texture::describe(settings, command_line);
  return basin::examples::main_of("nca_texture", command_line, argc, argv,
                                  [&] { return nca_texture::run(settings, command_line); });
}
