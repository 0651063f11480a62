#pragma once

// What nca_tissue says, writes and draws of what it measured.

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "../support/chart.hpp"
#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/io/gif.hpp"
#include "measuring.hpp"

namespace nca_tissue {

inline constexpr const char* loss_name = "weighted nats a cell";

inline constexpr std::array<basin::examples::Colour, kinds> kind_colours{
    {basin::examples::white, {213, 94, 0}, {240, 196, 60}, {0, 114, 178}}};
inline constexpr std::array<basin::examples::Colour, rules> rule_colours{
    {{0, 158, 115}, {204, 121, 167}, {40, 40, 48}, {86, 180, 233}, {230, 159, 0}, {170, 170, 170}}};

inline std::vector<basin::examples::KeyEntry> legend() {
  return {{kind_colours[stem], "stem cell"}, {kind_colours[dividing], "dividing"}, {kind_colours[mature], "mature"}};
}

inline basin::Image picture_of(const Tissue& tissue, Index scale = 1) {
  basin::Image image = basin::examples::blank(tissue.side * scale, tissue.side * scale);
  for (Index place = 0; place < std::ssize(tissue.kind); ++place) {
    basin::examples::fill(image, place % tissue.side * scale, place / tissue.side * scale, scale, scale,
                          kind_colours[tissue.kind[static_cast<std::size_t>(place)]]);
  }
  return image;
}

/// Of each place the rule that is likeliest there.
inline basin::Image rules_of(const MixtureTheta& theta, const Tissue& tissue) {
  const State<float> answers = answers_of<Mixture>(theta, tissue);
  basin::Image image = basin::examples::blank(tissue.side, tissue.side);
  for (Index place = 0; place < std::ssize(tissue.kind); ++place) {
    const float* numbers = answers.values.data() + place * (rules + rules * kinds);
    const auto likeliest = static_cast<std::size_t>(std::max_element(numbers, numbers + rules) - numbers);
    basin::examples::fill(image, place % tissue.side, place / tissue.side, 1, 1, rule_colours[likeliest]);
  }
  return image;
}

/// How likely one rule is in each place.
inline basin::Image likelihood_of(const MixtureTheta& theta, const Tissue& tissue, std::size_t rule) {
  const State<float> answers = answers_of<Mixture>(theta, tissue);
  basin::Image image = basin::examples::blank(tissue.side, tissue.side);
  for (Index place = 0; place < std::ssize(tissue.kind); ++place) {
    const float* numbers = answers.values.data() + place * (rules + rules * kinds);
    basin::examples::fill(image, place % tissue.side, place / tissue.side, 1, 1,
                          basin::examples::grey(1 - choices_of(numbers)[rule]));
  }
  return image;
}

inline void draw_tissues(const Settings& settings, const Trainer& trainer, double noise) {
  constexpr Index of_each = 2, columns = 5;
  std::vector<basin::Image> pictures;
  std::vector<std::string> rows, captions;
  for (Index k = 0; k < columns; ++k) captions.push_back("step " + std::to_string(settings.steps * k / (columns - 1)));
  for (const Grower grower : growers) {
    const bool varies = grower == Grower::recorded || grower == Grower::mixture;
    const Index count = varies ? of_each : 1;
    Colony colony(trainer, grower, noise, settings.side, count, settings.seed, test_stream, 1000);
    std::vector<std::vector<basin::Image>> of_tissue(static_cast<std::size_t>(count));
    for (Index k = 0; k < columns; ++k) {
      colony.run(settings.steps * k / (columns - 1) - colony.steps());
      for (std::size_t n = 0; n < of_tissue.size(); ++n) of_tissue[n].push_back(picture_of(colony.tissues()[n]));
    }
    for (auto& row : of_tissue) {
      rows.push_back(caption_of(grower));
      std::move(row.begin(), row.end(), std::back_inserter(pictures));
    }
  }
  basin::examples::write_png(settings.out + "/tissues.png",
                             basin::examples::sheet(std::move(pictures), {.columns = columns,
                                                                          .scale = 4,
                                                                          .row_captions = std::move(rows),
                                                                          .column_captions = std::move(captions),
                                                                          .key = legend(),
                                                                          .framed = true}));
}

/// Two tissues, and how likely each rule is in their places.
inline void draw_rules(const Settings& settings, const Trainer& trainer) {
  Colony colony(trainer, Grower::mixture, 0, settings.side, 2, settings.seed, test_stream, 1000);
  colony.run(settings.steps);
  std::vector<basin::Image> pictures;
  std::vector<std::string> captions{"tissue"};
  for (std::size_t k = 0; k < rules; ++k) captions.push_back("rule " + std::to_string(k + 1));
  for (const Tissue& tissue : colony.tissues()) {
    pictures.push_back(picture_of(tissue));
    for (std::size_t k = 0; k < rules; ++k) pictures.push_back(likelihood_of(trainer.mixture(), tissue, k));
  }
  basin::examples::write_png(
      settings.out + "/rules.png",
      basin::examples::sheet(
          std::move(pictures),
          {.columns = 1 + rules,
           .scale = 4,
           .column_captions = std::move(captions),
           .bar = basin::examples::ScaleBar{.map = [](double t) { return basin::examples::grey(1 - t); },
                                            .label = "how likely a cell draws the rule"},
           .key = legend(),
           .framed = true}));
}

/// Means, and below and above them the sizes of one tissue of ten.
inline void draw_sizes(const Settings& settings, const std::string& name, const std::string& title, const Measured& m,
                       const std::vector<Sizes> Course::*part) {
  std::vector<basin::examples::Series> series;
  const auto add = [&](const std::string& caption, const Course& course, bool dashed, const auto& value) {
    basin::examples::Series one{.name = caption, .dashed = dashed};
    for (std::size_t t = 0; t < (course.*part).size(); ++t) {
      one.x.push_back(static_cast<double>(t));
      one.y.push_back(value((course.*part)[t]));
    }
    series.push_back(std::move(one));
  };
  const auto mean = [](const Sizes& sizes) { return sizes.mean(); };
  add("recorded, mean", m.courses[0], true, mean);
  add("recorded, a tenth are smaller", m.courses[0], true, [](const Sizes& s) { return s.quantile(0.1); });
  add("recorded, a tenth are larger", m.courses[0], true, [](const Sizes& s) { return s.quantile(0.9); });
  add("mixture, mean", m.courses[1], false, mean);
  add("mixture, a tenth are smaller", m.courses[1], false, [](const Sizes& s) { return s.quantile(0.1); });
  add("mixture, a tenth are larger", m.courses[1], false, [](const Sizes& s) { return s.quantile(0.9); });
  add("one rule", m.courses[3], false, mean);
  basin::examples::write_png_and_svg(
      settings.out + "/" + name,
      basin::examples::line_chart(std::move(series),
                                  {.title = title, .x = {.label = "step", .whole = true}, .y = {.label = "cells"}}));
}

/// Recorded tissues beside grown ones; then half of each is cut off.
inline void draw_film(const Settings& settings, const Trainer& trainer) {
  constexpr Index across = 3, scale = 3, gap = 2;
  std::vector<Colony> colonies;
  for (const Grower grower : {Grower::recorded, Grower::mixture}) {
    colonies.emplace_back(trainer, grower, 0.0, settings.side, across, settings.seed, test_stream, 2000);
  }
  basin::GifWriter gif(settings.out + "/growing.gif", {.delay = 8});
  const Index step = (settings.side + gap) * scale;
  const auto add = [&](const std::string& text, int delay) {
    basin::Image all = basin::examples::blank(across * step, 2 * step, basin::examples::pale);
    for (Index row = 0; row < 2; ++row) {
      for (Index n = 0; n < across; ++n) {
        const Tissue& tissue = colonies[static_cast<std::size_t>(row)].tissues()[static_cast<std::size_t>(n)];
        for (Index place = 0; place < std::ssize(tissue.kind); ++place) {
          basin::examples::fill(all, n * step + place % tissue.side * scale, row * step + place / tissue.side * scale,
                                scale, scale, kind_colours[tissue.kind[static_cast<std::size_t>(place)]]);
        }
      }
    }
    gif.add(basin::examples::captioned(all, text), delay);
  };
  const auto run = [&](Index steps, const std::string& text) {
    for (Index t = 0; t < steps; ++t) {
      for (Colony& colony : colonies) colony.step();
      add("above recorded, below grown; step " + std::to_string(colonies[0].steps()) + text, t + 1 == steps ? 150 : 10);
    }
  };
  add("above recorded, below grown", 60);
  run(settings.steps, "");
  for (Colony& colony : colonies) colony.wound();
  add("half is cut off", 100);
  run(settings.steps / 2, ", after the cut");
  gif.finish();
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training) {
  const Measured m = measure(settings, trainer);
  basin::OrderedJson metrics = as_json(m);
  metrics["parameters"] = Mixture::param_count;
  metrics["parameters_of_one_rule"] = OneRule::param_count;
  metrics["iterations"] = training.iteration();
  metrics["tissues"] = settings.tissues;
  metrics["side"] = settings.side;
  metrics["steps"] = settings.steps;
  metrics["held_back"] = settings.held_back != 0;
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  draw_tissues(settings, trainer, m.residual);
  draw_rules(settings, trainer);
  draw_sizes(settings, "sizes.png", "Sizes of tissues", m, &Course::at);
  draw_sizes(settings, "wounds.png", "After half is cut off", m, &Course::wounded);
  draw_film(settings, trainer);
  std::printf("what a place becomes: the mixture's probabilities are off by %.4f, those of the one rule by %.4f\n",
              m.mixture_probabilities, m.one_probabilities);
  std::printf("%d tissues of each after %d steps, and %d after half was cut off:\n", settings.tissues, settings.steps,
              settings.steps / 3);
  const auto say = [&](const char* name, const Course& course) {
    const Sizes &grown = course.at.back(), &healed = course.wounded.back();
    std::printf(
        "  %-20s %6.1f cells, +- %5.1f, distance %.3f; %4.1f%% died out; healed %6.1f, +- %5.1f, distance %.3f\n", name,
        grown.mean(), grown.deviation(), distance(grown, m.courses[0].at.back()), 100 * grown.gone(), healed.mean(),
        healed.deviation(), distance(healed, m.courses[0].wounded.back()));
  };
  for (const Grower grower : growers) say(caption_of(grower), m.courses[static_cast<std::size_t>(grower)]);
  say("recorded, others", m.again);
  std::printf("wrote %s\n", settings.out.c_str());
}

}  // namespace nca_tissue
