// nca_grow: trains a neural cellular automaton to grow a picture from one cell, to keep it, and to heal it; or runs one
// that is trained.
//
//   nca_grow --help
//
// nca_grow/settings.hpp has the options, pattern.hpp the picture drawn by the program, trainer.hpp the training,
// showing.hpp what is measured and drawn.

#include <cstdio>
#include <filesystem>
#include <string>

#include "nca_grow/settings.hpp"
#include "nca_grow/showing.hpp"
#include "nca_grow/trainer.hpp"

namespace nca_grow {

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  if (!settings.resume.empty() && !settings.model.empty()) {
    throw std::invalid_argument("--resume and --model are both given, expected one of them");
  }
  if (!settings.resume.empty()) {
    command_line.take(basin::CheckpointReader(settings.resume).metadata("settings"), settings.resume);
  }
  basin::set_threads(settings.threads);
  std::filesystem::create_directories(settings.out);
  // A model without a picture is run as it is; with one, it is trained on.
  const bool only_run = !settings.model.empty() && settings.target.empty() && !command_line.given("iterations");
  if (only_run) settings.iterations = 0;
  Trainer trainer(settings, only_run ? basin::State<float>() : load_target(settings));
  if (!settings.model.empty()) trainer.take(load_model(settings.model));
  if (!settings.resume.empty()) trainer.load(settings.resume);
  if (!only_run) {
    std::printf("%s: %s, %td x %td cells, %zu parameters, %d threads\n",
                settings.target.empty() ? "drawn pattern" : settings.target.c_str(), settings.regime.c_str(),
                trainer.grid().space[0], trainer.grid().space[1], Rule::param_count, basin::threads());
    if (!basin::examples::train_and_save(trainer, settings.out)) return basin::examples::interrupted_status;
  }
  if (!settings.export_to.empty()) {
    basin::save_parameters(settings.export_to + ".safetensors", trainer.parameters());
    basin::write_growing_model(settings.export_to + ".json", trainer.parameters());
  }
  show(settings, trainer);
  return 0;
}

}  // namespace nca_grow

int main(int argc, char** argv) {
  nca_grow::Settings settings;
  basin::examples::CommandLine command_line("nca_grow", nca_grow::description, nca_grow::footer);
  nca_grow::describe(settings, command_line);
  return basin::examples::main_of("nca_grow", command_line, argc, argv,
                                  [&] { return nca_grow::run(settings, command_line); });
}
