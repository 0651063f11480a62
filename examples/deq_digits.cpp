// deq_digits: a deep equilibrium model that reads handwritten digits, trained through the implicit function theorem.
//
//   deq_digits --help
//
// deq_digits/settings.hpp has the options, model.hpp the model, trainer.hpp the training, pictures.hpp the pictures.

#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "basin/io/json.hpp"
#include "deq_digits/pictures.hpp"
#include "deq_digits/settings.hpp"
#include "deq_digits/trainer.hpp"

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

inline void write_results(const Settings& settings, const Data& data, Trainer& trainer) {
  const std::string out = settings.out + "/";
  const double accuracy = trainer.test_accuracy();
  const auto curve = truncated_accuracy(trainer, accuracy);
  basin::OrderedJson truncated_json = basin::OrderedJson::object();
  for (const auto& [fraction, value] : curve) {
    std::array<char, 8> key{};
    std::snprintf(key.data(), key.size(), "%.1f", fraction);
    truncated_json[key.data()] = value;
  }
  const basin::Report& solves = trainer.solves();
  basin::OrderedJson metrics;
  metrics["dataset"] = data.name;
  metrics["parameters"] = Settled::param_count;
  metrics["epochs"] = trainer.history().size();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["solver"] = settings.solver;
  metrics["adjoint"] = settings.adjoint;
  metrics["tolerance"] = settings.tolerance;
  metrics["adjoint_tolerance"] = settings.adjoint_tolerance;
  metrics["test_accuracy"] = accuracy;
  metrics["test_accuracy_after_first_epoch"] =
      trainer.history().empty() ? basin::OrderedJson() : basin::OrderedJson(trainer.history().front().test_accuracy);
  metrics["forward_evaluations_mean"] = solves.forward.mean_evaluations();
  metrics["adjoint_evaluations_mean"] = solves.adjoint.mean_evaluations();
  metrics["nonconverged_fraction"] = solves.forward.nonconverged_fraction();
  metrics["adjoint_nonconverged_fraction"] = solves.adjoint.nonconverged_fraction();
  metrics["gradients_bounded"] = trainer.bounded();
  metrics["gradients_left_out"] = trainer.left_out();
  metrics["train_seconds"] = trainer.train_seconds();
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
  if (!trainer.history().empty()) draw_training(out + "training.png", trainer.history());
  std::printf(
      "test accuracy %.2f%%, of top halves %.2f%%; %zu parameters; %.2f evaluations forward, %.2f adjoint; "
      "not converged %.3f%%\nwrote %s\n",
      100 * accuracy, 100 * curve[5].second, Settled::param_count, solves.forward.mean_evaluations(),
      solves.adjoint.mean_evaluations(), 100 * solves.forward.nonconverged_fraction(), settings.out.c_str());
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  const std::string from = settings.evaluate.empty() ? settings.resume : settings.evaluate;
  if (!settings.evaluate.empty() && !settings.resume.empty()) {
    throw std::invalid_argument("--evaluate and --resume are both given, expected one of them");
  }
  if (!from.empty()) command_line.take(basin::CheckpointReader(from).metadata("settings"), from);
  basin::set_threads(settings.threads);
  std::filesystem::create_directories(settings.out);
  const Data data = load_data(settings.data, settings.images);
  if (settings.epochs == 0) settings.epochs = default_epochs(data);
  const Index images = data.train.images.shape.samples;
  basin::check(settings.batch <= images, "--batch", settings.batch,
               "at most the number of training images, " + std::to_string(images));
  Trainer trainer(settings, data);
  if (!from.empty()) trainer.load(from, settings.evaluate.empty());
  if (settings.evaluate.empty()) {
    std::printf("%s: %td training and %td test images; %zu parameters; %s, %s, %d threads\n", data.name.c_str(), images,
                data.test.images.shape.samples, Settled::param_count, settings.solver.c_str(), settings.adjoint.c_str(),
                basin::threads());
    if (!basin::examples::train_and_save(trainer, settings.out)) return basin::examples::interrupted_status;
  }
  write_results(settings, data, trainer);
  return 0;
}

}  // namespace deq_digits

int main(int argc, char** argv) {
  deq_digits::Settings settings;
  basin::examples::CommandLine command_line("deq_digits", deq_digits::description, deq_digits::footer);
  deq_digits::describe(settings, command_line);
  return basin::examples::main_of("deq_digits", command_line, argc, argv,
                                  [&] { return deq_digits::run(settings, command_line); });
}
