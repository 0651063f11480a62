// nca_digits: a neural cellular automaton in which every cell of a handwritten digit finds out which digit it is part
// of.
//
//   nca_digits --help
//
// nca_digits/settings.hpp has the options, model.hpp the automaton, trainer.hpp the training, showing.hpp what is
// measured and drawn.

#include <cstdio>
#include <filesystem>

#include "nca_digits/settings.hpp"
#include "nca_digits/showing.hpp"
#include "nca_digits/trainer.hpp"

namespace nca_digits {

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  if (!settings.resume.empty() && !settings.evaluate.empty()) {
    throw std::invalid_argument("--resume and --evaluate are both given, expected one of them");
  }
  const std::string from = settings.resume.empty() ? settings.evaluate : settings.resume;
  if (!from.empty()) command_line.take(basin::CheckpointReader(from).metadata("settings"), from);
  basin::set_threads(settings.threads);
  std::filesystem::create_directories(settings.out);
  const basin::examples::DigitSets data = basin::examples::load_digits(settings.data);
  Trainer trainer(settings, data);
  if (!from.empty()) trainer.load(from);
  if (settings.evaluate.empty()) {
    std::printf("%s: %td training and %td test images; %zu parameters; %d threads\n", data.name.c_str(),
                data.train.images.shape.samples, data.test.images.shape.samples, Rule::param_count, basin::threads());
    if (!basin::examples::train_and_save(trainer, settings.out)) return basin::examples::interrupted_status;
  }
  show(settings, data, trainer);
  return 0;
}

}  // namespace nca_digits

int main(int argc, char** argv) {
  nca_digits::Settings settings;
  basin::examples::CommandLine command_line("nca_digits", nca_digits::description, nca_digits::footer);
  nca_digits::describe(settings, command_line);
  return basin::examples::main_of("nca_digits", command_line, argc, argv,
                                  [&] { return nca_digits::run(settings, command_line); });
}
