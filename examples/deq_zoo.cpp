// deq_zoo: one equilibrium network through every solver and every adjoint, and published networks.
//
//   deq_zoo --help
//
// deq_zoo/settings.hpp has the options, comparison.hpp the table, published.hpp the networks of the literature and
// trainer.hpp their training.

#include <cstdio>
#include <string>

#include "basin/core/parallel.hpp"
#include "basin/io/json.hpp"
#include "basin/io/training.hpp"
#include "deq_zoo/comparison.hpp"
#include "deq_zoo/settings.hpp"
#include "deq_zoo/trainer.hpp"
#include "support/process.hpp"
#include "support/trainings.hpp"

namespace deq_zoo {

/// The first `count` images, from `first` on.
inline LabelledImages part_of(const LabelledImages& all, Index first, Index count) {
  LabelledImages part;
  part.images = State<float>(all.images.view().samples(first, count));
  part.labels.assign(all.labels.begin() + first, all.labels.begin() + first + count);
  return part;
}

/// What is trained on, and evaluated on, as the settings say.
inline basin::examples::DigitSets chosen(const Settings& settings) {
  basin::examples::DigitSets data = basin::examples::load_digits(settings.data);
  for (LabelledImages* const set : {&data.train, &data.test}) normalize(set->images);
  const Index all = data.train.images.shape.samples, tests = data.test.images.shape.samples;
  basin::examples::check_option(settings.held_back < all, "--held-back", settings.held_back,
                                "below " + std::to_string(all));
  if (settings.held_back > 0) {
    data.test = part_of(data.train, all - settings.held_back, settings.held_back);
    data.train = part_of(data.train, 0, all - settings.held_back);
  } else if (settings.test_images > 0) {
    basin::examples::check_option(settings.test_images <= tests, "--test-images", settings.test_images,
                                  "at most " + std::to_string(tests));
    data.test = part_of(data.test, 0, settings.test_images);
  }
  if (settings.images > 0) {
    const Index left = data.train.images.shape.samples;
    basin::examples::check_option(settings.images <= left, "--images", settings.images,
                                  "at most " + std::to_string(left));
    data.train = part_of(data.train, 0, settings.images);
  }
  return data;
}

template <class Network>
int train(Settings& settings, const basin::examples::CommandLine& command_line, const std::string& from) {
  fill_up(settings, Network::recipe);  // before a checkpoint takes note of them
  basin::examples::prepare_outputs(settings.out, {"metrics.json", "loss.png", "loss.svg"});
  const basin::examples::DigitSets data = chosen(settings);
  Trainer<Network> trainer(settings, data.train, data.test);
  basin::examples::Trainings trainings(command_line, settings.out, from, settings.checkpoint_minutes);
  basin::Training training = trainings.take_up("", basin::examples::fingerprint(data.name, data.train.images), trainer);
  constexpr std::size_t parameters = Network::Model::param_count;
  std::printf("%s: %td training and %td other images; %s, %zu parameters; %s, %d threads\n", data.name.c_str(),
              data.train.images.shape.samples, data.test.images.shape.samples, settings.model.c_str(), parameters,
              settings.adjoint.c_str(), basin::threads());
  if (const int status = trainings.run(training, "", trainer); status != 0) return status;

  basin::Report of_test;
  const double accuracy = trainer.test_accuracy(of_test);
  const basin::Report& solves = trainer.solves();
  basin::OrderedJson metrics;
  metrics["model"] = settings.model;
  metrics["dataset"] = data.name;
  metrics["evaluated_on"] = settings.held_back > 0 ? "training images that were held back" : "test images";
  metrics["parameters"] = parameters;
  metrics["epochs"] = settings.epochs;
  metrics["batch"] = settings.batch;
  metrics["rate"] = settings.rate;
  metrics["schedule"] = settings.schedule;
  metrics["distort"] = settings.distort;
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["adjoint"] = settings.adjoint;
  metrics["tolerance"] = settings.tolerance;
  metrics["adjoint_tolerance"] = settings.adjoint_tolerance;
  metrics["accuracy"] = accuracy;
  metrics["accuracy_after_each_epoch"] = trainer.test_accuracies();
  metrics["forward_evaluations_mean"] = solves.forward.mean_evaluations();
  metrics["adjoint_evaluations_mean"] = solves.adjoint.mean_evaluations();
  metrics["nonconverged_fraction"] = solves.forward.nonconverged_fraction();
  metrics["nonconverged_fraction_evaluated"] = of_test.forward.nonconverged_fraction();
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("accuracy %.2f%%; %.1f evaluations forward, %.1f adjoint; not converged %.3f%%\nwrote %s\n",
              100 * accuracy, solves.forward.mean_evaluations(), solves.adjoint.mean_evaluations(),
              100 * solves.forward.nonconverged_fraction(), settings.out.c_str());
  return 0;
}

inline int compare(Settings& settings, const basin::examples::CommandLine& command_line, const std::string& from) {
  for (const auto& [name, value] :
       {std::pair<const char*, std::string>{"adjoint", settings.adjoint}, {"schedule", settings.schedule}}) {
    if (!value.empty()) throw basin::examples::UsageError("--" + std::string(name) + " needs a --model");
  }
  if (settings.distort > 0) throw basin::examples::UsageError("--distort needs a --model");
  fill_up(settings);  // before a checkpoint takes note of them
  basin::examples::prepare_outputs(
      settings.out, {"metrics.json", "zoo.csv", "convergence.png", "convergence.svg", "gradient.png", "gradient.svg"});
  const basin::examples::DigitSets data = chosen(settings);
  Comparison comparison(settings, data.train, data.test);
  basin::Json kept = command_line.settings();
  for (const char* const of_a_model : {"adjoint", "schedule", "distort"}) kept.erase(of_a_model);
  basin::Training training({.iterations = comparison.iterations(),
                            .checkpoint = settings.out + "/checkpoint.safetensors",
                            .checkpoint_minutes = settings.checkpoint_minutes,
                            .label = {.program = command_line.program(),
                                      .settings = kept,
                                      .data = basin::examples::fingerprint(data.name, data.train.images)}});
  if (!from.empty()) {
    const basin::CheckpointReader file(from, command_line.program());
    for (const auto& [key, value] : kept.items()) file.expect_setting(key, value);  // all rows are of one kind
    comparison.resume(training, from);
  }
  std::printf("%s: %td training and %td other images; %zu parameters; %d threads\n", data.name.c_str(),
              data.train.images.shape.samples, data.test.images.shape.samples, Comparison::parameters,
              basin::threads());
  if (comparison.run(training) == basin::TrainingEnd::stopped) {
    return basin::examples::stopped(training, training.options().checkpoint);
  }
  const std::vector<Row>& rows = comparison.rows();
  const std::string out = settings.out + "/";
  comparison.draw_convergence(out + "convergence.png");
  comparison.draw_gradients(out + "gradient.png");

  std::string csv = "solver,adjoint,accuracy,evaluations,adjoint evaluations,nonconverged,seconds,gradient error,MB\n";
  basin::OrderedJson table = basin::OrderedJson::array();
  for (const Row& row : rows) {
    std::array<char, 200> line{};
    std::snprintf(line.data(), line.size(), "%s,\"%s\",%.4f,%.2f,%.2f,%.5f,%.3f,%.3e,%.2f\n", row.solver.c_str(),
                  row.adjoint.c_str(), row.accuracy, row.evaluations, row.adjoint_evaluations, row.failed, row.seconds,
                  row.gradient_error, row.megabytes);
    csv += line.data();
    table.push_back({{"solver", row.solver},
                     {"adjoint", row.adjoint},
                     {"accuracy", row.accuracy},
                     {"forward_evaluations_mean", row.evaluations},
                     {"adjoint_evaluations_mean", row.adjoint_evaluations},
                     {"nonconverged_fraction", row.failed},
                     {"train_seconds", row.seconds},
                     {"gradient_error", row.gradient_error},
                     {"megabytes", row.megabytes}});
  }
  basin::write_file(out + "zoo.csv", csv);
  basin::OrderedJson metrics;
  metrics["dataset"] = data.name;
  metrics["images"] = settings.images;
  metrics["epochs"] = settings.epochs;
  metrics["batch"] = settings.batch;
  metrics["rate"] = settings.rate;
  metrics["tolerance"] = settings.tolerance;
  metrics["adjoint_tolerance"] = settings.adjoint_tolerance;
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["rows"] = table;
  metrics["training"] = training.described();
  basin::write_json(out + "metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
  return 0;
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  const std::string from = basin::examples::take_checkpoint(command_line, settings.resume);
  basin::set_threads(settings.threads);
  if (settings.model == "zoo") return compare(settings, command_line, from);
  if (settings.model == "mondeq-fc") return train<MondeqFc>(settings, command_line, from);
  if (settings.model == "mondeq-conv") return train<MondeqConv>(settings, command_line, from);
  return train<Jfb>(settings, command_line, from);
}

}  // namespace deq_zoo

int main(int argc, char** argv) {
  deq_zoo::Settings settings;
  basin::examples::CommandLine command_line("deq_zoo", deq_zoo::description, deq_zoo::footer);
  deq_zoo::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return deq_zoo::run(settings, command_line); });
}
