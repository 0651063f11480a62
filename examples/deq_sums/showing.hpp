#pragma once

// What deq_sums writes: metrics.json and its pictures.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "../support/plot.hpp"
#include "../support/process.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "basin/io/png.hpp"
#include "measuring.hpp"

namespace deq_sums {

inline constexpr const char* loss_title = "Training: cross-entropy of the cells";

/// A string while it settles, evaluation by evaluation.
struct Settling {
  std::vector<State<float>> odd;  ///< the probability of an odd sum, (1, length, 1, 1, 1)
  basin::examples::Series right{"cells that are right", {}, {}};
  basin::examples::Series residual{"residual, the largest change of a number", {}, {}};
};

inline Settling watch(const Settings& settings, const Theta& theta, const Strings& strings, Index n) {
  const Settled model = settled_model(strings.length(), settings.max_evaluations);
  Settling seen;
  const auto look = [&](const basin::Iterate<float>& iterate) {
    const State<float> logits = read(model, theta, iterate.z);
    State<float>& odd = seen.odd.emplace_back(iterate.z.shape().with_features(1));
    for (Index i = 0; i < strings.length(); ++i) {
      odd.values[i] = 1 / (1 + std::exp(logits.values[2 * i] - logits.values[2 * i + 1]));
    }
    const double right = static_cast<double>(right_cells(logits.view(), strings.sums_of(n)));
    seen.right.x.push_back(iterate.iteration);
    seen.right.y.push_back(right / static_cast<double>(strings.length()));
    seen.residual.x.push_back(iterate.iteration);
    seen.residual.y.push_back(iterate.residual);
  };
  const View<const float> bits = some_of(strings, n, 1);
  (void)settle(model, theta, bits, zero_start(bits), look);
  return seen;
}

/// Blue for an even sum, red for an odd one, white between; grey over cells that are wrong.
inline basin::examples::Colour colour(float odd, int sum) {
  if ((odd > 0.5f ? 1 : 0) != sum) return {110, 110, 110};
  return basin::examples::blue_red(0.15 + 0.7 * static_cast<double>(odd));
}

/// Cells across, evaluations down.
inline void draw_settling(const std::string& path, const Settings& settings, const Theta& theta) {
  constexpr Index scale = 4;
  const Strings strings = test_strings(settings, std::min<Index>(192, settings.test_bits), 1);
  const Settling seen = watch(settings, theta, strings, 0);
  const Index rows = std::min<Index>(std::ssize(seen.odd), 400);
  basin::Image image = basin::examples::blank(strings.length() * scale, rows * scale);
  for (Index t = 0; t < rows; ++t) {
    const State<float>& odd = seen.odd[static_cast<std::size_t>(t)];
    for (Index i = 0; i < strings.length(); ++i) {
      basin::examples::fill(image, i * scale, t * scale, scale, scale, colour(odd.values[i], strings.sums_of(0)[i]));
    }
  }
  basin::write_png(path, image);
}

/// A string in lines, as text is written, every few evaluations.
inline void draw_animation(const std::string& path, const Settings& settings, const Theta& theta) {
  constexpr Index scale = 10, across = 32;
  const Strings strings = test_strings(settings, std::min<Index>(across * 16, settings.test_bits), 1);
  const Settling seen = watch(settings, theta, strings, 0);
  const std::size_t every = std::max<std::size_t>(1, seen.odd.size() / 100), last = seen.odd.size() - 1;
  basin::GifWriter gif(path, {.delay = 6});
  for (std::size_t frame = 0; frame <= last; frame = frame < last ? std::min(last, frame + every) : last + 1) {
    basin::Image image = basin::examples::blank(across * scale, (strings.length() + across - 1) / across * scale);
    for (Index i = 0; i < strings.length(); ++i) {
      basin::examples::fill(image, i % across * scale, i / across * scale, scale - 1, scale - 1,
                            colour(seen.odd[frame].values[i], strings.sums_of(0)[i]));
    }
    gif.add(image, frame == last ? 200 : 6);
  }
  gif.finish();
}

/// Strings that are right against evaluations, a curve a length; returns what the curves show.
inline void draw_solved(const std::string& path, const Settings& settings, const Theta& theta) {
  std::vector<basin::examples::Series> curves;
  for (Index length = settings.bits; length <= std::min(settings.test_bits, 16 * settings.bits); length *= 2) {
    const Strings strings = test_strings(settings, length, std::min(settings.count, 100));
    basin::examples::Series curve{std::to_string(length) + " bits", {}, {}};
    for (const double share : solved_after(settings, theta, strings)) {
      curve.x.push_back(static_cast<double>(curve.x.size()));
      curve.y.push_back(share);
    }
    curves.push_back(std::move(curve));
  }
  // All curves go on as they end: a string that has settled stays right.
  double longest = 0;
  for (const auto& curve : curves) longest = std::max(longest, curve.x.back());
  for (auto& curve : curves) {
    curve.x.push_back(longest);
    curve.y.push_back(curve.y.back());
  }
  basin::write_png(path, basin::examples::line_chart(curves, {.title = "Test strings of which every cell is right",
                                                              .x_label = "evaluations",
                                                              .y_label = "share",
                                                              .y_low = 0,
                                                              .y_high = 1}));
}

inline void draw_residual(const std::string& path, const Settings& settings, const Theta& theta) {
  const Strings strings = test_strings(settings, std::min(settings.test_bits, 16 * settings.bits), 1);
  const Settling seen = watch(settings, theta, strings, 0);
  basin::write_png(
      path, basin::examples::line_chart(
                {seen.right, seen.residual},
                {.title = "A string of " + std::to_string(strings.length()) + " bits", .x_label = "evaluations"}));
}

inline void draw(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  const std::string out = settings.out + "/";
  const Theta& theta = trainer.parameters();
  basin::examples::draw_loss(settings.out, training.losses(), loss_title);
  draw_settling(out + "settling.png", settings, theta);
  draw_animation(out + "settling.gif", settings, theta);
  draw_residual(out + "residual.png", settings, theta);
  draw_solved(out + "solved.png", settings, theta);
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  const Theta& theta = trainer.parameters();
  basin::OrderedJson metrics, lengths = basin::OrderedJson::array();
  metrics["parameters"] = Settled::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["bits"] = settings.bits;
  metrics["test_bits"] = settings.test_bits;
  metrics["test_strings"] = settings.count;
  metrics["test_seed"] = settings.test_seed;
  for (const Index length : tested_lengths(settings)) {
    const auto solved = measure(settings, theta, test_strings(settings, length, settings.count));
    std::printf("%td bits: %.2f%% right, not converged %.2f%%, %.1f evaluations\n", length, 100 * solved.share(),
                100 * solved.nonconverged_fraction(), solved.evaluations_mean());
    basin::OrderedJson one;
    one["bits"] = length;
    solved.write(one);
    lengths.push_back(one);
    if (length == settings.test_bits) solved.write(metrics);
  }
  metrics["lengths"] = lengths;
  const Index moderate = std::min(settings.test_bits, 4 * settings.bits);
  const PathIndependence elsewhere =
      path_independence(settings, theta, test_strings(settings, moderate, settings.count));
  basin::OrderedJson random_starts;
  random_starts["bits"] = moderate;
  elsewhere.solved.write(random_starts);
  random_starts["same_equilibrium"] = elsewhere.same;
  metrics["random_starts"] = random_starts;
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  draw(settings, trainer, training);
  std::printf("from random starts %.2f%% of %td bits right; %zu parameters; trained %.0f s\nwrote %s\n",
              100 * elsewhere.solved.share(), moderate, Settled::param_count, training.seconds(), settings.out.c_str());
}

}  // namespace deq_sums
