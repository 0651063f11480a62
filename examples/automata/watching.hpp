#pragma once

// What is measured of a run, and drawn.

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../support/chart.hpp"
#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/io/gif.hpp"
#include "basin/io/json.hpp"
#include "basin/io/png.hpp"
#include "course.hpp"
#include "patterns.hpp"

namespace automata {

using basin::Image;
using basin::View;
using basin::examples::Colour;

/// Night to a warm light: amounts from 0 to 1, in 256 steps, as many as a frame of a GIF has colours.
[[nodiscard]] inline Colour glow(double t) {
  static const std::array<Colour, 256> colours = [] {
    std::array<Colour, 256> all{};
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = basin::examples::between(std::array<Colour, 7>{{{8, 10, 26},
                                                               {28, 32, 86},
                                                               {30, 92, 142},
                                                               {36, 160, 150},
                                                               {132, 210, 118},
                                                               {250, 226, 110},
                                                               {255, 252, 236}}},
                                        static_cast<double>(i) / 255);
    }
    return all;
  }();
  return colours[static_cast<std::size_t>(255 * std::clamp(t, 0.0, 1.0) + 0.5)];
}

/// Pixels of a cell, for pictures of so many cells.
[[nodiscard]] inline Index scale_for(const Settings& settings, Index width, Index height) {
  return settings.scale > 0 ? settings.scale : std::clamp<Index>(512 / std::max({width, height, Index{1}}), 1, 16);
}

/// The numbers of a plane through a colour map, each as scale x scale pixels.
template <class Number, class Map>
[[nodiscard]] Image painted(const Number* plane, Index width, Index height, Index scale, const Map& map) {
  Image image{width * scale, height * scale, 3, {}};
  image.pixels.resize(static_cast<std::size_t>(3 * image.width * image.height));
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      const Colour colour = map(static_cast<double>(plane[y * width + x]));
      const std::array<std::uint8_t, 3> rgb{colour.red, colour.green, colour.blue};
      for (Index i = 0; i < scale; ++i) std::copy_n(rgb.data(), 3, image.at(x * scale + i, y * scale));
    }
    for (Index j = 1; j < scale; ++j) {
      std::copy_n(image.at(0, y * scale), 3 * image.width, image.at(0, y * scale + j));
    }
  }
  return image;
}

/// Life that leaves a trace: cells glow brightest when they are born, dimmer as they grow old, and fade when they die.
class Embers {
 public:
  explicit Embers(Index cells) : light_(static_cast<std::size_t>(cells)) {}

  void see(const float* plane) {
    for (std::size_t i = 0; i < light_.size(); ++i) {
      float& light = light_[i];
      if (plane[i] > 0.5f) {
        light = light < still ? 1.0f : std::max(still, light - 0.02f);
      } else {
        light = std::min(light, died) * fading;
      }
    }
  }

  /// Cells that were taken away between two steps leave no trace.
  void damaged(const float* plane) {
    for (std::size_t i = 0; i < light_.size(); ++i) {
      if (plane[i] <= 0.5f && light_[i] >= still) light_[i] = 0;
    }
  }

  [[nodiscard]] const float* light() const { return light_.data(); }

  /// What the lights mean.
  [[nodiscard]] static basin::examples::SheetOptions legend() {
    return {.key = {{glow(1), "just born"},
                    {glow(still), "alive for 20 steps or more"},
                    {glow(died * fading), "just died"},
                    {glow(0), "long dead, or never alive"}}};
  }

  template <class File>
  void keep(File& file) {
    file("embers", light_, basin::Length{light_.size()}, basin::Within{0.0f, 1.0f});
  }

 private:
  static constexpr float still = 0.62f;                 // of cells that have lived long
  static constexpr float died = 0.36f, fading = 0.94f;  // of cells at their death, and by each step after it
  std::vector<float> light_;
};

/// Counts, and after how many steps a state comes back: then it does so for ever.
class Counts {
 public:
  explicit Counts(Quantity quantity) : quantity_(std::move(quantity)) {}

  template <class Cells>
  void see(Index t, const Cells& each_cell) {
    double sum = 0;
    Index cells = 0;
    std::uint64_t hash = 0;
    each_cell([&](std::uint64_t place, double value) {
      sum += value;
      ++cells;
      // A sum of words that are random but for the place: the order of the cells does not matter.
      std::uint64_t word = (place + 1) * 0x9E3779B97F4A7C15u;
      word = (word ^ word >> 29) * 0xBF58476D1CE4E5B9u;
      hash += word ^ word >> 32;
    });
    values_.push_back(quantity_.adds_up ? sum : static_cast<double>(cells));
    if (quantity_.adds_up || period_) return;
    hashes_.push_back(hash);
    const auto [found, fresh] = first_.emplace(hash, t);
    if (!fresh && values_[static_cast<std::size_t>(found->second)] == values_.back()) {
      settled_ = found->second;
      period_ = t - found->second;
    }
  }

  [[nodiscard]] double last() const { return values_.back(); }
  [[nodiscard]] std::optional<Index> period() const { return period_; }
  [[nodiscard]] std::optional<Index> settled() const { return settled_; }

  /// An object from step to count.
  [[nodiscard]] basin::OrderedJson json() const {
    basin::OrderedJson out = basin::OrderedJson::object();
    for (std::size_t t = 0; t < values_.size(); ++t) {
      if (quantity_.adds_up) {
        out[std::to_string(t)] = values_[t];
      } else {
        out[std::to_string(t)] = static_cast<Index>(values_[t]);
      }
    }
    return out;
  }

  /// What a checkpoint keeps after step t, for reading and writing alike.
  template <class File>
  void keep(File& file, Index t) {
    Index settled = settled_.value_or(-1), period = period_.value_or(-1);
    file("counts.values", values_, basin::Length{t + 1}, basin::Within{quantity_.positive ? 0.0 : -1e300, 1e300});
    file("counts.hashes", hashes_);
    file("counts.settled", settled, basin::Within{Index{-1}, t});
    file("counts.period", period, basin::Within{Index{-1}, t});
    if constexpr (reads<File>) {
      basin::check(hashes_.size() <= values_.size(), "number of 'counts.hashes'", hashes_.size(),
                   "at most " + std::to_string(values_.size()));
      settled_ = settled < 0 ? std::nullopt : std::optional(settled);
      period_ = period < 0 ? std::nullopt : std::optional(period);
      first_.clear();
      for (std::size_t i = 0; i < hashes_.size(); ++i) first_.emplace(hashes_[i], static_cast<Index>(i));
    }
  }

  [[nodiscard]] basin::examples::Drawing chart(const std::string& title) const {
    basin::examples::Series series;
    const std::size_t stride = std::max<std::size_t>(1, values_.size() / 700);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (i % stride != 0 && i + 1 != values_.size()) continue;
      series.x.push_back(static_cast<double>(i));
      series.y.push_back(values_[i]);
    }
    basin::examples::ChartOptions options{.title = title,
                                          .x = {.label = "step", .whole = true},
                                          .y = {.label = quantity_.label, .whole = !quantity_.adds_up}};
    if (quantity_.positive) options.y.low = 0;
    return basin::examples::line_chart({series}, options);
  }

 private:
  Quantity quantity_;
  std::vector<double> values_;         // of steps 0, 1, ...
  std::vector<std::uint64_t> hashes_;  // of the states, until one comes back
  std::unordered_map<std::uint64_t, Index> first_;
  std::optional<Index> settled_, period_;
};

/// Whether step t is one of at most `frames` that are filmed.
[[nodiscard]] inline bool filmed(const Settings& settings, Index steps, Index t) {
  const Index stride = std::max<Index>(1, (steps + settings.frames - 1) / settings.frames);
  return t % stride == 0;
}

/// Pictures of a run at its start, after an eighth and a third of its steps, and at its end.
class Strip {
 public:
  explicit Strip(Index steps) : steps_(steps) {}

  template <class Draw>
  void see(Index t, const Draw& draw) {
    if (t != 0 && t != steps_ / 8 && t != steps_ / 3 && t != steps_) return;
    pictures_.push_back(draw());
    captions_.push_back("step " + std::to_string(t));
  }

  /// With a legend: what the colours mean. Nothing, if none of these steps was made.
  void write(const std::string& path, basin::examples::SheetOptions legend) const {
    if (pictures_.empty()) return;
    legend.columns = 4;
    legend.scale = 0.5;
    legend.gap = 8;
    legend.captions = captions_;
    basin::examples::write_png(path, basin::examples::sheet(pictures_, legend));
  }

 private:
  Index steps_;
  std::vector<Image> pictures_;
  std::vector<std::string> captions_;
};

/// Sparse frames of a plane without edges, drawn when all are there and their common bounds are known.
class Film {
 public:
  template <class Cells>
  void see(const Cells& each_cell) {
    frames_.emplace_back();
    each_cell([&](Index x, Index y, float value) {
      frames_.back().push_back({x, y, value});
      if (frames_.size() == 1 && frames_.back().size() == 1) left_ = right_ = x, top_ = bottom_ = y;
      left_ = std::min(left_, x), right_ = std::max(right_, x);
      top_ = std::min(top_, y), bottom_ = std::max(bottom_, y);
    });
  }

  [[nodiscard]] Index width() const { return right_ - left_ + 1; }
  [[nodiscard]] Index height() const { return bottom_ - top_ + 1; }

  /// Calls draw(plane, width, height) for the frames; where the bounds are larger than `most` cells, each number is the
  /// largest of a square of cells.
  template <class Draw>
  void each(Index most, const Draw& draw) const {
    const Index shrink = (std::max(width(), height()) + most - 1) / most;
    const Index w = (width() + shrink - 1) / shrink + 2 * margin, h = (height() + shrink - 1) / shrink + 2 * margin;
    std::vector<float> plane(static_cast<std::size_t>(w * h));
    for (const auto& frame : frames_) {
      std::fill(plane.begin(), plane.end(), 0.0f);
      for (const Cell& cell : frame) {
        const Index x = (cell.x - left_) / shrink + margin, y = (cell.y - top_) / shrink + margin;
        float& to = plane[static_cast<std::size_t>(y * w + x)];
        to = std::max(to, cell.value);
      }
      draw(plane.data(), w, h);
    }
  }

 private:
  static constexpr Index margin = 2;  // empty cells around
  struct Cell {
    Index x, y;
    float value;
  };
  std::vector<std::vector<Cell>> frames_;
  Index left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
};

/// population.png, population.svg and, of a run that came to its end, metrics.json and a line on the terminal. `cells`:
/// of the grid, 0 if it has no edge; `more` goes into metrics.json as well. Returns the exit status.
[[nodiscard]] inline int write_counts(const Settings& settings, const Chosen& chosen, const Counts& counts,
                                      const Course& course, Index cells, const basin::OrderedJson& more = {}) {
  basin::examples::write_png_and_svg(settings.out + "/population.png",
                                     counts.chart(chosen.rule + ", " + chosen.pattern));
  if (course.stopped()) return course.status();
  const double seconds = course.seconds();
  basin::OrderedJson metrics;
  const auto or_null = [](const auto& value) { return value ? basin::OrderedJson(*value) : basin::OrderedJson(); };
  metrics["rule"] = chosen.rule;
  metrics["pattern"] = chosen.pattern;
  metrics["boundary"] = settings.boundary;
  metrics["size"] = chosen.size;
  metrics["steps"] = chosen.steps;
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["final_" + chosen.quantity.name] = counts.last();
  metrics["settled_at"] = or_null(counts.settled());
  metrics["period"] = or_null(counts.period());
  metrics["seconds"] = seconds;
  metrics["sessions"] = basin::OrderedJson(course.sessions());
  metrics["steps_per_second"] = seconds > 0 ? static_cast<double>(chosen.steps) / seconds : 0;
  metrics["cells_per_second"] = cells > 0 && seconds > 0
                                    ? basin::OrderedJson(static_cast<double>(cells * chosen.steps) / seconds)
                                    : basin::OrderedJson();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  if (more.is_object()) metrics.update(more);
  metrics[chosen.quantity.name] = counts.json();
  basin::write_json(settings.out + "/metrics.json", metrics);
  std::printf("%s, %s, %s: %td steps in %.3f s", chosen.rule.c_str(), chosen.pattern.c_str(), settings.boundary.c_str(),
              chosen.steps, seconds);
  if (cells > 0 && seconds > 0)
    std::printf(", %.1f million cells a second", static_cast<double>(cells * chosen.steps) / seconds * 1e-6);
  std::printf("; %s %.6g", chosen.quantity.name.c_str(), counts.last());
  if (counts.period()) std::printf("; from step %td on it repeats every %td", *counts.settled(), *counts.period());
  std::printf("\nwrote %s\n", settings.out.c_str());
  return 0;
}

}  // namespace automata
