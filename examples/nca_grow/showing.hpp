#pragma once

// What nca_grow measures and draws of an automaton: eight runs from the seed with other random masks, of which the
// first is shown, then damage, and the healing.

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "../support/process.hpp"
#include "../support/sheet.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "trainer.hpp"

namespace nca_grow {

/// Pictures of one sample at some steps, for a strip and an animation.
struct Film {
  std::vector<basin::Image> frames;
  std::vector<basin::Image> strip;
  std::vector<std::string> captions;
};

class Show {
 public:
  Show(const Settings& settings, const Trainer& trainer)
      : settings_(settings), trainer_(trainer), z_(trainer.grid().with_samples(runs)) {
    z_.view().columns().colwise() = trainer.seed().values;
  }

  /// Runs all samples on for `steps`, and films the first at its steps from `film_from` on.
  void run(bool torus, Index steps, Film& film, const std::vector<Index>& strip_steps) {
    const basin::RandomFire fire = fire_of(settings_, basin::Random{settings_.seed, show_stream}.bits(0));
    const Index begin = step_;
    const auto look = [&](Index t) {
      const bool in_strip = std::find(strip_steps.begin(), strip_steps.end(), t) != strip_steps.end();
      // Frames become rarer as less happens.
      const Index every = t < 96 ? 2 : t < 256 ? 8 : 64;
      if (t % every != 0 && !in_strip && t != steps) return;
      const std::string caption = "step " + std::to_string(t);
      if (t % every == 0 || t == steps)
        film.frames.push_back(basin::examples::captioned(picture(film_scale()), caption));
      if (in_strip || t == steps) {
        film.strip.push_back(picture(1));
        film.captions.push_back(caption);
      }
    };
    look(0);
    count_alive();
    State<float> next(z_.shape);
    while (step_ - begin < steps) {
      trainer_.automaton().step(torus, fire, step_, z_.view(), next.view());
      std::swap(z_, next);
      ++step_;
      cell_steps_ += static_cast<double>(z_.shape.cells());
      look(step_ - begin);
      if (step_ % 8 == 0 || step_ == begin + steps) count_alive();
      if (step_ == settings_.max_steps) loss_grown = loss();
    }
  }

  /// Erases a part of each sample: another half, or another circle, of each.
  void damage() {
    for (Index n = 0; n < runs; ++n) {
      const View<float> sample = z_.view().sample(n);
      if (settings_.damage == "half") {
        basin::erase(sample, basin::HalfPlane{2 * std::numbers::pi * static_cast<double>(n) / runs});
      } else {
        basin::erase(sample, basin::random_circle({settings_.seed, show_stream}, static_cast<std::uint64_t>(n) + 1));
      }
    }
  }

  /// The mean error of all samples; null without a target.
  [[nodiscard]] basin::OrderedJson loss() const {
    if (!trainer_.has_target()) return nullptr;
    return trainer_.error().value_and_gradient(View<const float>(z_.view()), 0, runs, View<float>{});
  }

  basin::OrderedJson loss_grown;
  std::map<Index, double> alive_cells;  ///< mean of the samples

  [[nodiscard]] double cell_steps() const { return cell_steps_; }

 private:
  static constexpr Index runs = 8;

  /// The first sample, so many pixels a cell, with half of the empty cells around a picture that is grown.
  [[nodiscard]] basin::Image picture(Index scale) const {
    return basin::examples::middle_of(basin::image_over_white(z_.view().sample(0), scale),
                                      trainer_.has_target() ? settings_.padding / 2 * scale : 0);
  }

  /// Pixels a cell of the animation, so that it is about 250 wide.
  [[nodiscard]] Index film_scale() const { return std::max<Index>(2, 250 / picture(1).width); }

  /// Where there is damage, the step before it counts.
  void count_alive() { alive_cells.try_emplace(step_, static_cast<double>(basin::count_above(z_.view())) / runs); }

  const Settings& settings_;
  const Trainer& trainer_;
  State<float> z_;
  Index step_ = 0;
  double cell_steps_ = 0;
};

inline void write_film(const std::string& path, const Film& film) {
  basin::GifWriter gif(path + ".gif", {.delay = 5});
  for (std::size_t i = 0; i < film.frames.size(); ++i) {
    gif.add(film.frames[i], i == 0 || i + 1 == film.frames.size() ? 100 : 5);
  }
  gif.finish();
  basin::examples::write_png(
      path + ".png", basin::examples::sheet(film.strip, {.scale = 3, .captions = film.captions, .framed = true}));
}

inline constexpr const char* loss_name = "mean squared error";

/// How it grows so far, where a training was stopped.
inline void draw_growth(const Settings& settings, const Trainer& trainer) {
  Film growth;
  Show(settings, trainer).run(false, settings.max_steps, growth, {0, 8, 16, 24, 32, 48, 64, 96});
  write_film(settings.out + "/growth", growth);
}

/// A number, or NaN where there is none.
inline double number_in(const basin::OrderedJson& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

/// Whether the picture is still there in the end, and in its place: its error is finite, and at most four times what it
/// was when grown. A run without a picture, or one that is too short to have grown it, has lost nothing.
inline bool is_kept(const basin::OrderedJson& grown, const basin::OrderedJson& at_end) {
  if (grown.is_null()) return at_end.is_null() || std::isfinite(number_in(at_end));
  return number_in(at_end) <= 4 * number_in(grown);
}

/// What the errors say. A picture that is lost is not damaged, and so not said to heal.
inline std::string verdict(const Settings& settings, const basin::OrderedJson& grown, const basin::OrderedJson& at_end,
                           const basin::OrderedJson& healed) {
  const auto text = [](const char* words, double error) {
    std::array<char, 80> out{};
    std::snprintf(out.data(), out.size(), words, error);
    return std::string(out.data());
  };
  const double after = number_in(at_end);
  std::string all;
  if (!grown.is_null()) {
    all += "error after " + std::to_string(settings.max_steps) + text(" steps %.2g, ", number_in(grown));
  }
  all += "after " + std::to_string(settings.steps) + text(" steps %.2g", after);
  if (!is_kept(grown, at_end)) {
    all += settings.regime == "growing" ? " (the picture is lost: the regime growing does not train a rule to keep it)"
                                        : " (the picture is lost or has moved: the regime " + settings.regime +
                                              " has not trained the rule to keep it in place)";
  }
  if (!healed.is_null()) {
    const double last = number_in(healed);
    all += text(last <= 4 * after ? ", healed to %.2g" : ", damaged and not healed: %.2g", last);
  }
  return all + "; ";
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  const std::string out = settings.out + "/";
  basin::examples::Stopwatch watch;
  const bool torus = on_torus(settings);
  Show show(settings, trainer);
  Film growth, healing;
  show.run(torus, settings.steps, growth, {0, 8, 16, 24, 32, 48, 64, 96});
  const basin::OrderedJson loss_at_end = show.loss();
  basin::OrderedJson healed;
  const bool damaged = settings.damage != "none" && is_kept(show.loss_grown, loss_at_end);
  if (damaged) {
    show.damage();
    show.run(torus, 200, healing, {0, 4, 8, 16, 32, 64, 96});
    healed = show.loss();
  }
  const double seconds = watch.seconds();
  write_film(out + "growth", growth);
  if (damaged) {
    write_film(out + "healing", healing);
  } else {  // those of an earlier run
    std::filesystem::remove(out + "healing.gif");
    std::filesystem::remove(out + "healing.png");
  }
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  basin::OrderedJson metrics, alive = basin::OrderedJson::object();
  for (const auto& [step, count] : show.alive_cells) alive[std::to_string(step)] = count;
  metrics["target"] = !trainer.has_target() ? "none" : settings.target.empty() ? "drawn" : settings.target;
  metrics["regime"] = settings.regime;
  metrics["parameters"] = trainer.automaton().param_count();
  metrics["iterations"] = training.losses().size();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["boundary"] = torus ? "torus" : "zero";
  metrics["steps"] = settings.steps;
  metrics["final_loss"] = show.loss_grown;
  metrics["loss_at_1000_steps"] = settings.steps == 1000 ? loss_at_end : basin::OrderedJson();
  metrics["loss_at_last_step"] = loss_at_end;
  metrics["loss_after_damage_recovery"] = healed;
  metrics["alive_cells"] = alive;
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["cell_steps_per_second"] =
      training.seconds() > 0 ? trainer.cell_steps() / training.seconds() : show.cell_steps() / seconds;
  metrics["run_cell_steps_per_second"] = show.cell_steps() / seconds;
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(out + "metrics.json", metrics);
  std::printf("%s%.0f cells alive after %d steps; wrote %s\n",
              trainer.has_target() ? verdict(settings, show.loss_grown, loss_at_end, healed).c_str() : "",
              show.alive_cells[settings.steps], settings.steps, settings.out.c_str());
}

}  // namespace nca_grow
