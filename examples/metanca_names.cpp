// metanca_names: what the neighbourhood of a weight is good for. Trains a rule whose cells know the code of one end of
// their connection, and have to agree with their neighbours on who the neuron at the other end is.
//
//   metanca_names --help
//
// metanca_names/settings.hpp has the options, rule.hpp the rule; tasks, architectures and codes are those of
// metanca_iris and metanca_mnist, the training is support/meta_trainer.hpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/io/checkpoint.hpp"
#include "basin/io/json.hpp"
#include "metanca_iris/measuring.hpp"
#include "metanca_mnist/trainer.hpp"
#include "metanca_names/rule.hpp"
#include "metanca_names/settings.hpp"
#include "support/chart.hpp"
#include "support/meta_trainer.hpp"
#include "support/process.hpp"
#include "support/trainings.hpp"

namespace metanca_names {

inline constexpr double pool_step = 0.5;  // of the way, an update in the second stage and afterwards

struct IrisPlaces {
  static constexpr std::array<int, 2> last_columns{3 * metanca_iris::waves + metanca_iris::classes + 2,
                                                   3 * metanca_iris::waves + metanca_iris::classes + 5};
  static constexpr int row_roles = metanca_iris::inputs + 3 * metanca_iris::waves;
  static constexpr std::array<int, 8> nameless_rows{row_roles + 1, row_roles + 3, row_roles + 6,  row_roles + 7,
                                                    row_roles + 8, row_roles + 9, row_roles + 10, row_roles + 11};
};
using IrisRule = NamingRule<4, 32, metanca_iris::row_codes, metanca_iris::column_codes, IrisPlaces>;

struct DigitPlaces {
  static constexpr int column_roles = 3 * metanca_mnist::neuron_waves + metanca_mnist::classes;
  static constexpr std::array<int, 2> last_columns{column_roles + 1, column_roles + 4};
  static constexpr int row_roles =
      metanca_mnist::pixel_waves * metanca_mnist::pixel_waves + 3 * metanca_mnist::neuron_waves;
  static constexpr std::array<int, 7> nameless_rows{row_roles,     row_roles + 2, row_roles + 5, row_roles + 6,
                                                    row_roles + 7, row_roles + 8, row_roles + 9};
};
using DigitRule = NamingRule<8, 64, metanca_mnist::row_codes, metanca_mnist::column_codes, DigitPlaces>;
using CodedDigitRule = CodedRule<10, 64, metanca_mnist::row_codes, metanca_mnist::column_codes>;

inline Architecture iris_architecture(const std::vector<Index>& hidden) {
  constexpr Index neurons = 3 * metanca_iris::waves;
  return without_codes(metanca_iris::architecture_of(hidden), metanca_iris::inputs, neurons, 0, neurons);
}

/// `ends`: with the codes of pixels and classes.
inline Architecture digit_architecture(std::vector<Index> widths, bool ends) {
  constexpr Index plane = metanca_mnist::pixel_waves * metanca_mnist::pixel_waves,
                  neurons = 3 * metanca_mnist::neuron_waves;
  return without_codes(metanca_mnist::architecture_of(std::move(widths)), ends ? plane : 0,
                       ends ? neurons : plane + neurons, 0, ends ? neurons : neurons + metanca_mnist::classes);
}

/// `of_task`: what the task needs; what the user chose comes first.
inline basin::examples::MetaTraining training(const Settings& settings, basin::examples::MetaTraining of_task) {
  if (settings.iterations > 0) of_task.iterations = settings.iterations;
  if (settings.pool_iterations > 0) of_task.pool_iterations = settings.pool_iterations;
  if (settings.networks > 0) of_task.networks = settings.networks;
  of_task.rate = settings.rate;
  of_task.pool_rate = settings.pool_rate;
  of_task.pool_step = pool_step;
  of_task.least_updates = 7;
  of_task.most_updates = 12;
  of_task.explosion = 100;  // names that fall badly by chance give losses of many times the mean
  of_task.seed = settings.seed;
  return of_task;
}

/// Mean of numbers.
inline double mean(const std::vector<double>& numbers) {
  double sum = 0;
  for (const double one : numbers) sum += one;
  return sum / static_cast<double>(numbers.size());
}

/// Accuracy update by update from random networks, with the means of the neighbourhood and without them, and through
/// damage. `accuracy_of(z)` is the mean over the networks.
template <class Rule, class AccuracyOf>
basin::OrderedJson watched(const Settings& settings, const typename Rule::Theta& theta, const Architecture& of,
                           const AccuracyOf& accuracy_of, basin::examples::Series& curve) {
  basin::OrderedJson json;
  std::uint64_t round = 0;
  const auto update = [&](State<float>& z, Index count, bool neighbours) {
    State<float> next(z.shape);
    const auto model = Rule::updates(of, count, pool_step, basin::Random{settings.seed, 91}.bits(round++), neighbours);
    (void)model.apply(theta.span(), z.view(), next.view());
    std::swap(z, next);
  };
  const State<float> fresh = Rule::random_networks(of.network, settings.samples, settings.seed, std::uint64_t{1} << 50);
  State<float> settled = fresh;
  const int repairing = std::min(20, settings.horizon);  // updates, and those before the damage at most
  for (const bool neighbours : {true, false}) {
    State<float> z = fresh;
    Index made = 0;
    for (const Index updates : {0, 2, 5, 10, 20, 50, 200, 1000}) {
      if (updates > settings.horizon) break;
      if (updates > made) update(z, updates - made, neighbours);
      made = updates;
      const double accuracy = accuracy_of(z);
      json[neighbours ? "accuracy_after_updates" : "accuracy_after_updates_without_means"][std::to_string(updates)] =
          accuracy;
      if (neighbours && updates <= repairing) settled = z;
      if (!neighbours) continue;
      curve.x.push_back(static_cast<double>(updates));
      curve.y.push_back(100 * accuracy);
    }
  }
  for (const bool all : {false, true}) {
    for (std::size_t layer = 0; layer < of.network.layers().size(); ++layer) {
      basin::OrderedJson& repair =
          json["zero_out"]["layer " + std::to_string(layer) + (all ? ", weights and state" : ", weights")];
      repair["before"] = accuracy_of(settled);
      for (const bool neighbours : {true, false}) {
        State<float> z = settled;
        for (Index n = 0; n < z.shape.samples; ++n) {
          basin::examples::zero_out(z.view().sample(n), of.network, layer, all,
                                    {settings.seed, 1000 + static_cast<std::uint64_t>(n)});
        }
        if (neighbours) repair["damaged"] = accuracy_of(z);
        update(z, repairing, neighbours);
        repair["after_" + std::to_string(repairing) + (neighbours ? "" : "_without_means")] = accuracy_of(z);
      }
    }
  }
  std::printf("%s: %.4f at the end, %.4f without the means\n", of.network.to_string().c_str(),
              json["accuracy_after_updates"].back().get<double>(),
              json["accuracy_after_updates_without_means"].back().get<double>());
  return json;
}

/// What metanca_iris is told of the measuring.
inline metanca_iris::Settings measuring_of(const Settings& settings) {
  metanca_iris::Settings measuring;
  measuring.samples = settings.samples;
  measuring.updates = settings.updates;
  measuring.horizon = settings.horizon;
  return measuring;
}

/// Trains, and writes the rule. The exit status of the program if it was stopped, else 0.
template <class Rule, class WithLoss>
int train(const Settings& settings, basin::examples::Trainings& trainings, const std::string& trained_on,
          basin::examples::MetaTrainer<Rule>& trainer, const WithLoss& with_loss, basin::OrderedJson& metrics) {
  basin::Training training = trainings.take_up("", trained_on, trainer);
  std::printf("%s: %zu architectures, %zu parameters, %d threads\n", settings.task.c_str(),
              trainer.architectures().size(), Rule::Updates::param_count, basin::threads());
  if (const int status = trainings.run(training, "", trainer, with_loss); status != 0) return status;
  basin::save_parameters(settings.out + "/rule.safetensors", trainer.parameters());
  metrics["parameters"] = Rule::Updates::param_count;
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  return 0;
}

/// The exit status of the program.
inline int irises(const Settings& settings, basin::examples::Trainings& trainings, basin::OrderedJson& metrics,
                  std::vector<basin::examples::Series>& curves) {
  const metanca_iris::Settings measuring = measuring_of(settings);
  const basin::examples::IrisSplit split = basin::examples::split_iris(settings.seed);
  std::vector<Architecture> architectures;
  for (const std::vector<Index>& hidden : std::vector<std::vector<Index>>{
           {6}, {10}, {20}, {14}, {5, 10}, {8, 8}, {12, 6}, {16, 8}, {20, 12}, {10, 8}, {8, 16}, {14, 14}}) {
    architectures.push_back(iris_architecture(hidden));
  }
  basin::examples::MetaTrainer<IrisRule> trainer(
      training(settings, {.iterations = 2000, .pool_iterations = 3000, .networks = 4}), architectures);
  const auto with_loss = [&](std::uint64_t number, const Architecture& of, const auto& body) {
    const basin::examples::IrisSet set = metanca_iris::noisy(split.train, 0.2, settings.seed, number);
    body(metanca_iris::loss_of(of, set));
  };
  const std::string trained_on = basin::examples::fingerprint("irises", split.train.features);
  if (const int status = train(settings, trainings, trained_on, trainer, with_loss, metrics); status != 0) {
    return status;
  }
  architectures.push_back(iris_architecture({12}));
  architectures.push_back(iris_architecture({10, 10}));
  for (std::size_t a = 0; a < architectures.size(); ++a) {
    const Architecture& of = architectures[a];
    basin::OrderedJson& json = metrics[of.network.to_string()];
    json["trained"] = a + 2 < architectures.size();
    for (const bool neighbours : {true, false}) {
      std::vector<double> accuracies;
      std::vector<Index> within, least_at;
      for (const auto& way : metanca_iris::ways<IrisRule>(measuring, trainer.parameters(), of, split, settings.seed,
                                                          pool_step, neighbours)) {
        accuracies.push_back(way.accuracy);
        within.push_back(way.within);
        least_at.push_back(way.least_at);
      }
      basin::OrderedJson& part = json[neighbours ? "with_means" : "without_means"];
      part["test_accuracy"] = mean(accuracies);
      part["updates_to_least_median"] = metanca_iris::quantile(least_at, 0.5);
      part["within_a_tenth_median"] = metanca_iris::quantile(within, 0.5);
      part["within_a_tenth_lower_quartile"] = metanca_iris::quantile(within, 0.25);
      std::printf("%s %s means: test accuracy %.3f, least after %td, within a tenth for %td (lower quartile %td)\n",
                  of.network.to_string().c_str(), neighbours ? "with" : "without", mean(accuracies),
                  metanca_iris::quantile(least_at, 0.5), metanca_iris::quantile(within, 0.5),
                  metanca_iris::quantile(within, 0.25));
    }
    if (a != 1 && a != 5) continue;
    basin::examples::Series curve{of.network.to_string(), {}, {}};
    json["watched"] = watched<IrisRule>(
        settings, trainer.parameters(), of,
        [&](const State<float>& z) { return mean(metanca_iris::loss_of(of, split.test).accuracies(z.view())); }, curve);
    curves.push_back(std::move(curve));
  }
  return 0;
}

template <class Rule>
int digits(const Settings& settings, basin::examples::Trainings& trainings, basin::OrderedJson& metrics,
           std::vector<basin::examples::Series>& curves) {
  const basin::examples::DigitSets data = basin::examples::load_digits(settings.data);
  const metanca_mnist::Digits train_set(data.train), test(data.test);
  metrics["dataset"] = data.name;
  metrics["codes"] = settings.codes;
  constexpr bool ends = std::is_same_v<Rule, DigitRule>;
  std::vector<Architecture> architectures;
  const basin::Random widths{settings.seed, 100};
  for (std::uint64_t a = 0; a < 64; ++a) {
    const auto width = [&](std::uint64_t i) {
      return static_cast<Index>(std::llround(20 * std::pow(5.0, widths.uniform(2 * a + i))));
    };
    architectures.push_back(digit_architecture(metanca_mnist::widths_of(a % 2 == 0 ? 0 : width(0), width(1)), ends));
  }
  // Free in the second stage, the vote was lost here and not on irises (docs/metanca_names.md).
  basin::examples::MetaTrainer<Rule> trainer(
      training(settings, {.iterations = 3000, .pool_iterations = 2000, .networks = 2, .hold_to_end = true}),
      architectures);
  const auto with_loss = [&](std::uint64_t number, const Architecture& of, const auto& body) {
    const auto [images, labels] = metanca_mnist::batch_of(train_set, 512, settings.seed, number);
    body(metanca_mnist::loss_of(of, images.view(), labels));
  };
  const std::string trained_on = basin::examples::fingerprint(data.name, train_set.images);
  if (const int status = train(settings, trainings, trained_on, trainer, with_loss, metrics); status != 0) {
    return status;
  }
  const Index count = settings.test_images > 0 ? std::min<Index>(settings.test_images, test.images.shape.samples)
                                               : test.images.shape.samples;
  for (const auto& [x, y] : {std::pair<Index, Index>{0, 30}, {0, 50}, {0, 100}, {50, 50}, {90, 60}}) {
    const Architecture of = digit_architecture(metanca_mnist::widths_of(x, y), ends);
    basin::examples::Series curve{of.network.to_string(), {}, {}};
    metrics[of.network.to_string()] = watched<Rule>(
        settings, trainer.parameters(), of,
        [&](const State<float>& z) {
          return mean(metanca_mnist::loss_of(of, test.images.view().samples(0, count),
                                             std::span<const int>(test.labels).first(static_cast<std::size_t>(count)))
                          .accuracies(z.view()));
        },
        curve);
    curves.push_back(std::move(curve));
  }
  return 0;
}

inline void check_sizes(const Settings& settings) {
  if (settings.task == "iris") {
    metanca_iris::check_horizon(measuring_of(settings));
  } else {
    // Of the largest architecture that is watched: settled, before an update and behind it.
    basin::examples::check_memory(
        "--samples " + std::to_string(settings.samples),
        3 * metanca_mnist::bytes_of_networks(metanca_mnist::widths_of(90, 60), settings.samples, DigitRule::features));
  }
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  const std::string from = basin::examples::take_checkpoint(command_line, settings.resume);
  if (settings.task == "iris" && !settings.data.empty()) {
    throw std::invalid_argument("--data is " + settings.data + ", expected only with --task digits");
  }
  check_sizes(settings);
  basin::set_threads(settings.threads);
  basin::examples::prepare_outputs(
      settings.out, {"metrics.json", "updates.png", "updates.svg", "loss.png", "loss.svg", "rule.safetensors"});
  basin::examples::Trainings trainings(command_line, settings.out, from, settings.checkpoint_minutes);
  basin::OrderedJson metrics;
  metrics["task"] = settings.task;
  metrics["seed"] = settings.seed;
  std::vector<basin::examples::Series> curves;
  const int status = settings.task == "iris"       ? irises(settings, trainings, metrics, curves)
                     : settings.codes == "one-end" ? digits<DigitRule>(settings, trainings, metrics, curves)
                                                   : digits<CodedDigitRule>(settings, trainings, metrics, curves);
  if (status != 0) return status;
  basin::examples::write_png_and_svg(
      settings.out + "/updates.png",
      basin::examples::line_chart(
          curves, {.title = "Names found, weights made",
                   .x = {.label = "updates of the network", .scale = basin::examples::Scale::from_zero, .whole = true},
                   .y = {.label = "test accuracy, %", .low = 0, .high = 100}}));
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
  return 0;
}

}  // namespace metanca_names

int main(int argc, char** argv) {
  metanca_names::Settings settings;
  basin::examples::CommandLine command_line("metanca_names", metanca_names::description, metanca_names::footer);
  metanca_names::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv, [&] { return metanca_names::run(settings, command_line); });
}
