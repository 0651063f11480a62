// metanca_learn: one rule by which the weights of networks learn new tasks from data, without gradients of the tasks.
//
//   metanca_learn --help
//
// metanca_learn/settings.hpp has the options, tasks.hpp the tasks, model.hpp the rule, trainer.hpp the training,
// optimisers.hpp what the rule is compared with, measuring.hpp and showing.hpp what is measured and drawn.

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>

#include "metanca_learn/settings.hpp"
#include "metanca_learn/showing.hpp"
#include "metanca_learn/trainer.hpp"

namespace metanca_learn {

/// Before data and states are made.
inline void check_sizes(const Settings& settings) {
  const Family family = Family::named(settings.family);
  const double numbers = static_cast<double>(family.inputs + family.outputs) * settings.batch * sizeof(float);
  const double cells =
      static_cast<double>(family.inputs + 1) * 100 + 3 * 101 * 100 + 101.0 * static_cast<double>(family.outputs);
  basin::examples::check_memory(
      "--batch " + std::to_string(settings.batch) + ", --segment " + std::to_string(settings.segment) + ", --batches " +
          std::to_string(settings.batches) + " and --networks " + std::to_string(settings.networks),
      numbers * basin::threads() * (10.0 * settings.batches + Trainer::longest(settings)) +
          cells * features * sizeof(float) * (settings.networks + basin::threads() * (settings.segment + 10.0)));
  basin::examples::check_option(
      10 * Index{settings.batch} * settings.batches <= 65536, "--batches", settings.batches,
      "65,536 data at most in ten times as many batches, so " + std::to_string(6553 / settings.batch));
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  if (!settings.data.empty() && settings.family != "digits") {
    throw basin::examples::UsageError("--data is given for the family " + settings.family + ", expected digits");
  }
  for (const char* option : {"damage", "pause"}) {
    if (settings.way != "truncated" && command_line.given(option)) {
      throw basin::examples::UsageError(std::string("--") + option + " is given for --way " + settings.way +
                                        ", expected truncated: whole lives are one segment");
    }
  }
  for (const char* option : {"pairs", "deviation"}) {
    if (settings.way != "evolution" && command_line.given(option)) {
      throw basin::examples::UsageError(std::string("--") + option + " is given for --way " + settings.way +
                                        ", expected evolution");
    }
  }
  complete(settings);
  basin::set_threads(settings.threads);
  check_sizes(settings);
  std::optional<basin::examples::DigitSets> digits;
  if (settings.family == "digits") digits = basin::examples::load_digits(settings.data);
  basin::examples::prepare_outputs(
      settings.out, {"metrics.json", "learning.png", "learning.svg", "architectures.png", "architectures.svg",
                     "shape.png", "shape.gif", "loss.png", "loss.svg"});
  if (digits) {
    for (const basin::LabelledImages* set : {&digits->train, &digits->test}) {
      basin::check(set->images.shape.samples >= 2, "metanca_learn: number of images", set->images.shape.samples,
                   "at least 2, some to learn from and some to be asked");
    }
  }
  Trainer trainer(settings, digits ? &digits->train : nullptr);
  basin::Training training(
      {.iterations = settings.iterations,
       .minutes = settings.minutes,
       .checkpoint = trains ? settings.out + "/checkpoint.safetensors" : "",
       .checkpoint_minutes = settings.checkpoint_minutes,
       .label = {.program = command_line.program(),
                 .settings = command_line.settings(),
                 .data = trains && digits ? basin::examples::fingerprint(digits->name, digits->train.images) : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (trains) {
    std::printf("%s; %zu parameters; %d threads\n", settings.family.c_str(), Life::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training, digits ? &digits->test : nullptr);
  return 0;
}

}  // namespace metanca_learn

int main(int argc, char** argv) {
  metanca_learn::Settings settings;
  basin::examples::CommandLine command_line("metanca_learn", metanca_learn::description, metanca_learn::footer);
  metanca_learn::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return metanca_learn::run(settings, command_line); });
}
