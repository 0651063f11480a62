#pragma once

// What nca_grow measures and draws of an automaton: eight runs from the seed with other random masks, of which the
// first is shown, then damage, and the healing.

#include <array>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "../support/plot.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "basin/io/png.hpp"
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
  template <class Edge>
  void run(Index steps, Film& film, const std::vector<Index>& strip_steps) {
    Grown<Edge> model;
    model.automaton.fire.seed = basin::Random{settings_.seed, show_stream}.bits(0);
    const auto theta = trainer_.parameters().as<Grown<Edge>>();
    const Index begin = step_;
    const auto look = [&](Index t) {
      const bool in_strip = std::find(strip_steps.begin(), strip_steps.end(), t) != strip_steps.end();
      // Frames become rarer as less happens.
      const Index every = t < 128 ? 2 : t < 512 ? 8 : 32;
      if (t % every != 0 && !in_strip && t != steps) return;
      const basin::Image picture = basin::image_over_white(z_.view().sample(0), 4);
      if (t % every == 0) film.frames.push_back(picture);
      if (in_strip || t == steps) {
        film.strip.push_back(picture);
        film.captions.push_back("step " + std::to_string(t));
      }
    };
    look(0);
    count_alive();
    State<float> next(z_.shape);
    while (step_ - begin < steps) {
      model.steps = 1;
      // A run a sample, so that they share out to the threads.
      (void)model.apply(theta.span(), z_.view(), next.view(), {.step = step_});
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
  basin::write_png(path + ".png", basin::examples::side_by_side(film.strip, film.captions));
}

template <class Edge>
void show_with(const Settings& settings, Trainer& trainer) {
  const std::string out = settings.out + "/";
  basin::examples::Stopwatch watch;
  Show show(settings, trainer);
  Film growth, healing;
  show.run<Edge>(settings.steps, growth, {0, 8, 16, 24, 32, 48, 64, 96});
  const basin::OrderedJson loss_at_end = show.loss();
  basin::OrderedJson healed;
  if (settings.damage != "none") {
    show.damage();
    show.run<Edge>(200, healing, {0, 4, 8, 16, 32, 64, 96});
    healed = show.loss();
  }
  const double seconds = watch.seconds();
  write_film(out + "growth", growth);
  if (settings.damage != "none") write_film(out + "healing", healing);
  if (!trainer.losses().empty()) {
    basin::write_png(out + "loss.png",
                     basin::examples::line_chart(
                         {basin::examples::log_means("loss", trainer.losses())},
                         {.title = "Training: mean squared error", .x_label = "iteration", .y_label = "log10"}));
  }
  basin::OrderedJson metrics, alive = basin::OrderedJson::object();
  for (const auto& [step, count] : show.alive_cells) alive[std::to_string(step)] = count;
  metrics["target"] = !trainer.has_target() ? "none" : settings.target.empty() ? "drawn" : settings.target;
  metrics["regime"] = settings.regime;
  metrics["parameters"] = Rule::param_count;
  metrics["iterations"] = trainer.losses().size();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["boundary"] = std::is_same_v<Edge, basin::Zero> ? "zero" : "torus";
  metrics["steps"] = settings.steps;
  metrics["final_loss"] = show.loss_grown;
  metrics["loss_at_1000_steps"] = settings.steps == 1000 ? loss_at_end : basin::OrderedJson();
  metrics["loss_at_last_step"] = loss_at_end;
  metrics["loss_after_damage_recovery"] = healed;
  metrics["alive_cells"] = alive;
  metrics["train_seconds"] = trainer.train_seconds();
  const bool trained = trainer.train_seconds() > 0;
  metrics["cell_steps_per_second"] =
      trained ? trainer.cell_steps() / trainer.train_seconds() : show.cell_steps() / seconds;
  metrics["run_cell_steps_per_second"] = show.cell_steps() / seconds;
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(out + "metrics.json", metrics);
  const auto number = [](const basin::OrderedJson& value) { return value.is_null() ? "-" : value.dump(); };
  std::printf("error after %d steps %s, after %d steps %s, healed %s; %.0f cells alive; wrote %s\n", settings.max_steps,
              number(show.loss_grown).c_str(), settings.steps, number(loss_at_end).c_str(), number(healed).c_str(),
              show.alive_cells[settings.steps], settings.out.c_str());
}

inline void show(const Settings& settings, Trainer& trainer) {
  const bool torus =
      settings.boundary.empty() ? !settings.model.empty() && !trainer.has_target() : settings.boundary == "torus";
  if (torus) {
    show_with<basin::Periodic>(settings, trainer);
  } else {
    show_with<basin::Zero>(settings, trainer);
  }
}

}  // namespace nca_grow
