// deq_text: a deep equilibrium model that goes on with a text, character by character.
//
//   deq_text --help
//
// deq_text/settings.hpp has the options, model.hpp the model, stack.hpp the explicit network beside it, trainer.hpp the
// training, measuring.hpp what is measured, writing.hpp how it writes, showing.hpp what is written down and drawn.

#include <cstdio>
#include <string>

#include "deq_text/measuring.hpp"
#include "deq_text/settings.hpp"
#include "deq_text/showing.hpp"
#include "deq_text/trainer.hpp"
#include "support/list_fingerprint.hpp"

namespace deq_text {

/// Before windows are drawn and states are made. A window takes its state, the gradient of that, and the numbers that a
/// step keeps.
inline void check_sizes(const Settings& settings) {
  constexpr double character = passes * (2.0 * width + 3 * width + gated) * sizeof(float);
  basin::examples::check_memory(
      "--batch " + std::to_string(settings.batch) + " and --context " + std::to_string(settings.context),
      character * settings.batch * settings.context);
}

template <class M>
int run(const Settings& settings, const Text& text, const std::string& from,
        const basin::examples::CommandLine& command_line) {
  const bool trains = settings.evaluate.empty();
  basin::OrderedJson metrics;
  if (settings.model == "deq") metrics["step_memory"] = step_memory(settings, text);
  Trainer<M> trainer(settings, text.training);
  basin::Training training(
      {.iterations = settings.iterations,
       .minutes = settings.minutes,
       .checkpoint = trains ? settings.out + "/checkpoint.safetensors" : "",
       .checkpoint_minutes = settings.checkpoint_minutes,
       .label = {.program = command_line.program(),
                 .settings = command_line.settings(),
                 .data = trains ? basin::examples::list_fingerprint("characters", text.training) : ""}});
  if (!from.empty()) trainer.resume(training, from);
  if (trains) {
    std::printf("%s: %zu characters; %zu parameters; %d threads\n", text.name.c_str(), text.training.size(),
                M::param_count, basin::threads());
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      basin::examples::draw_loss(settings.out, training.losses(), loss_name);
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  show(settings, trainer, training, text, metrics);
  return 0;
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::check_one_of("resume", settings.resume, "evaluate", settings.evaluate);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  fill_up(settings);
  check_sizes(settings);
  basin::set_threads(settings.threads);
  basin::examples::prepare_outputs(
      settings.out, {"metrics.json", "text.txt", "evaluations.png", "evaluations.svg", "residual.png", "residual.svg",
                     "thinking.png", "settling.gif", "loss.png", "loss.svg"});
  Text text = settings.data.empty() ? split_text("tales", tales(200000, 1), settings.context)
                                    : split_text(settings.data, read_text(settings.data), settings.context);
  if (settings.held_back > 0) hold_back(text, settings.held_back);
  return settings.model == "untied" ? run<Untied>(settings, text, from, command_line)
                                    : run<Settled>(settings, text, from, command_line);
}

}  // namespace deq_text

int main(int argc, char** argv) {
  deq_text::Settings settings;
  basin::examples::CommandLine command_line("deq_text", deq_text::description, deq_text::footer);
  deq_text::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return deq_text::run(settings, command_line); });
}
