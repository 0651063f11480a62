// deq_digits: a deep equilibrium model that reads handwritten digits, trained through the implicit function theorem.
//
//   deq_digits --help
//
// deq_digits/settings.hpp has the options, model.hpp the model, trainer.hpp the training, pictures.hpp the pictures.

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "basin/io/json.hpp"
#include "basin/io/training.hpp"
#include "deq_digits/pictures.hpp"
#include "deq_digits/settings.hpp"
#include "deq_digits/trainer.hpp"
#include "support/process.hpp"
#include "support/processes.hpp"
#include "support/training_parts.hpp"

namespace deq_digits {

/// Test accuracy for each share of rows kept, from all to a tenth.
inline std::vector<std::pair<double, double>> truncated_accuracy(Trainer& trainer, double of_whole_images) {
  std::vector<std::pair<double, double>> curve{{1.0, of_whole_images}};
  for (int tenths = 9; tenths > 0; --tenths) {
    const double fraction = tenths / 10.0;
    curve.emplace_back(fraction, trainer.test_accuracy(fraction));
  }
  return curve;
}

/// One image of each digit, the first of the test set.
inline std::vector<Index> one_of_each(const LabelledImages& data) {
  std::vector<Index> chosen;
  for (int digit = 0; digit < 10; ++digit) {
    for (std::size_t i = 0; i < data.labels.size(); ++i) {
      if (data.labels[i] == digit) {
        chosen.push_back(static_cast<Index>(i));
        break;
      }
    }
  }
  return chosen;
}

inline void write_results(const Settings& settings, const Data& data, Trainer& trainer, const basin::Training& training,
                          basin::examples::Processes& processes) {
  const std::string out = settings.out + "/";
  const double accuracy = trainer.test_accuracy();
  const auto curve = truncated_accuracy(trainer, accuracy);
  if (!processes.writes()) return;
  basin::OrderedJson truncated_json = basin::OrderedJson::object();
  for (const auto& [fraction, value] : curve) {
    std::array<char, 8> key{};
    std::snprintf(key.data(), key.size(), "%.1f", fraction);
    truncated_json[key.data()] = value;
  }
  const basin::Report& solves = trainer.solves();
  const std::vector<Epoch> history = trainer.history();
  basin::OrderedJson metrics;
  metrics["dataset"] = data.name;
  metrics["test_images"] = data.test.images.shape.samples;
  metrics["parameters"] = Settled::param_count;
  metrics["epochs"] = history.size();
  metrics["seed"] = settings.seed;
  metrics["processes"] = processes.size();
  metrics["threads"] = basin::threads();
  metrics["solver"] = settings.solver;
  metrics["adjoint"] = settings.adjoint;
  metrics["tolerance"] = settings.tolerance;
  metrics["adjoint_tolerance"] = settings.adjoint_tolerance;
  metrics["test_accuracy"] = accuracy;
  metrics["test_accuracy_after_first_epoch"] =
      history.empty() ? basin::OrderedJson() : basin::OrderedJson(history.front().test_accuracy);
  if (settings.held_back > 0) metrics["best_held_back_accuracy"] = trainer.best_held_back();
  metrics["forward_evaluations_mean"] = solves.forward.mean_evaluations();
  metrics["adjoint_evaluations_mean"] = solves.adjoint.mean_evaluations();
  metrics["nonconverged_fraction"] = solves.forward.nonconverged_fraction();
  metrics["adjoint_nonconverged_fraction"] = solves.adjoint.nonconverged_fraction();
  metrics["gradients_bounded"] = trainer.bounded();
  metrics["gradients_left_out"] = trainer.left_out();
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  metrics["truncated_accuracy"] = truncated_json;
  basin::write_json(out + "metrics.json", metrics);

  const Settled model = settled_model(settings);
  const std::vector<Index> chosen = one_of_each(data.test);
  if (!chosen.empty()) {
    draw_channels(out + "channels.png", model, trainer.parameters(), data.test.images.view().sample(chosen.front()));
    draw_truncated(out + "truncated.png", model, trainer.parameters(), data.test, chosen);
  }
  draw_accuracy(out + "accuracy.png", curve);
  if (!history.empty()) draw_training(out + "training.png", history);
  std::printf(
      "test accuracy %.2f%%, of top halves %.2f%%; %zu parameters; %.2f evaluations forward, %.2f adjoint; "
      "not converged %.3f%%\nwrote %s\n",
      100 * accuracy, 100 * curve[5].second, Settled::param_count, solves.forward.mean_evaluations(),
      solves.adjoint.mean_evaluations(), 100 * solves.forward.nonconverged_fraction(), settings.out.c_str());
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line, basin::examples::Processes& processes) {
  basin::examples::check_one_of("evaluate", settings.evaluate, "resume", settings.resume);
  const bool trains = settings.evaluate.empty();
  const std::string from = basin::examples::take_checkpoint(command_line, trains ? settings.resume : settings.evaluate);
  basin::set_threads(processes.threads(settings.threads));
  if (processes.writes()) {
    basin::examples::prepare_outputs(settings.out, {"metrics.json", "channels.png", "truncated.png", "accuracy.png",
                                                    "accuracy.svg", "training.png", "training.svg"});
  }
  const Data data = load_data(settings.data, settings.images, settings.test_images);
  if (settings.epochs == 0) settings.epochs = default_epochs(data);
  Trainer trainer(settings, data, processes);
  basin::Training training({.iterations = trainer.iterations(),
                            .checkpoint = trains && processes.writes() ? settings.out + "/checkpoint.safetensors" : "",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(),
                                      .settings = command_line.settings(),
                                      .data = trains ? basin::examples::fingerprint(data.name, data.train.images) : ""},
                            .progress = processes.writes() ? stdout : nullptr,
                            .agree = [&](int reason) { return processes.agree(reason); }});
  if (!from.empty()) trainer.resume(training, from);
  if (trains) {
    if (processes.several() && processes.writes()) std::printf("%d processes of MPI\n", processes.size());
    if (processes.writes()) {
      std::printf("%s: %td training and %td test images; %zu parameters; %s, %s, %d threads\n", data.name.c_str(),
                  data.train.images.shape.samples, data.test.images.shape.samples, Settled::param_count,
                  settings.solver.c_str(), settings.adjoint.c_str(), basin::threads());
    }
    if (trainer.run(training) == basin::TrainingEnd::stopped) {
      if (!processes.writes()) return 128 + training.signal();
      return basin::examples::stopped(training, training.options().checkpoint);
    }
  }
  write_results(settings, data, trainer, training, processes);
  return 0;
}

}  // namespace deq_digits

int main(int argc, char** argv) {
  basin::examples::Processes processes(argc, argv);
  deq_digits::Settings settings;
  basin::examples::CommandLine command_line("deq_digits", deq_digits::description, deq_digits::footer);
  deq_digits::describe(settings, command_line);
  return basin::examples::main_of(
      command_line, argc, argv, [&] { return deq_digits::run(settings, command_line, processes); },
      [&](int status, const std::string& message) { return processes.fail("deq_digits", status, message); });
}
