#pragma once

// What metanca_mnist measures and draws of a rule: the accuracy of networks that it makes, over architectures, over
// updates, and after damage. Every network begins at other random weights, and has other fire masks, than in training.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "../support/chart.hpp"
#include "basin/io/json.hpp"
#include "trainer.hpp"

namespace metanca_mnist {

/// Mean accuracies in the abstract of [784, X, Y, 10]: rows Y = 100, 90 ... 10, columns X = 0, 10 ... 90. The label of
/// the first row is lost there; 100 is a guess.
inline constexpr std::array<std::array<double, 10>, 10> abstract_accuracies{{
    {.74, .66, .75, .91, .90, .91, .85, .77, .64, .57},
    {.80, .68, .78, .93, .92, .93, .88, .83, .69, .65},
    {.87, .69, .80, .94, .93, .94, .90, .85, .73, .66},
    {.94, .68, .80, .94, .94, .95, .92, .86, .78, .71},
    {.96, .69, .81, .95, .95, .95, .92, .86, .76, .70},
    {.95, .70, .83, .95, .95, .96, .94, .89, .82, .79},
    {.96, .76, .83, .96, .96, .97, .95, .91, .84, .79},
    {.83, .76, .82, .95, .95, .96, .94, .91, .84, .78},
    {.85, .70, .70, .94, .94, .95, .92, .87, .79, .72},
    {.92, .85, .83, .96, .95, .96, .94, .87, .80, .74},
}};

class Judge {
 public:
  Judge(const Settings& settings, const Theta& theta, const Digits& test)
      : settings_(settings), theta_(theta), test_(test) {
    if (settings.test_images > 0) images_ = std::min<Index>(settings.test_images, test.images.shape.samples);
  }

  [[nodiscard]] Architecture architecture(Index x, Index y) const {
    return architecture_of(widths_of(x, y), settings_.without != "codes");
  }

  /// `count` fresh networks, and the rule's updates of them.
  [[nodiscard]] State<float> fresh(const Architecture& of, Index count) const {
    return Rule::random_networks(of.network, count, settings_.seed, std::uint64_t{1} << 50);
  }
  void update(const Architecture& of, State<float>& z, Index updates, bool neighbours = true) {
    if (updates == 0) return;
    const auto model = Rule::updates(of, updates, pool_step, basin::Random{settings_.seed, show_stream}.bits(round_++),
                                     neighbours && settings_.without != "neighbours");
    State<float> next(z.shape);
    (void)model.apply(theta_.span(), z.view(), next.view());
    std::swap(z, next);
  }
  /// Mean over the networks.
  [[nodiscard]] double accuracy(const Architecture& of, const State<float>& z) const {
    const auto each = loss_of(of, test_.images.view().samples(0, images_),
                              std::span<const int>(test_.labels).first(static_cast<std::size_t>(images_)))
                          .accuracies(z.view());
    double sum = 0;
    for (const double one : each) sum += one;
    return sum / static_cast<double>(each.size());
  }
  /// After the updates of --updates.
  [[nodiscard]] double accuracy_of(Index x, Index y, bool neighbours = true) {
    const Architecture of = architecture(x, y);
    State<float> z = fresh(of, settings_.samples);
    update(of, z, settings_.updates, neighbours);
    return accuracy(of, z);
  }

 private:
  const Settings& settings_;
  const Theta& theta_;
  const Digits& test_;
  Index images_ = test_.images.shape.samples;
  std::uint64_t round_ = 0;
};

struct Heatmap {
  std::vector<Index> x, y;
  std::vector<std::vector<double>> accuracy{};  ///< [y][x]
  std::vector<std::vector<bool>> trained{};
};

inline Heatmap heatmap(const Settings& settings, Judge& judge, const std::vector<Architecture>& trained) {
  Heatmap map;
  for (Index x = 0; x <= 90; x += settings.step) {
    if (x == 0 || x >= 10) map.x.push_back(x);
  }
  for (Index y = 100; y >= 10; y -= settings.step) map.y.push_back(y);
  for (const Index y : map.y) {
    map.accuracy.emplace_back();
    map.trained.emplace_back();
    for (const Index x : map.x) {
      map.accuracy.back().push_back(judge.accuracy_of(x, y));
      const Network network(widths_of(x, y));
      map.trained.back().push_back(
          std::any_of(trained.begin(), trained.end(), [&](const Architecture& a) { return a.network == network; }));
    }
  }
  return map;
}

inline const basin::examples::ScaleBar accuracy_bar{basin::examples::heat, 50, 100, "accuracy, %"};

/// Accuracies in percent, to so many decimals, with frames around architectures that training has seen.
inline basin::examples::Drawing table_of(const Heatmap& map, const std::string& title, int decimals) {
  basin::examples::TableOptions options{.title = title,
                                        .x_label = "X, units of the first hidden layer (0: no such layer)",
                                        .y_label = "Y, units of the second hidden layer",
                                        .bar = accuracy_bar,
                                        .with_bar = false,
                                        .side = 40,
                                        .framed = map.trained};
  for (const Index x : map.x) options.columns.push_back(std::to_string(x));
  std::vector<std::vector<double>> numbers;
  for (std::size_t row = 0; row < map.y.size(); ++row) {
    options.rows.push_back(std::to_string(map.y[row]));
    numbers.emplace_back();
    options.texts.emplace_back();
    for (const double accuracy : map.accuracy[row]) {
      numbers.back().push_back(100 * accuracy);
      std::array<char, 16> text{};
      std::snprintf(text.data(), text.size(), "%.*f", decimals, 100 * accuracy);
      options.texts.back().emplace_back(text.data());
    }
  }
  return basin::examples::table(std::move(numbers), std::move(options));
}

inline basin::examples::Drawing abstract_table() {
  Heatmap map;
  for (Index i = 0; i < 10; ++i) {
    map.x.push_back(10 * i);
    map.y.push_back(100 - 10 * i);
  }
  for (const auto& row : abstract_accuracies) map.accuracy.emplace_back(row.begin(), row.end());
  return table_of(map, "The abstract (published)", 0);
}

/// The rule's, `beside` the abstract's where they are of the same architectures, over one bar of colours.
inline basin::examples::Drawing picture(const Heatmap& map, const std::string& images, bool beside) {
  std::vector<basin::examples::Drawing> tables{table_of(map, "This rule, on " + images + " images", 1)};
  if (beside) tables.push_back(abstract_table());
  return basin::examples::above(
      {basin::examples::panels("Networks of 784-X-Y-10 units; framed: seen in training", tables),
       basin::examples::drawn(accuracy_bar)});
}

/// Accuracy before the damage, at once after it, and after 1, 2 ... 20 updates more.
struct Repair {
  double before = 0;
  std::vector<double> after;
};

inline Repair repair(const Settings& settings, Judge& judge, const Architecture& of, std::size_t layer, bool all) {
  State<float> z = judge.fresh(of, settings.samples);
  judge.update(of, z, settings.updates);
  Repair result;
  result.before = judge.accuracy(of, z);
  for (Index n = 0; n < z.shape.samples; ++n) {
    basin::examples::zero_out(z.view().sample(n), of.network, layer, all,
                              {settings.seed, 1000 + static_cast<std::uint64_t>(n)});
  }
  for (int t = 0; t <= 20; ++t) {
    if (t > 0) judge.update(of, z, 1);
    result.after.push_back(judge.accuracy(of, z));
  }
  return result;
}

inline void show(const Settings& settings, const Theta& theta, const std::vector<Architecture>& trained,
                 const Digits& test, basin::OrderedJson& metrics) {
  const std::string out = settings.out + "/";
  Judge judge(settings, theta, test);

  const Heatmap map = heatmap(settings, judge, trained);
  double sum = 0, least = 1, most = 0, unseen = 0;
  int cells = 0, unseen_cells = 0;
  for (std::size_t row = 0; row < map.y.size(); ++row) {
    for (std::size_t column = 0; column < map.x.size(); ++column) {
      const double value = map.accuracy[row][column];
      sum += value;
      least = std::min(least, value);
      most = std::max(most, value);
      ++cells;
      if (map.trained[row][column]) continue;
      unseen += value;
      ++unseen_cells;
    }
  }
  metrics["heatmap_mean"] = sum / cells;
  metrics["heatmap_min"] = least;
  metrics["heatmap_max"] = most;
  metrics["heatmap_unseen_mean"] = unseen_cells > 0 ? basin::OrderedJson(unseen / unseen_cells) : basin::OrderedJson();
  basin::OrderedJson numbers;
  numbers["x"] = map.x;
  numbers["y"] = map.y;
  numbers["accuracy"] = map.accuracy;
  numbers["trained"] = map.trained;
  if (settings.step == 10) numbers["abstract"] = abstract_accuracies;
  basin::write_json(out + "heatmap.json", numbers);
  basin::examples::write_png_and_svg(out + "heatmap.png",
                                     picture(map, settings.held_back > 0 ? "held-back" : "test", settings.step == 10));

  for (Index width = 10; width <= 100; width += std::max<Index>(1, settings.step / 10)) {
    metrics["off_grid"][std::to_string(width)] = judge.accuracy_of(width, width);
  }

  const Architecture middle = judge.architecture(50, 50);
  basin::examples::Series over_updates;
  State<float> z = judge.fresh(middle, settings.samples);
  Index made = 0;
  for (const Index updates : {0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200}) {
    if (updates > 20 * settings.updates) break;
    judge.update(middle, z, updates - made);
    made = updates;
    const double accuracy = judge.accuracy(middle, z);
    metrics["accuracy_after_updates"][std::to_string(updates)] = accuracy;
    over_updates.x.push_back(static_cast<double>(updates));
    over_updates.y.push_back(100 * accuracy);
  }
  basin::examples::write_png_and_svg(
      out + "updates.png",
      basin::examples::line_chart(
          {over_updates},
          {.title = "Networks of 784-50-50-10",
           .x = {.label = "updates of the network", .scale = basin::examples::Scale::from_zero, .whole = true},
           .y = {.label = "accuracy, %", .low = 0, .high = 100}}));

  std::vector<basin::examples::Series> curves;
  for (const bool all : {false, true}) {
    for (std::size_t layer = 0; layer < middle.network.layers().size(); ++layer) {
      const Repair one = repair(settings, judge, middle, layer, all);
      const std::string name = "layer " + std::to_string(layer) + (all ? ", weights and state" : ", weights");
      metrics["zero_out"][name] = {{"before", one.before},
                                   {"damaged", one.after[0]},
                                   {"after_6", one.after[6]},
                                   {"after_10", one.after[10]},
                                   {"after_20", one.after[20]}};
      basin::examples::Series curve{name, {-1}, {100 * one.before}};
      for (std::size_t t = 0; t < one.after.size(); ++t) {
        curve.x.push_back(static_cast<double>(t));
        curve.y.push_back(100 * one.after[t]);
      }
      curves.push_back(curve);
    }
  }
  basin::examples::write_png_and_svg(
      out + "zero_out.png",
      basin::examples::line_chart(curves, {.title = "A layer and 30% of the rest erased before update 0",
                                           .x = {.label = "updates after the damage", .whole = true},
                                           .y = {.label = "accuracy, %", .low = 0, .high = 100}}));

  metrics["ablation"] = {{"trained_without", settings.without},
                         {"784-50-50-10", judge.accuracy_of(50, 50)},
                         {"784-50-50-10 with the means of neighbours set to zero", judge.accuracy_of(50, 50, false)}};
  std::printf("heatmap: mean %.4f, least %.4f, most %.4f\n", sum / cells, least, most);
}

}  // namespace metanca_mnist
