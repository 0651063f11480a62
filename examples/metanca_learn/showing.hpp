#pragma once

// What metanca_learn writes: what was measured, curves, and a network that takes shape.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "../support/chart.hpp"
#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "measuring.hpp"
#include "shape.hpp"

namespace metanca_learn {

inline constexpr const char* loss_name = "loss on data that were not shown";

/// Batches after which is told how well tasks are learned.
inline std::vector<Index> told_after(Index batches) {
  std::vector<Index> told;
  for (const Index t : {1, 2, 5, 10, 20, 50, 100, 200}) {
    if (t < batches) told.push_back(t);
  }
  told.push_back(batches);
  return told;
}

/// The first new task, batch by batch.
inline void draw_shape(const Trial& trial, const Theta& theta) {
  if (trial.family.of_digits()) return;
  const basin::Network network = trial.network();
  const Index batches = trial.settings.batches;
  const Batches shown = trial.shown(0, batches);
  const std::vector<Index> in_sheet = told_after(batches);
  basin::GifWriter gif(trial.settings.out + "/shape.gif");
  std::vector<basin::Image> pictures;
  std::vector<std::string> captions;
  learn_task(trial, theta, 0, batches, [&](Index t, View<const float> z) {
    const basin::Image picture = shape_of(trial.task(0), network, z, shown, t * trial.settings.batch);
    const std::string caption = "after " + std::to_string(t) + (t == 1 ? " batch" : " batches");
    gif.add(basin::examples::captioned(picture, caption), t == 0 || t == batches ? 150 : 25);
    if (std::find(in_sheet.begin(), in_sheet.end(), t) == in_sheet.end()) return;
    pictures.push_back(picture);
    captions.push_back(caption);
  });
  gif.finish();
  basin::examples::write_png(
      trial.settings.out + "/shape.png",
      basin::examples::sheet(
          pictures, {.title = "A network that learns: " + trial.family.name, .captions = captions, .framed = true}));
}

/// New tasks of a family, by the rule and by each optimiser, which has its best rate for each number of batches that is
/// told: prints them, and returns their curves, of optimisers with the rate that is best at the end.
inline std::vector<basin::examples::Series> compare(const Trial& trial, const Trial& choice, const Theta& theta,
                                                    basin::OrderedJson& json) {
  const Index batches = trial.settings.batches, tasks = trial.settings.tasks;
  const std::vector<Index> told = told_after(batches);
  std::vector<basin::examples::Series> curves;
  const auto keep = [&](const std::string& name, const Curve& curve) {
    basin::examples::Series series{name, {}, {}};
    for (std::size_t t = 0; t < curve.size(); ++t) {
      series.x.push_back(static_cast<double>(t));
      series.y.push_back(curve[t]);
    }
    curves.push_back(series);
  };
  const auto tell = [&](const std::string& name, Index t, double value, double rate) {
    json[name]["after " + std::to_string(t)] = value;
    std::printf(trial.classes() ? "  %td: %.3f" : "  %td: %.4f", t, value);
    if (rate <= 0) return;
    json[name]["rate after " + std::to_string(t)] = rate;
    std::printf(" (%g)", rate);
  };
  std::printf("%s, %s on %td new tasks, by batches (and rates):\n", trial.family.name.c_str(),
              trial.classes() ? "accuracy" : "mean squared error", tasks);
  const Curve ours = by_rule(trial, theta, tasks, batches);
  std::printf("%-18s", "the rule");
  for (const Index t : told) tell("the rule", t, ours[static_cast<std::size_t>(t)], 0);
  std::printf("\n");
  keep("the rule", ours);
  for (Optimiser one : optimisers()) {
    const std::vector<Curve> by_choice = tried(choice, one, choices(tasks), batches);
    std::map<double, Curve> by_rate;
    std::printf("%-18s", one.name.c_str());
    for (const Index t : told) {
      one.rate = best_rate(choice, by_choice, t);
      if (!by_rate.contains(one.rate)) by_rate[one.rate] = by_optimiser(trial, one, tasks, batches);
      tell(one.name, t, by_rate[one.rate][static_cast<std::size_t>(t)], one.rate);
    }
    std::printf("\n");
    keep(one.name, by_rate[one.rate]);
  }
  return curves;
}

/// Families of which another consists, and tasks that differ from all of its own.
inline std::vector<Family> parts_and_relatives(const Family& family) {
  std::vector<Family> all;
  if (family.name == "planar" || family.name == "curves") {
    for (const char* name : family.planar() ? planar_families : curve_families) all.push_back(Family::named(name));
  }
  if (family.name == "planar") all.push_back(Family::named("iris"));
  if (family.of_digits()) all.push_back(Family::of_classes(5));
  return all;
}

/// How well networks of many widths and depths learn, each of one width throughout.
inline void draw_architectures(const Trial& trial, const Theta& theta, basin::OrderedJson& json) {
  const Index tasks = std::min<Index>(trial.settings.tasks, trial.family.of_digits() ? 10 : 40);
  const bool classes = trial.classes();
  basin::examples::TableOptions options{
      .title = "Architectures: " + trial.family.name,
      .x_label = "units of each hidden layer",
      .y_label = "hidden layers",
      .bar = classes ? basin::examples::ScaleBar{basin::examples::heat, 0.5, 1, "accuracy"}
                     : basin::examples::ScaleBar{basin::examples::heat, 0, 0.1, "mean squared error"},
      .side = 48};
  std::vector<std::vector<double>> numbers;
  for (Index layers = 4; layers >= 1; --layers) {
    options.rows.push_back(std::to_string(layers));
    numbers.emplace_back();
    options.texts.emplace_back();
    options.framed.emplace_back();
    for (const Index width : {5, 10, 20, 30, 64, 100}) {
      if (layers == 4) options.columns.push_back(std::to_string(width));
      Trial one = trial;
      one.hidden_widths.assign(static_cast<std::size_t>(layers), width);
      const double value = by_rule_at_end(one, theta, tasks, trial.settings.batches);
      json[one.network().to_string()] = value;
      numbers.back().push_back(std::isfinite(value) ? value : options.bar.high);
      std::array<char, 16> text{};
      std::snprintf(text.data(), text.size(), classes ? "%.2f" : "%.3f", value);
      options.texts.back().emplace_back(text.data());
      options.framed.back().push_back(layers <= 2 && width >= 10 && width <= 32);  // as the training draws them
      std::printf(classes ? "%s: %.3f after %d batches\n" : "%s: %.4f after %d batches\n",
                  one.network().to_string().c_str(), value, trial.settings.batches);
    }
  }
  basin::examples::write_png_and_svg(trial.settings.out + "/architectures.png",
                                     basin::examples::table(std::move(numbers), std::move(options)));
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training,
                 const basin::LabelledImages* test_digits) {
  const Theta& theta = trainer.parameters();
  const Trial trial = Trial::of_new(settings, trainer.family(), test_digits),
              choice = Trial::of_choice(settings, trainer.family(), trainer.digits());
  const Index batches = settings.batches, tasks = settings.tasks;
  basin::OrderedJson metrics;
  metrics["family"] = settings.family;
  metrics["parameters"] = Life::param_count;
  metrics["tasks"] = tasks;
  metrics["batch"] = settings.batch;
  metrics["network"] = trial.network().to_string();
  metrics["measure"] = trial.classes() ? "accuracy" : "mean squared error";
  const std::vector<basin::examples::Series> curves = compare(trial, choice, theta, metrics["learned"]);
  basin::examples::write_png_and_svg(
      settings.out + "/learning.png",
      basin::examples::line_chart(
          curves,
          {.title = "New tasks: " + settings.family,
           .x = {.label = "batches of " + std::to_string(settings.batch), .whole = true},
           .y = {.label = metrics["measure"].get<std::string>(),
                 .scale = trial.classes() ? basin::examples::Scale::linear : basin::examples::Scale::logarithmic}}));
  for (const Family& family : parts_and_relatives(trial.family)) {
    Trial one = trial, one_choice = choice;
    one.family = one_choice.family = family;
    const std::string name = family.of_digits() ? "digits of five classes" : family.name;
    std::printf("%s:\n", name.c_str());
    (void)compare(one, one_choice, theta, metrics["of other tasks"][name]);
  }
  draw_architectures(trial, theta, metrics["architectures"]);
  for (const Index batch : {Index{settings.batch}, Index{0}}) {
    const std::string data = batch > 0 ? "with data" : "without data";
    const Stability of = stability(trial, theta, tasks, batch);
    metrics["going on"][data] = {{"batches until a tenth is lost, median", of.stays},
                                 {"batches tried", 10 * batches},
                                 {metrics["measure"].get<std::string>() + " then", of.end}};
    std::printf(trial.classes() ? "going on %s: a tenth is lost after %g batches (of %td), the median; then %.3f\n"
                                : "going on %s: a tenth is lost after %g batches (of %td), the median; then %.4f\n",
                data.c_str(), of.stays, 10 * batches, of.end);
  }
  for (const double others : {0.0, 0.3}) {
    if (!trial.classes()) break;
    const Repair of = repair(trial, theta, tasks, others);
    const std::string lost = others > 0 ? "a layer and three of ten other weights" : "a layer";
    metrics["repair"][lost] = {{"accuracy before", of.before},
                               {"accuracy after the loss", of.lost},
                               {"batches until repaired, median", of.repaired},
                               {"batches until a new network is as good, median", of.anew}};
    std::printf("%s lost: %.3f, was %.3f; repaired after %g batches, a new network takes %g\n", lost.c_str(), of.lost,
                of.before, of.repaired, of.anew);
  }
  draw_shape(trial, theta);
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  metrics["training"] = training.described();
  metrics["train_seconds"] = training.seconds();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
}

}  // namespace metanca_learn
