#pragma once

// What deq_sums writes: metrics.json and its pictures.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/settling_pictures.hpp"
#include "../support/sheet.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "measuring.hpp"

namespace deq_sums {

inline constexpr const char* loss_name = "cross-entropy of the cells";

/// The string that is watched.
inline Problems watched(const Settings& settings, Index length) {
  return test_strings(settings, std::min<Index>(length, settings.test_bits), 1);
}

/// The probability of an odd sum, for each cell of a state.
inline std::vector<float> odd(const Settler& settler, const State<float>& state) {
  const State<float> logits = settler.read(state.view());
  std::vector<float> of_cells;
  for (Index i = 0; i < logits.shape.cells(); ++i) {
    of_cells.push_back(1 / (1 + std::exp(logits.values[2 * i] - logits.values[2 * i + 1])));
  }
  return of_cells;
}

/// Blue for an even sum, red for an odd one, white between; grey over cells that are wrong.
inline basin::examples::Colour colour(float odd, int sum) {
  if ((odd > 0.5f ? 1 : 0) != sum) return {110, 110, 110};
  return basin::examples::blue_red(0.15 + 0.7 * static_cast<double>(odd));
}

/// Cells across, evaluations down.
inline void draw_settling(const std::string& path, const Settings& settings, const Theta& theta) {
  const Problems strings = watched(settings, 192);
  const Settler settler = deq_sums::settler(settings, theta, strings.cells());
  const basin::examples::Settling seen = watch(settler, strings, 0);
  const Index rows = std::min<Index>(std::ssize(seen.states), 400);
  basin::Image image = basin::examples::blank(strings.cells(), rows);
  for (Index t = 0; t < rows; ++t) {
    const std::vector<float> cells = odd(settler, seen.states[static_cast<std::size_t>(t)]);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      basin::examples::fill(image, static_cast<Index>(i), t, 1, 1, colour(cells[i], strings.answers[i]));
    }
  }
  basin::examples::write_png(
      path, basin::examples::above({basin::examples::over_axes(image, 3, "bit of the string", "evaluations"),
                                    basin::examples::key({{colour(1, 1), "the cell says odd, and is right"},
                                                          {colour(0, 0), "the cell says even, and is right"},
                                                          {colour(1, 0), "the cell is wrong"}},
                                                         static_cast<double>(3 * image.width))}));
}

/// A string in lines, as text is written, every few evaluations.
inline void draw_animation(const std::string& path, const Settings& settings, const Theta& theta) {
  constexpr Index scale = 10, across = 32;
  const Problems strings = watched(settings, across * 16);
  const Settler settler = deq_sums::settler(settings, theta, strings.cells());
  const basin::examples::Settling seen = watch(settler, strings, 0);
  const std::size_t every = std::max<std::size_t>(1, seen.states.size() / 100), last = seen.states.size() - 1;
  basin::GifWriter gif(path, {.delay = 6});
  for (std::size_t frame = 0; frame <= last; frame = frame < last ? std::min(last, frame + every) : last + 1) {
    basin::Image image = basin::examples::blank(across * scale, (strings.cells() + across - 1) / across * scale);
    const std::vector<float> cells = odd(settler, seen.states[frame]);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Index at = static_cast<Index>(i);
      basin::examples::fill(image, at % across * scale, at / across * scale, scale - 1, scale - 1,
                            colour(cells[i], strings.answers[i]));
    }
    gif.add(image, frame == last ? 200 : 6);
  }
  gif.finish();
}

/// Strings that are right against evaluations, a curve a length.
inline void draw_solved(const std::string& path, const Settings& settings, const Theta& theta) {
  std::vector<std::pair<std::string, std::vector<double>>> shares;
  for (Index length = settings.bits; length <= std::min(settings.test_bits, 16 * settings.bits); length *= 2) {
    const Problems strings = test_strings(settings, length, std::min(settings.count, 100));
    shares.emplace_back(std::to_string(length) + " bits", solved_after(settler(settings, theta, length), strings));
  }
  basin::examples::draw_solved(path, "Test strings that are right in every cell", shares);
}

inline void draw_residual(const std::string& path, const Settings& settings, const Theta& theta) {
  const Problems strings = watched(settings, 16 * settings.bits);
  basin::examples::draw_residual(path, watch(settler(settings, theta, strings.cells()), strings, 0),
                                 "A string of " + std::to_string(strings.cells()) + " bits");
}

inline void draw(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  const std::string out = settings.out + "/";
  const Theta& theta = trainer.parameters();
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  draw_settling(out + "settling.png", settings, theta);
  draw_animation(out + "settling.gif", settings, theta);
  draw_residual(out + "residual.png", settings, theta);
  draw_solved(out + "solved.png", settings, theta);
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  const Theta& theta = trainer.parameters();
  basin::OrderedJson metrics, lengths = basin::OrderedJson::array();
  metrics["parameters"] = Network::Settled::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["bits"] = settings.bits;
  metrics["test_bits"] = settings.test_bits;
  metrics["test_strings"] = settings.count;
  metrics["test_seed"] = settings.test_seed;
  for (const Index length : tested_lengths(settings)) {
    const auto solved = measure(settler(settings, theta, length), test_strings(settings, length, settings.count),
                                std::to_string(length) + " bits");
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
  const basin::examples::PathIndependence elsewhere =
      path_independence(settler(settings, theta, moderate), test_strings(settings, moderate, settings.count),
                        settings.test_seed, test_start_stream);
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
              100 * elsewhere.solved.share(), moderate, Network::Settled::param_count, training.seconds(),
              settings.out.c_str());
}

}  // namespace deq_sums
