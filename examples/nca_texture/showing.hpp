#pragma once

// What nca_texture measures and draws of an automaton: a torus on which the texture forms, gets a hole, and heals.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../support/sheet.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "basin/io/png.hpp"
#include "basin/nca/damage.hpp"
#include "refining.hpp"
#include "trainer.hpp"

namespace nca_texture {

inline basin::examples::Drawing strip_of(const std::vector<std::pair<Index, basin::Image>>& pictures) {
  basin::examples::SheetOptions options{.scale = 1};
  std::vector<basin::Image> images;
  for (const auto& [step, picture] : pictures) {
    images.push_back(with_few_shades(picture));
    options.captions.push_back("step " + std::to_string(step));
  }
  return basin::examples::sheet(std::move(images), std::move(options));
}

template <class Kind>
class Show {
 public:
  Show(const Settings& settings, const Trainer<Kind>& trainer)
      : settings_(settings),
        trainer_(trainer),
        z_(start_of<Kind>(settings.start, {features, {settings.run_size, settings.run_size, 1}, 1}, random(), 0)) {}

  /// Runs on for `steps`, and films it unless film is nullptr. Frames become rarer as less happens; some are kept for
  /// a strip.
  void run(Index steps, basin::GifWriter* film, std::vector<std::pair<Index, basin::Image>>& strip) {
    constexpr std::array<Index, 3> of_strip{0, 32, 128};
    const auto look = [&](Index t) {
      const Index every = t < 64 ? 4 : t < 160 ? 8 : 24;
      const bool kept = t == steps || std::find(of_strip.begin(), of_strip.end(), t) != of_strip.end();
      if (!kept && (film == nullptr || t % every != 0)) return;
      if (film != nullptr) film->add(picture_of(z_.view(), 2), t == 0 || t == steps ? 80 : 8);
      if (kept) strip.emplace_back(t, picture_of(z_.view()));
    };
    Texture<Kind> model;
    model.automaton.fire = {settings_.fire, random().bits(std::uint64_t{1} << 62)};
    model.steps = 1;
    const auto theta = trainer_.parameters().template as<Texture<Kind>>();
    State<float> next(z_.shape);
    look(0);
    for (Index t = 0; t < steps; ++t, ++step_) {
      (void)model.apply(theta.span(), z_.view(), next.view(), {.step = step_});
      std::swap(z_, next);
      look(t + 1);
    }
  }

  void damage() { basin::erase(z_.view(), basin::Circle{0, 0, 0.45}); }

  [[nodiscard]] View<const float> view() const { return z_.view(); }

  /// The distance from the texture, on directions that no training has seen; null without one.
  [[nodiscard]] basin::OrderedJson loss() const {
    if (!trainer_.has_target()) return nullptr;
    return trainer_.distance(z_.shape, random(), 0, 64).value_and_gradient(view(), 0, 1, View<float>{});
  }

  [[nodiscard]] basin::Random random() const { return {settings_.seed, show_stream}; }

 private:
  const Settings& settings_;
  const Trainer<Kind>& trainer_;
  State<float> z_;
  Index step_ = 0;
};

/// What the loss can be compared with: that of a cut from the texture itself, whose opposite edges do not fit unless
/// the cut is a tile; and that of its mean colour everywhere.
template <class Kind>
std::pair<double, double> floor_and_flat(const Settings& settings, const Trainer<Kind>& trainer,
                                         const basin::Random& random) {
  const State<float>& texture = trainer.target().colour;
  const Index side = texture.shape.space[0], cut = std::min<Index>(settings.size, side);
  State<float> piece(Shape{colours, {cut, cut, 1}, 1}), flat(piece.shape);
  const auto room = static_cast<std::uint64_t>(trainer.target().tile ? side : side - cut + 1);
  const auto left = static_cast<Index>(random.below(std::uint64_t{1} << 61, room));
  const auto top = static_cast<Index>(random.below((std::uint64_t{1} << 61) + 1, room));
  for (Index y = 0; y < cut; ++y) {
    for (Index x = 0; x < cut; ++x) {
      piece.view().matrix().col(y * cut + x) = texture.view().matrix().col((top + y) % side * side + (left + x) % side);
    }
  }
  flat.view().matrix().colwise() = texture.view().matrix().rowwise().mean().eval();
  const auto distance = trainer.distance(piece.shape, random, 0, 64);
  return {distance.value_and_gradient(View<const float>(piece.view()), 0, 1, View<float>{}),
          distance.value_and_gradient(View<const float>(flat.view()), 0, 1, View<float>{})};
}

inline constexpr const char* loss_name = "distance of patches";

/// What it makes so far on a small torus, where a training was stopped.
template <class Kind>
void draw_forming(Settings settings, const Trainer<Kind>& trainer) {
  settings.run_size = std::min(settings.run_size, 128);
  Show<Kind> show(settings, trainer);
  std::vector<std::pair<Index, basin::Image>> forming;
  show.run(std::min(settings.max_steps, 128), nullptr, forming);
  basin::examples::write_png(settings.out + "/forming.png", strip_of(forming));
}

/// What a run of a trained automaton came to, in words; the numbers are those of the metrics.
inline std::string verdict(const Settings& settings, const basin::OrderedJson& metrics) {
  const auto number = [&](const char* key) {
    std::array<char, 32> text{};
    const double value = metrics[key];
    std::snprintf(text.data(), text.size(), "%.3g", value);
    return std::string(std::isfinite(value) ? text.data() : "without bound");
  };
  const std::string steps = std::to_string(settings.steps) + " steps";
  if (metrics["final_loss"].is_null()) return steps + ", a hole, and " + steps + " more; ";
  return "distance from the texture after " + steps + ": " + number("final_loss") +
         "; with a hole: " + number("loss_damaged") + "; after " + steps + " more: " + number("loss_healed") +
         " (the texture itself has " + number("loss_of_the_texture_itself") + ", its mean colour " +
         number("loss_of_its_mean_colour") + "); ";
}

template <class Kind>
void show(const Settings& settings, const Trainer<Kind>& trainer, const basin::Training& training) {
  const std::string out = settings.out + "/";
  basin::examples::Stopwatch watch;
  Show<Kind> show(settings, trainer);
  basin::GifWriter film(out + "forming.gif", {.delay = 8});
  std::vector<std::pair<Index, basin::Image>> forming, healing;
  show.run(settings.steps, &film, forming);
  const basin::OrderedJson formed = show.loss();
  basin::write_png(out + "texture.png", picture_of(show.view(), 2));
  show.damage();
  const basin::OrderedJson damaged = show.loss();
  show.run(settings.steps, &film, healing);
  const basin::OrderedJson healed = show.loss();
  const double seconds = watch.seconds();
  film.finish();
  basin::examples::write_png(out + "forming.png", strip_of(forming));
  basin::examples::write_png(out + "healing.png", strip_of(healing));

  basin::OrderedJson metrics;
  metrics["texture"] = !trainer.has_target() ? "none" : settings.texture.empty() ? "drawn" : settings.texture;
  metrics["rule"] = Kind::name;
  metrics["parameters"] = Kind::Rule::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["size"] = settings.size;
  metrics["run_size"] = settings.run_size;
  metrics["steps"] = settings.steps;
  metrics["final_loss"] = formed;
  metrics["loss_damaged"] = damaged;
  metrics["loss_healed"] = healed;
  if (settings.refined) metrics["refined"] = refined(settings, trainer, show.random());
  metrics["loss_of_the_texture_itself"] = nullptr;
  metrics["loss_of_its_mean_colour"] = nullptr;
  if (trainer.has_target()) {
    const auto [floor, flat] = floor_and_flat(settings, trainer, show.random());
    metrics["loss_of_the_texture_itself"] = floor;
    metrics["loss_of_its_mean_colour"] = flat;
    basin::write_png(out + "target.png", picture_of(trainer.target().colour.view(), 2));
  }
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  const double shown = 2.0 * settings.steps * settings.run_size * settings.run_size;
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["cell_steps_per_second"] =
      training.seconds() > 0 ? trainer.cell_steps() / training.seconds() : shown / seconds;
  metrics["run_cell_steps_per_second"] = shown / seconds;
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(out + "metrics.json", metrics);
  std::printf("%swrote %s\n", verdict(settings, metrics).c_str(), settings.out.c_str());
}

}  // namespace nca_texture
