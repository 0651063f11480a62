#pragma once

// What nca_diffuse measures and draws: pictures that are found in more and more noise, kept, and found again where
// parts are erased.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "basin/nca/damage.hpp"
#include "trainer.hpp"

namespace nca_diffuse {

inline constexpr const char* loss_name = "squared error and overflow";

/// The shares of noise from which pictures are found; the last hides all of the picture.
inline constexpr std::array<double, 4> noises{0.25, 0.5, 0.75, 1.0};
inline constexpr Index runs = 8, longest = 10;  ///< of each; times the steps

/// Samples that begin as noise that the training has not seen.
class Life {
 public:
  Life(const Settings& settings, const Trainer& trainer, double noise, Index samples)
      : trainer_(trainer), z_(trainer.target().shape.with_features(features).with_samples(samples)), next_(z_.shape) {
    model_.steps = 1;
    const basin::Random random{settings.seed, show_stream};
    model_.automaton.fire.seed = random.bits(0);
    for (Index n = 0; n < samples; ++n) {
      blur(z_.view().sample(n), trainer.target().view(), noise, random, static_cast<std::uint64_t>(n + 1) << 28);
    }
  }

  void step() {
    const auto theta = trainer_.parameters().as<Model>();
    (void)model_.apply(theta.span(), z_.view(), next_.view(), {.step = step_++});
    std::swap(z_, next_);
  }
  void run(Index steps) {
    for (Index t = 0; t < steps; ++t) step();
  }

  [[nodiscard]] View<float> view() { return z_.view(); }
  [[nodiscard]] basin::Image picture(Index scale = 1) const {
    return basin::image_over_white(z_.view().sample(0), scale);
  }
  /// Mean squared errors of colours and alpha, of each sample.
  [[nodiscard]] std::vector<double> errors() const { return basin::losses_of_samples(trainer_.error(), z_.view()); }

 private:
  const Trainer& trainer_;
  State<float> z_, next_;
  Model model_;
  Index step_ = 0;
};

inline double mean_of(const std::vector<double>& numbers) {
  double sum = 0;
  for (const double number : numbers) sum += number;
  return sum / static_cast<double>(numbers.size());
}
inline double worst_of(const std::vector<double>& numbers) { return *std::max_element(numbers.begin(), numbers.end()); }

/// What is erased, of sample n: everything on one side of a line, or within a circle.
enum class Damage { half, circle };
inline void erase(View<float> states, Damage damage) {
  for (Index n = 0; n < states.samples(); ++n) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(n) / static_cast<double>(states.samples());
    if (damage == Damage::half) {
      basin::erase(states.sample(n), basin::HalfPlane{angle});
    } else {
      basin::erase(states.sample(n), basin::Circle{0.3 * std::cos(angle), 0.3 * std::sin(angle), 0.4});
    }
  }
}

/// Pictures of one sample, each with a step.
class Strip {
 public:
  explicit Strip(std::vector<Index> moments) : moments_(std::move(moments)) {}

  void run(Life& life, std::vector<basin::Image>& pictures) const {
    Index t = 0;
    for (const Index moment : moments_) {
      life.run(moment - t);
      t = moment;
      pictures.push_back(life.picture());
    }
  }
  [[nodiscard]] std::vector<std::string> captions() const {
    std::vector<std::string> all;
    for (const Index moment : moments_) all.push_back("step " + std::to_string(moment));
    return all;
  }

 private:
  std::vector<Index> moments_;
};

inline void draw_denoised(const Settings& settings, const Trainer& trainer) {
  const Strip strip(
      {0, settings.steps / 8, settings.steps / 4, settings.steps / 2, settings.steps, longest * settings.steps});
  std::vector<basin::Image> pictures;
  basin::examples::SheetOptions options{.columns = 7, .scale = 3, .column_captions = strip.captions(), .framed = true};
  options.column_captions.push_back("picture");
  for (const double noise : noises) {
    Life life(settings, trainer, noise, 1);
    strip.run(life, pictures);
    pictures.push_back(basin::image_over_white(trainer.target().view().sample(0), 1));
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.0f%% noise", 100 * noise);
    options.row_captions.emplace_back(text.data());
  }
  basin::examples::write_png(settings.out + "/denoised.png", basin::examples::sheet(std::move(pictures), options));
}

inline void draw_healing(const Settings& settings, const Trainer& trainer) {
  const Strip strip(
      {0, settings.steps / 8, settings.steps / 4, settings.steps / 2, settings.steps, 2 * settings.steps});
  std::vector<basin::Image> pictures;
  for (const Damage damage : {Damage::half, Damage::circle}) {
    Life life(settings, trainer, 1, 1);
    life.run(2 * settings.steps);
    erase(life.view(), damage);
    strip.run(life, pictures);
  }
  basin::examples::write_png(settings.out + "/healing.png",
                             basin::examples::sheet(std::move(pictures), {.columns = 6,
                                                                          .scale = 3,
                                                                          .row_captions = {"half", "circle"},
                                                                          .column_captions = strip.captions(),
                                                                          .framed = true}));
}

inline void draw_film(const Settings& settings, const Trainer& trainer) {
  Life life(settings, trainer, 1, 1);
  const Index scale = std::max<Index>(2, 250 / trainer.target().shape.space[0]);
  basin::GifWriter gif(settings.out + "/diffusing.gif", {.delay = 6});
  for (Index t = 0; t <= 4 * settings.steps; ++t) {
    const bool erased = t == 2 * settings.steps;
    if (erased) erase(life.view(), Damage::half);
    if (t % 2 == 0) {
      gif.add(basin::examples::captioned(life.picture(scale), "step " + std::to_string(t)),
              t == 0 || erased || t >= 4 * settings.steps - 1 ? 100 : 6);
    }
    life.step();
  }
  gif.finish();
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  basin::OrderedJson metrics, from = basin::OrderedJson::object(), damages = basin::OrderedJson::object();
  for (const double noise : noises) {
    Life life(settings, trainer, noise, runs);
    life.run(settings.steps);
    std::array<char, 16> name{};
    std::snprintf(name.data(), name.size(), "%.2f", noise);
    from[name.data()] = {{"mean", mean_of(life.errors())}, {"worst", worst_of(life.errors())}};
  }
  Life life(settings, trainer, 1, runs);
  life.run(settings.steps);
  metrics["error"] = mean_of(life.errors());
  metrics["error_worst"] = worst_of(life.errors());
  life.run(settings.steps);
  metrics["error_in_twice_the_steps"] = mean_of(life.errors());
  const Life kept = life;
  for (const auto& [name, damage] : {std::pair{"half", Damage::half}, {"circle", Damage::circle}}) {
    Life damaged = kept;
    erase(damaged.view(), damage);
    basin::OrderedJson& numbers = damages[name];
    numbers["erased"] = mean_of(damaged.errors());
    damaged.run(settings.steps);
    numbers["healed"] = mean_of(damaged.errors());
    numbers["healed_worst"] = worst_of(damaged.errors());
    damaged.run(settings.steps);
    numbers["healed_in_twice_the_steps"] = mean_of(damaged.errors());
  }
  metrics["error_healed_half"] = damages["half"]["healed"];
  life.run((longest - 2) * settings.steps);
  metrics["error_in_ten_times_the_steps"] = mean_of(life.errors());
  // What an empty grid has.
  metrics["error_of_nothing"] =
      static_cast<double>(trainer.target().values.squaredNorm()) / static_cast<double>(trainer.target().values.size());
  metrics["from_noise"] = from;
  metrics["after_damage"] = damages;
  metrics["target"] = settings.target.empty() ? "drawn" : settings.target;
  metrics["parameters"] = Rule::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["steps"] = settings.steps;
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  draw_denoised(settings, trainer);
  draw_healing(settings, trainer);
  draw_film(settings, trainer);
  const auto number = [&](const char* key) { return metrics[key].get<double>(); };
  std::printf(
      "mean squared error, from noise alone, %td runs: %.2g after %d steps, %.2g after %d, %.2g after %td; half erased "
      "%.2g, healed to %.2g; an empty grid has %.2g; wrote %s\n",
      runs, number("error"), settings.steps, number("error_in_twice_the_steps"), 2 * settings.steps,
      number("error_in_ten_times_the_steps"), longest * settings.steps, damages["half"]["erased"].get<double>(),
      number("error_healed_half"), number("error_of_nothing"), settings.out.c_str());
}

}  // namespace nca_diffuse
