#pragma once

// Runs a published attention rule (attention_rule.hpp) on digits: accuracy update by update for the architectures
// of its paper, and what is left after damage. Its networks read pixels that are standardised one by one, each with its
// mean and deviation over the training images, and their weights begin at a variance of 1 / inputs.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "../support/chart.hpp"
#include "../support/process.hpp"
#include "attention_rule_file.hpp"
#include "basin/io/json.hpp"
#include "saving.hpp"

namespace metanca_mnist {

class Published {
 public:
  Published(const Settings& settings, const basin::examples::DigitSets& data)
      : settings_(settings),
        theta_(read_attention_rule(settings.rule)),
        images_(data.test.images.shape.with_samples(
            settings.test_images > 0 ? std::min<Index>(settings.test_images, data.test.images.shape.samples)
                                     : data.test.images.shape.samples)),
        labels_(data.test.labels.begin(), data.test.labels.begin() + images_.shape.samples) {
    const auto train =
        Eigen::Map<const Matrix<float>>(data.train.images.values.data(), pixels, data.train.images.shape.samples);
    const basin::Vector<double> mean = train.cast<double>().rowwise().mean();
    for (Index pixel = 0; pixel < pixels; ++pixel) {
      const double deviation = std::sqrt((train.row(pixel).cast<double>().array() - mean[pixel]).square().mean());
      const double scale = deviation > 0 ? 1 / deviation : 1;
      for (Index n = 0; n < images_.shape.samples; ++n) {
        const double value = static_cast<double>(data.test.images.values[n * pixels + pixel]);
        images_.values[n * pixels + pixel] = static_cast<float>(scale * (value - mean[pixel]));
      }
    }
  }

  [[nodiscard]] AttentionRule rule_for(const std::vector<Index>& widths) const {
    AttentionRule rule{Network(widths)};
    basin::check(widths.front() == pixels && widths.back() == classes, "first and last width of an architecture",
                 std::to_string(widths.front()) + " and " + std::to_string(widths.back()), "784 and 10");
    rule.fire.seed = settings_.seed;
    return rule;
  }

  [[nodiscard]] State<float> fresh(const AttentionRule& rule, Index count, std::uint64_t seed) const {
    State<float> z(rule.network.shape(AttentionRule::state_features, count));
    for (Index n = 0; n < count; ++n) {
      const basin::Random random{seed, static_cast<std::uint64_t>(n)};
      auto cells = z.view().sample(n).matrix();
      for (const Network::Layer& layer : rule.network.layers()) {
        const double deviation = 1 / std::sqrt(static_cast<double>(layer.inputs));
        for (Index cell = layer.first; cell < layer.cell(layer.inputs, 0); ++cell) {
          cells(0, cell) = static_cast<float>(deviation * random.normal(static_cast<std::uint64_t>(cell)));
        }
      }
    }
    rule.write_codes(z.view());
    return z;
  }

  /// Update `step` of the networks, counted from 0, which decides what cells fire.
  void update(const AttentionRule& rule, State<float>& z, std::int64_t step) const {
    State<float> next(z.shape);
    rule.apply<float>(theta_.span(), z.view(), next.view(), {.step = step});
    std::swap(z, next);
  }

  [[nodiscard]] basin::NetworkLoss<float> loss(const AttentionRule& rule) const {
    return {rule.network, images_.view(), labels_, {}, {}, 0.01};
  }
  /// Mean over the networks.
  [[nodiscard]] double accuracy(const AttentionRule& rule, const State<float>& z) const {
    double sum = 0;
    for (const double one : loss(rule).accuracies(z.view())) sum += one;
    return sum / static_cast<double>(z.shape.samples);
  }

 private:
  const Settings& settings_;
  basin::Parameters<AttentionRule, float> theta_;
  State<float> images_;
  std::vector<int> labels_;
};

/// `widths` empty: the architectures of the paper, for twice --updates updates, but at least 20. Else one network of
/// these widths, saved.
inline void run_published(const Settings& settings, const std::vector<Index>& widths,
                          const basin::examples::DigitSets& data) {
  const Published published(settings, data);
  if (!widths.empty()) {
    const AttentionRule rule = published.rule_for(widths);
    State<float> z = published.fresh(rule, 1, settings.sample);
    for (int t = 0; t < settings.updates; ++t) published.update(rule, z, t);
    save_network(settings, published.loss(rule), z, published.accuracy(rule, z));
    return;
  }
  const int horizon = std::max(20, 2 * settings.updates);
  basin::OrderedJson metrics;
  metrics["dataset"] = data.name;
  metrics["parameters"] = AttentionRule::param_count;
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["samples"] = settings.samples;
  std::vector<basin::examples::Series> curves;
  for (const std::vector<Index>& one :
       std::vector<std::vector<Index>>{{784, 10}, {784, 30, 10}, {784, 50, 30, 10}, {784, 50, 50, 10}}) {
    const AttentionRule rule = published.rule_for(one);
    std::int64_t step = 0;
    const std::string name = rule.network.to_string();
    State<float> z = published.fresh(rule, settings.samples, settings.seed);
    basin::examples::Series curve{name, {}, {}};
    for (int t = 0; t <= horizon; ++t) {
      if (t > 0) published.update(rule, z, step++);
      curve.x.push_back(t);
      const double accuracy = published.accuracy(rule, z);
      curve.y.push_back(100 * accuracy);
      metrics["accuracy_after_updates"][name][std::to_string(t)] = accuracy;
    }
    std::printf("%s: %.4f after %d updates, %.4f after %d\n", name.c_str(),
                curve.y[static_cast<std::size_t>(settings.updates)] / 100, settings.updates, curve.y.back() / 100,
                horizon);
    curves.push_back(std::move(curve));
    if (one.size() < 4 || one[2] != 50) continue;
    for (std::size_t layer = 0; layer < rule.network.layers().size(); ++layer) {
      State<float> damaged = z;
      for (Index n = 0; n < damaged.shape.samples; ++n) {
        basin::examples::zero_out(damaged.view().sample(n), rule.network, layer, false,
                                  {settings.seed, 1000 + static_cast<std::uint64_t>(n)});
      }
      basin::OrderedJson& repair = metrics["zero_out"]["layer " + std::to_string(layer) + ", weights"];
      repair["before"] = curves.back().y.back() / 100;
      repair["damaged"] = published.accuracy(rule, damaged);
      for (int t = 1; t <= horizon; ++t) {
        published.update(rule, damaged, step++);
        if (t == 6 || t == 10 || t == 20 || t == horizon) {
          repair["after_" + std::to_string(t)] = published.accuracy(rule, damaged);
        }
      }
      std::printf("  layer %zu and 30%% of the rest erased: %.4f, after %d updates %.4f\n", layer,
                  repair["damaged"].get<double>(), horizon, repair["after_" + std::to_string(horizon)].get<double>());
    }
  }
  basin::examples::write_png_and_svg(
      settings.out + "/updates.png",
      basin::examples::line_chart(curves, {.title = "The published rule",
                                           .x = {.label = "updates of the network", .whole = true},
                                           .y = {.label = "test accuracy, %", .low = 0, .high = 100}}));
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
}

}  // namespace metanca_mnist
