// metanca_settle: networks that are what they are to their data: where their weights come to rest under one rule.
//
//   metanca_settle --help
//
// metanca_settle/settings.hpp has the options, model.hpp the rule, trainer.hpp the training, showing.hpp what is
// measured and drawn. The tasks, and what the rule is compared with, are those of metanca_learn.

#include <cstdio>
#include <string>

#include "metanca_settle/settings.hpp"
#include "metanca_settle/showing.hpp"
#include "metanca_settle/trainer.hpp"

namespace metanca_settle {

inline int run(const Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  basin::set_threads(settings.threads);
  // The widest network of a training, its messages, and what a solve keeps of it.
  constexpr double cells = 33 * 32 + 66.0 * 3, kept = 100;
  basin::examples::check_memory(
      "--networks " + std::to_string(settings.networks) + " and --points " + std::to_string(settings.points),
      sizeof(float) *
          (settings.networks * cells * kept + 200.0 * settings.points * (settings.networks + basin::threads())));
  basin::examples::prepare_outputs(settings.out, {"metrics.json", "evaluations.png", "evaluations.svg", "settling.png",
                                                  "settling.gif", "loss.png", "loss.svg"});
  Trainer trainer(settings);
  basin::Training training({.iterations = settings.iterations,
                            .checkpoint = trains ? settings.out + "/checkpoint.safetensors" : "",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(),
                                      .settings = command_line.settings(),
                                      .data = trains ? settings.family : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (trains) {
    std::printf("%s; %zu parameters; %d threads\n", settings.family.c_str(), Model::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training);
  return 0;
}

}  // namespace metanca_settle

int main(int argc, char** argv) {
  metanca_settle::Settings settings;
  basin::examples::CommandLine command_line("metanca_settle", metanca_settle::description, metanca_settle::footer);
  metanca_settle::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv,
                                  [&] { return metanca_settle::run(settings, command_line); });
}
