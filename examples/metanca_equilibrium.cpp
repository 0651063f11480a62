// metanca_equilibrium: networks as the fixed points of one rule for all their weights. Trains the rule of metanca_mnist
// by the implicit gradient, beside the same rule trained through its updates, and compares accuracy, time, memory, and
// how firmly the networks rest.
//
//   metanca_equilibrium --help
//
// metanca_equilibrium/settings.hpp has the options, settled.hpp the equilibrium and its training; the rule, the
// architectures and the training through updates are those of metanca_mnist.

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "basin/fixed_point/stability.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/io/json.hpp"
#include "metanca_equilibrium/settled.hpp"
#include "support/chart.hpp"
#include "support/process.hpp"
#include "support/trainings.hpp"

namespace metanca_equilibrium {

inline constexpr Index updates = 10;  // of networks that are not solved

/// Over [784, X, Y, 10], X and Y the first --widths of 0, 10, 30, 50, 90 and of 10, 30, 50, 100.
struct Accuracies {
  double mean = 0, least = 1;
};

template <class AccuracyOf>
Accuracies over_architectures(int widths, const AccuracyOf& accuracy_of) {
  const auto first = [&](std::span<const Index> of) {
    return of.first(std::min(of.size(), static_cast<std::size_t>(widths)));
  };
  constexpr std::array<Index, 5> all_x{0, 10, 30, 50, 90};
  constexpr std::array<Index, 4> all_y{10, 30, 50, 100};
  Accuracies all;
  double sum = 0, count = 0;
  for (const Index x : first(all_x)) {
    for (const Index y : first(all_y)) {
      const double accuracy = accuracy_of(metanca_mnist::architecture_of(metanca_mnist::widths_of(x, y)));
      sum += accuracy;
      count += 1;
      all.least = std::min(all.least, accuracy);
    }
  }
  all.mean = sum / count;
  return all;
}

inline basin::OrderedJson json_of(const Accuracies& all) { return {{"mean", all.mean}, {"least", all.least}}; }

inline basin::OrderedJson json_of(const basin::SolveCounts& solves) {
  return {{"solves", solves.solves()},
          {"not_converged", solves.solves() - solves.converged()},
          {"mean_evaluations", solves.mean_evaluations()}};
}

/// What a rule is worth when its networks are solved, and when they are updated; and how firmly one of them rests.
inline basin::OrderedJson measured(const Settings& settings, const Theta& theta, const Digits& test) {
  const Index images = settings.test_images > 0 ? std::min<Index>(settings.test_images, test.images.shape.samples)
                                                : test.images.shape.samples;
  const auto accuracy = [&](const Architecture& of, View<const float> z) {
    return metanca_mnist::loss_of(of, test.images.view().samples(0, images),
                                  std::span<const int>(test.labels).first(static_cast<std::size_t>(images)))
        .accuracies(z)
        .front();
  };
  basin::Report report;
  const Accuracies solved = over_architectures(settings.widths, [&](const Architecture& of) {
    State<float> z(of.network.shape(Placed::features, 1));
    const State<float> none = no_input(of, 1);
    report += settled_of(of, settings).apply<float>(theta.span(), none.view(), z.view());
    return accuracy(of, z.view());
  });
  const auto rule = parameters_of<Placed::Updates>(theta);
  const Accuracies updated = over_architectures(settings.widths, [&](const Architecture& of) {
    const State<float> start = Placed::random_networks(of.network, 1, settings.seed, std::uint64_t{1} << 50);
    State<float> z(start.shape);
    const auto model = Placed::updates(of, updates, metanca_mnist::pool_step, settings.seed, true);
    (void)model.apply<float>(rule.span(), start.view(), z.view());
    return accuracy(of, z.view());
  });

  const Architecture middle = metanca_mnist::architecture_of(metanca_mnist::widths_of(50, 50));
  const Map map = map_of(middle);
  const auto map_theta = parameters_of<Map>(theta);
  const State<float> nothing = no_input(middle, 1);
  // The solver's state, and not where the map leads: with an eigenvalue below -1 it would jump to and fro around it.
  basin::Attractor<float> attractor;
  attractor.period = 1;
  attractor.phases.emplace_back(middle.network.shape(Placed::features, 1));
  Settled tight = settled_of(middle, settings);
  tight.stop.tolerance = 1e-5;
  const basin::Report of_rest = tight.apply<float>(theta.span(), nothing.view(), attractor.phases[0].view());
  const basin::Stability firm =
      basin::stability<Map, float>(map, map_theta.span(), nothing.view(), attractor,
                                   {.arnoldi = {.dimension = 20, .tolerance = 1e-3}, .singular = {.tolerance = 1e-2}});
  basin::OrderedJson json;
  json["accuracy_solved"] = json_of(solved);
  json["solves"] = json_of(report.forward);
  json["accuracy_after_" + std::to_string(updates) + "_updates"] = json_of(updated);
  // What a hundred updates, of random cells half of the way, are still from the solver's state.
  const State<float>& settled = attractor.phases[0];
  State<float> far(settled.shape);
  const State<float> start = Placed::random_networks(middle.network, 1, settings.seed, std::uint64_t{1} << 50);
  (void)Placed::updates(middle, 100, metanca_mnist::pool_step, settings.seed, true)
      .apply<float>(rule.span(), start.view(), far.view());
  basin::OrderedJson& rest = json["784-50-50-10"];
  rest["distance_after_100_updates"] = (far.values - settled.values).norm() / settled.values.norm();
  rest["relative_residual"] = of_rest.forward.worst_residual;
  rest["outermost_eigenvalue"] = {firm.multiplier.eigenvalue.real(), firm.multiplier.eigenvalue.imag()};
  rest["spectral_radius"] = firm.multiplier.value;
  rest["spectral_radius_status"] = basin::name(firm.multiplier.status);
  rest["smallest_singular_value"] = firm.singular.value;
  rest["smallest_singular_value_status"] = basin::name(firm.singular.status);
  std::printf("  solved: mean %.4f, least %.4f (%zu of %zu solves did not converge); after %td updates: %.4f, %.4f\n",
              solved.mean, solved.least, report.forward.solves() - report.forward.converged(), report.forward.solves(),
              updates, updated.mean, updated.least);
  std::printf("  784-50-50-10: outermost eigenvalue %.3f%+.3fi, smallest singular value of I - J %.3f\n",
              firm.multiplier.eigenvalue.real(), firm.multiplier.eigenvalue.imag(), firm.singular.value);
  return json;
}

/// What one gradient of 784-50-50-10 takes, through the equilibrium and through more and more updates.
class Costs {
 public:
  Costs(const Settings& settings, const Digits& digits) : settings_(settings) {
    std::tie(images_, labels_) = metanca_mnist::batch_of(digits, settings.images, settings.seed, 0);
    start_ = Placed::random_networks(middle_.network, 1, settings.seed, 0);
  }

  /// Bytes that each takes beyond what the process has. To be called before the process has computed anything: what it
  /// has given back it would use again.
  void measure_memory() {
    const Theta theta = initial_theta(settings_);
    const std::int64_t nothing = basin::examples::peak_rss_of([] {});
    for (const Index steps : counts) {
      bytes_.push_back(basin::examples::peak_rss_of([&] { gradient(theta, steps); }) - nothing);
    }
  }

  /// The least time of the repetitions of each; all of it as JSON, and drawn.
  [[nodiscard]] basin::OrderedJson measured(const Theta& theta) const {
    basin::OrderedJson json;
    std::array<basin::examples::Series, 2> time{{{"through updates", {}, {}}, {"implicit", {}, {}}}}, memory = time;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      double seconds = std::numeric_limits<double>::infinity();
      for (int repetition = 0; repetition < settings_.repetitions; ++repetition) {
        const basin::examples::Stopwatch watch;
        gradient(theta, counts[i]);
        seconds = std::min(seconds, watch.seconds());
      }
      const std::string name = counts[i] == 0 ? "implicit" : std::to_string(counts[i]) + " updates";
      json[name] = {{"seconds", seconds}, {"bytes", bytes_[i]}};
      std::printf("gradient, %s: %.1f ms, %.1f MB\n", name.c_str(), 1e3 * seconds,
                  1e-6 * static_cast<double>(bytes_[i]));
      // The implicit one is a level line beside the others.
      for (std::size_t j = counts[i] == 0 ? 1 : i; j < (counts[i] == 0 ? counts.size() : i + 1); ++j) {
        const std::size_t line = counts[i] == 0 ? 1 : 0;
        time[line].x.push_back(static_cast<double>(counts[j]));
        time[line].y.push_back(1e3 * seconds);
        memory[line].x.push_back(static_cast<double>(counts[j]));
        memory[line].y.push_back(1e-6 * static_cast<double>(bytes_[i]));
      }
    }
    const auto chart = [](const auto& series, const std::string& y) {
      return basin::examples::line_chart(
          {series.begin(), series.end()},
          {.x = {.label = "updates", .whole = true}, .y = {.label = y, .low = 0}, .width = 300, .height = 220});
    };
    basin::examples::write_png_and_svg(
        settings_.out + "/cost.png",
        basin::examples::panels("What a gradient of a network 784-50-50-10 takes",
                                {chart(time, "milliseconds"), chart(memory, "megabytes")}));
    return json;
  }

 private:
  static constexpr std::array<Index, 7> counts{0, 1, 2, 5, 10, 20, 50};

  void gradient(const Theta& theta, Index steps) const {
    const auto loss = metanca_mnist::loss_of(middle_, images_.view(), labels_);
    if (steps == 0) {
      const State<float> none = no_input(middle_, 1);
      (void)basin::value_and_gradient(settled_of(middle_, settings_), theta, none.view(), loss,
                                      {.samples_per_part = 1});
    } else {
      const auto model = Placed::updates(middle_, steps, metanca_mnist::pool_step, settings_.seed, true);
      (void)basin::value_and_gradient(model, parameters_of<Placed::Updates>(theta), start_.view(), loss,
                                      {.samples_per_part = 1});
    }
  }

  const Settings& settings_;
  Architecture middle_ = metanca_mnist::architecture_of(metanca_mnist::widths_of(50, 50));
  State<float> images_{}, start_{};
  std::vector<int> labels_;
  std::vector<std::int64_t> bytes_;
};

/// The training through updates, of as many iterations.
inline metanca_mnist::Settings settings_of_updates(const Settings& settings) {
  metanca_mnist::Settings of_updates;
  of_updates.iterations = 2 * settings.iterations / 3;
  of_updates.pool_iterations = settings.iterations - of_updates.iterations;
  of_updates.architectures = settings.architectures;
  of_updates.images = settings.images;
  of_updates.networks = settings.networks;
  of_updates.rate = settings.rate;
  of_updates.seed = settings.seed;
  of_updates.weight_decay = of_updates.distortion = 0;  // as the training through the equilibrium
  return of_updates;
}

inline int run(Settings& settings, basin::examples::CommandLine& command_line) {
  basin::examples::take_checkpoints(command_line, settings.resume);
  metanca_mnist::check_training_memory(settings.architectures, settings.networks, settings.images);
  basin::set_threads(settings.threads);
  basin::examples::prepare_outputs(
      settings.out, {"metrics.json", "cost.png", "cost.svg", "loss.png", "loss.svg", "settled.safetensors",
                     "updates.safetensors", "checkpoint_settled.safetensors", "checkpoint_updates.safetensors"});
  const basin::examples::DigitSets data = basin::examples::load_digits(settings.data);
  const Digits train(data.train), test(data.test);
  Costs costs(settings, train);
  if (settings.repetitions > 0) costs.measure_memory();
  metanca_mnist::Trainer through_updates(settings_of_updates(settings), train);
  SettledTrainer through_equilibrium(settings, through_updates.architectures(), train);
  basin::examples::Trainings trainings(command_line, settings.out, settings.resume, settings.checkpoint_minutes);
  const std::string trained_on = basin::examples::fingerprint(data.name, train.images);
  // Both are read before the first goes on: what does not fit is refused at once.
  basin::Training first = trainings.take_up("settled", trained_on, through_equilibrium);
  basin::Training second = trainings.take_up("updates", trained_on, through_updates);

  basin::OrderedJson metrics;
  metrics["dataset"] = data.name;
  metrics["parameters"] = Settled::param_count;
  metrics["iterations"] = settings.iterations;
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  std::printf("%s: through the equilibrium\n", data.name.c_str());
  if (const int status = trainings.run(first, "settled", through_equilibrium); status != 0) return status;
  basin::save_parameters(settings.out + "/settled.safetensors", through_equilibrium.parameters());
  basin::OrderedJson& settled = metrics["through_equilibrium"];
  settled = measured(settings, through_equilibrium.parameters(), test);
  settled["training_solves"] = json_of(through_equilibrium.solves().forward);
  settled["training_adjoint_solves"] = json_of(through_equilibrium.solves().adjoint);
  settled["roll_backs"] = through_equilibrium.roll_backs();
  settled["train_seconds"] = first.seconds();
  settled["training"] = first.described();

  std::printf("through updates\n");
  if (const int status = trainings.run(second, "updates", through_updates); status != 0) return status;
  basin::save_parameters(settings.out + "/updates.safetensors", through_updates.parameters());
  Theta theta;
  theta.vector() = through_updates.parameters().vector();
  basin::OrderedJson& updated = metrics["through_updates"];
  updated = measured(settings, theta, test);
  updated["roll_backs"] = through_updates.roll_backs();
  updated["train_seconds"] = second.seconds();
  updated["training"] = second.described();

  if (settings.repetitions > 0) metrics["cost_of_a_gradient"] = costs.measured(through_equilibrium.parameters());
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
  return 0;
}

}  // namespace metanca_equilibrium

int main(int argc, char** argv) {
  metanca_equilibrium::Settings settings;
  basin::examples::CommandLine command_line("metanca_equilibrium", metanca_equilibrium::description,
                                            metanca_equilibrium::footer);
  metanca_equilibrium::describe(settings, command_line);
  return basin::examples::main_of(command_line, argc, argv,
                                  [&] { return metanca_equilibrium::run(settings, command_line); });
}
