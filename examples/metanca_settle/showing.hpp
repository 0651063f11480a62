#pragma once

// What metanca_settle measures of new tasks, and draws: networks that settle, with as many evaluations as are allowed,
// and optimisers that learn from the same data.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "../metanca_learn/shape.hpp"
#include "../support/chart.hpp"
#include "../support/process.hpp"
#include "../support/sheet.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "trainer.hpp"

namespace metanca_settle {

inline constexpr const char* loss_name = "loss on data that were not shown";

/// New tasks, or those of the choice of rates, by number.
struct Trial {
  const Settings& settings;
  Family family;
  std::uint64_t seed;

  static constexpr std::uint64_t held_out = 0x6e6577;
  static constexpr Index asked = 500;

  [[nodiscard]] static std::uint64_t number(Index n) {
    return (std::uint64_t{1} << 36) + static_cast<std::uint64_t>(n);
  }
  [[nodiscard]] basin::Network network() const { return metanca_learn::network_for(family, {20, 20}); }
  [[nodiscard]] Task task(Index n) const { return {family, seed, number(n), nullptr}; }
  [[nodiscard]] Batches shown(Index n) const { return {task(n), Part::shown, settings.points, 1, seed, 2 * number(n)}; }
  [[nodiscard]] Batches test(Index n) const { return {task(n), Part::asked, asked, 1, seed, 2 * number(n) + 1}; }
  [[nodiscard]] State<float> drawn(Index n) const {
    return metanca_learn::fresh_network(network(), seed, number(n), 1);
  }
  [[nodiscard]] double accuracy(Index n, View<const float> z) const {
    const Batches data = test(n);
    return basin::LearningLoss{network(), data.view()}.results(z)[0].accuracy;
  }
};

/// Where task n's network has come to with so many evaluations at most, and how that ended.
inline basin::Report settle(const Trial& trial, const Theta& theta, Index n, int evaluations, View<float> z) {
  const basin::Network network = trial.network();
  const Batches shown = trial.shown(n);
  const State<float> u = trial.drawn(n);
  return model_of(network, shown.view(), evaluations, 0).apply<float>(theta.span(), u.view(), z);
}

/// Over tasks.
struct Settlings {
  double accuracy = 0, accuracy_of_settled = 0;
  basin::SolveCounts solves{};
};

inline Settlings settled(const Trial& trial, const Theta& theta, int evaluations) {
  struct One {
    double accuracy = 0;
    basin::SolveCounts solves{};
  };
  std::vector<One> ones(static_cast<std::size_t>(trial.settings.tasks));
  basin::parallel_for(trial.settings.tasks, [&](Index n) {
    State<float> z(trial.network().shape(features));
    One& one = ones[static_cast<std::size_t>(n)];
    one.solves = settle(trial, theta, n, evaluations, z.view()).forward;
    one.accuracy = trial.accuracy(n, z.view());
  });
  Settlings all;
  for (const One& one : ones) {
    all.accuracy += one.accuracy / static_cast<double>(ones.size());
    if (one.solves.converged() > 0) all.accuracy_of_settled += one.accuracy;
    all.solves += one.solves;
  }
  all.accuracy_of_settled /= static_cast<double>(all.solves.converged());  // of none: NaN
  return all;
}

/// Mean accuracy after so many steps of an optimiser on all data of a task, at every `between`-th of them, from 0 on.
inline std::vector<double> descended(const Trial& trial, const metanca_learn::Optimiser& optimiser, Index tasks,
                                     Index steps, Index between) {
  const basin::Network network = trial.network();
  std::vector<std::vector<double>> curves(static_cast<std::size_t>(tasks));
  basin::parallel_for(tasks, [&](Index n) {
    const Batches shown = trial.shown(n);
    metanca_learn::Learned learned(network, trial.drawn(n), optimiser, Trial::number(n));
    for (Index t = 0; t <= steps; ++t) {
      if (t % between == 0) curves[static_cast<std::size_t>(n)].push_back(trial.accuracy(n, learned.state().view()));
      if (t < steps) learned.learn(shown.view(), t);
    }
  });
  std::vector<double> mean(static_cast<std::size_t>(steps / between + 1), 0.0);
  for (const std::vector<double>& curve : curves) {
    for (std::size_t t = 0; t < mean.size(); ++t) mean[t] += curve[t] / static_cast<double>(tasks);
  }
  return mean;
}

/// Prints and keeps what gradient descent, momentum and Adam make of the same data, each with the rate and the number
/// of steps, at most so many, that are best on other tasks.
inline void compare(const Trial& trial, const Trial& choice, Index steps, basin::OrderedJson& json) {
  const Index between = std::max<Index>(1, steps / 40);
  for (metanca_learn::Optimiser one : metanca_learn::optimisers()) {
    if (one.kind == metanca_learn::Optimiser::alignment || one.kind == metanca_learn::Optimiser::hebbian) continue;
    double most = -1, rate = 0;
    std::ptrdiff_t best = 0;
    for (const double tried : metanca_learn::rates) {
      one.rate = tried;
      const auto curve = descended(choice, one, metanca_learn::choices(trial.settings.tasks), steps, between);
      const auto at = std::max_element(curve.begin(), curve.end());
      if (*at > most) {
        most = *at;
        rate = tried;
        best = between * (at - curve.begin());
      }
    }
    one.rate = rate;
    const double reached = descended(trial, one, trial.settings.tasks, best, std::max<Index>(1, best)).back();
    json[one.name] = {{"accuracy", reached}, {"rate", rate}, {"steps", best}};
    std::printf("  %s: accuracy %.3f (rate %g, %td steps)\n", one.name.c_str(), reached, rate, best);
  }
}

/// The first new task.
inline void draw_settling(const Trial& trial, const Theta& theta) {
  const Batches shown = trial.shown(0);
  const Task task = trial.task(0);
  const std::vector<int> in_sheet{2, 4, 8, 16, 32, 64, trial.settings.test_evaluations};
  basin::GifWriter gif(trial.settings.out + "/settling.gif");
  std::vector<basin::Image> pictures;
  std::vector<std::string> captions;
  State<float> z(trial.network().shape(features));
  for (int allowed = 2;; allowed = std::min(allowed + (allowed < 40 ? 2 : 8), trial.settings.test_evaluations)) {
    const bool settles = settle(trial, theta, 0, allowed, z.view()).forward.converged() > 0,
               ends = settles || allowed >= trial.settings.test_evaluations;
    const basin::Image picture = metanca_learn::shape_of(task, trial.network(), z.view(), shown, trial.settings.points);
    const std::string caption = std::to_string(allowed) + " evaluations" + (settles ? ", settled" : "");
    gif.add(basin::examples::captioned(picture, caption), ends ? 200 : 25);
    if (ends || std::find(in_sheet.begin(), in_sheet.end(), allowed) != in_sheet.end()) {
      pictures.push_back(picture);
      captions.push_back(caption);
    }
    if (ends) break;
  }
  gif.finish();
  basin::examples::write_png(
      trial.settings.out + "/settling.png",
      basin::examples::sheet(
          pictures, {.title = "A network that settles: " + trial.family.name, .captions = captions, .framed = true}));
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  const Theta& theta = trainer.parameters();
  const Trial trial{settings, trainer.family(), basin::fold_in(settings.seed, Trial::held_out)},
      choice{settings, trainer.family(), settings.seed};
  basin::OrderedJson metrics;
  metrics["family"] = settings.family;
  metrics["parameters"] = Model::param_count;
  metrics["tasks"] = settings.tasks;
  metrics["points"] = settings.points;
  metrics["network"] = trial.network().to_string();

  std::vector<int> allowed;
  for (int most = 5; most < settings.test_evaluations; most *= 2) allowed.push_back(most);
  allowed.push_back(settings.test_evaluations);
  basin::examples::Series accuracy{"accuracy on new points", {}, {}}, share{"networks that have settled", {}, {}};
  Settlings last;
  for (const int most : allowed) {
    last = settled(trial, theta, most);
    const double settled_share = 1 - last.solves.nonconverged_fraction();
    accuracy.x.push_back(most);
    accuracy.y.push_back(last.accuracy);
    share.x.push_back(most);
    share.y.push_back(settled_share);
    metrics["with evaluations"][std::to_string(most)] = {{"accuracy", last.accuracy}, {"settled", settled_share}};
    std::printf("%d evaluations: accuracy %.3f, %.0f%% settled\n", most, last.accuracy, 100 * settled_share);
  }
  metrics["accuracy"] = last.accuracy;
  metrics["accuracy_of_settled"] = last.accuracy_of_settled;
  metrics["nonconverged_fraction"] = last.solves.nonconverged_fraction();
  metrics["evaluations_mean"] = last.solves.mean_evaluations();
  std::printf("settled networks: accuracy %.3f; evaluations %.1f on average\n", last.accuracy_of_settled,
              last.solves.mean_evaluations());
  compare(trial, choice, settings.test_evaluations, metrics["beside it"]);
  if (settings.family == "planar") {
    for (const char* name : metanca_learn::planar_families) {
      Trial one = trial;
      one.family = Family::named(name);
      const Settlings of = settled(one, theta, settings.test_evaluations);
      metrics["of each family"][name] = {{"accuracy", of.accuracy},
                                         {"settled", 1 - of.solves.nonconverged_fraction()},
                                         {"evaluations_mean", of.solves.mean_evaluations()}};
      std::printf("%s: accuracy %.3f, %.0f%% settled, %.1f evaluations\n", name, of.accuracy,
                  100 * (1 - of.solves.nonconverged_fraction()), of.solves.mean_evaluations());
      Trial one_choice = choice;
      one_choice.family = one.family;
      compare(one, one_choice, settings.test_evaluations, metrics["of each family"][name]["beside it"]);
    }
  }
  basin::examples::write_png_and_svg(
      settings.out + "/evaluations.png",
      basin::examples::line_chart({accuracy, share}, {.title = "New tasks: " + settings.family,
                                                      .x = {.label = "evaluations of the rule that are allowed",
                                                            .scale = basin::examples::Scale::logarithmic},
                                                      .y = {.label = "share"}}));
  draw_settling(trial, theta);
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  if (trainer.solves().forward.results() > 0) {
    metrics["solves_of_training"] = {
        {"nonconverged_fraction", trainer.solves().forward.nonconverged_fraction()},
        {"evaluations_mean", trainer.solves().forward.mean_evaluations()},
        {"adjoint_nonconverged_fraction", trainer.solves().adjoint.nonconverged_fraction()},
        {"adjoint_evaluations_mean", trainer.solves().adjoint.mean_evaluations()}};
  }
  metrics["training"] = training.described();
  metrics["train_seconds"] = training.seconds();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
}

}  // namespace metanca_settle
