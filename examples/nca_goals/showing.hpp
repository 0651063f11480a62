#pragma once

// What nca_goals measures and draws: each goal grown from one cell and kept, each picture changed into each other one,
// and one life through all of them.

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "trainer.hpp"

namespace nca_goals {

inline constexpr const char* loss_name = "mean squared error";

/// Samples of one trained automaton, each with its goal.
class Life {
 public:
  Life(const Settings& settings, const Trainer& trainer, State<float> states)
      : trainer_(trainer), z_(std::move(states)) {
    model_.steps = 1;
    model_.automaton.fire.seed = basin::Random{settings.seed, show_stream}.bits(0);
  }

  /// Steps with these goals; look(step) is called after each.
  template <class Look>
  void run(const std::vector<std::int64_t>& goals, Index steps, const Look& look) {
    const State<float> u = told(goals);
    const auto theta = trainer_.parameters().as<Model>();
    State<float> next(z_.shape);
    for (Index t = 1; t <= steps; ++t) {
      (void)model_.apply(theta.span(), z_.view(), u.view(), next.view(), {.step = step_++});
      std::swap(z_, next);
      look(t);
    }
  }
  void run(const std::vector<std::int64_t>& goals, Index steps) {
    run(goals, steps, [](Index) {});
  }

  [[nodiscard]] const State<float>& states() const { return z_; }
  /// Of each sample.
  [[nodiscard]] std::vector<double> errors(const std::vector<std::int64_t>& goals) const {
    return basin::losses_of_samples(trainer_.error(goals), z_.view());
  }

 private:
  const Trainer& trainer_;
  State<float> z_;
  Model model_;
  Index step_ = 0;
};

/// `each` samples of every goal, one goal after the other.
inline std::vector<std::int64_t> all_goals(Index goals, Index each) {
  std::vector<std::int64_t> all;
  for (Index goal = 0; goal < goals; ++goal) all.insert(all.end(), static_cast<std::size_t>(each), goal);
  return all;
}

inline State<float> seeds(const Trainer& trainer, Index count) {
  State<float> all(trainer.seed().shape.with_samples(count));
  all.view().columns().colwise() = trainer.seed().values;
  return all;
}

/// The means of groups of `each` numbers.
inline std::vector<double> means(const std::vector<double>& numbers, Index each) {
  std::vector<double> all;
  for (std::size_t i = 0; i < numbers.size(); i += static_cast<std::size_t>(each)) {
    double sum = 0;
    for (Index k = 0; k < each; ++k) sum += numbers[i + static_cast<std::size_t>(k)];
    all.push_back(sum / static_cast<double>(each));
  }
  return all;
}

/// One life: each goal in turn, and the first again.
inline void draw_life(const std::string& out, const Settings& settings, const Trainer& trainer,
                      const std::vector<Goal>& goals) {
  Life life(settings, trainer, seeds(trainer, 1));
  const Index scale = std::max<Index>(2, 250 / trainer.seed().shape.space[0]);
  basin::GifWriter gif(out + "life.gif", {.delay = 5});
  std::vector<basin::Image> strip;
  std::vector<std::string> captions;
  for (std::size_t turn = 0; turn <= goals.size(); ++turn) {
    const std::size_t goal = turn % goals.size();
    const auto look = [&](Index t) {
      const bool last = t == settings.steps;
      if (t % 2 == 0 || last) {
        gif.add(basin::examples::captioned(basin::image_over_white(life.states().view().sample(0), scale),
                                           goals[goal].name),
                last ? 60 : 5);
      }
      const std::array<Index, 4> shown{8, 16, 32, settings.steps};
      if (turn < 4 && std::find(shown.begin(), shown.end(), t) != shown.end()) {
        strip.push_back(basin::image_over_white(life.states().view().sample(0), 1));
        captions.push_back(goals[goal].name + ", step " + std::to_string(t));
      }
    };
    life.run({static_cast<std::int64_t>(goal)}, settings.steps, look);
  }
  gif.finish();
  basin::examples::write_png(
      out + "changes.png",
      basin::examples::sheet(strip, {.columns = 4, .scale = 4, .captions = captions, .framed = true}));
}

inline void show(const Settings& settings, const Trainer& trainer, const std::vector<Goal>& goals,
                 const basin::Training& training) {
  constexpr Index each = 8;
  const std::string out = settings.out + "/";
  const Index count = trainer.goals();
  // Grown from one cell, and kept.
  const auto grown_goals = all_goals(count, each);
  Life grown(settings, trainer, seeds(trainer, count * each));
  grown.run(grown_goals, settings.steps);
  const std::vector<double> after = means(grown.errors(grown_goals), each);
  std::vector<basin::Image> pictures;
  const auto add = [&](const View<const float>& sample) { pictures.push_back(basin::image_over_white(sample, 1)); };
  for (Index goal = 0; goal < count; ++goal) add(trainer.targets().view().sample(goal));
  for (Index goal = 0; goal < count; ++goal) add(grown.states().view().sample(goal * each));
  // From each to each: the first sample of a goal is told all others.
  State<float> before(grown.states().shape.with_samples(count * count));
  std::vector<std::int64_t> changed_goals;
  for (Index from = 0; from < count; ++from) {
    for (Index to = 0; to < count; ++to) {
      before.view().sample(from * count + to).vector() = grown.states().view().sample(from * each).vector();
      changed_goals.push_back(to);
    }
  }
  Life changed(settings, trainer, before);
  changed.run(changed_goals, settings.steps);
  const std::vector<double> changes = changed.errors(changed_goals);
  grown.run(grown_goals, settings.keep_steps);
  const std::vector<double> kept = means(grown.errors(grown_goals), each);
  for (Index goal = 0; goal < count; ++goal) add(grown.states().view().sample(goal * each));

  std::vector<std::string> names;
  for (const Goal& goal : goals) names.push_back(goal.name);
  basin::examples::write_png(
      out + "goals.png",
      basin::examples::sheet(pictures,
                             {.columns = count,
                              .scale = 3,
                              .row_captions = {"goal", "step " + std::to_string(settings.steps),
                                               "step " + std::to_string(settings.steps + settings.keep_steps)},
                              .column_captions = names,
                              .framed = true}));
  draw_life(out, settings, trainer, goals);
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);

  basin::OrderedJson metrics, table = basin::OrderedJson::object(), matrix = basin::OrderedJson::array();
  std::printf("%-12s %14s %14s %22s\n", "goal", ("step " + std::to_string(settings.steps)).c_str(),
              ("step " + std::to_string(settings.steps + settings.keep_steps)).c_str(), "changed to, worst");
  double worst_change = 0;
  for (Index to = 0; to < count; ++to) {
    const auto at = static_cast<std::size_t>(to);
    double worst = 0;
    for (Index from = 0; from < count; ++from) {
      if (from != to) worst = std::max(worst, changes[static_cast<std::size_t>(from * count + to)]);
    }
    worst_change = std::max(worst_change, worst);
    table[goals[at].name] = {{"grown", after[at]}, {"kept", kept[at]}, {"changed_worst", worst}};
    std::printf("%-12s %14.2g %14.2g %22.2g\n", goals[at].name.c_str(), after[at], kept[at], worst);
  }
  for (Index from = 0; from < count; ++from) {
    basin::OrderedJson row = basin::OrderedJson::array();
    for (Index to = 0; to < count; ++to) row.push_back(changes[static_cast<std::size_t>(from * count + to)]);
    matrix.push_back(row);
  }
  metrics["goals"] = table;
  metrics["error_from_row_to_column"] = matrix;
  metrics["worst_grown"] = *std::max_element(after.begin(), after.end());
  metrics["worst_kept"] = *std::max_element(kept.begin(), kept.end());
  metrics["worst_changed"] = worst_change;
  metrics["parameters"] = Rule::param_count;
  metrics["iterations"] = training.losses().size();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(out + "metrics.json", metrics);
  std::printf("mean squared errors, of %td runs each, and of one from each goal to each; wrote %s\n", each,
              settings.out.c_str());
}

}  // namespace nca_goals
