#pragma once

// What nca_inpaint says, writes and draws of what it measured.

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

namespace nca_inpaint {

inline constexpr const char* loss_name = "squared error and overflow";

/// Ink for what a cell is given, blue for what it has made.
inline basin::examples::Colour colour_of(const float* cell) {
  const basin::examples::Colour full =
      cell[shown] > 0 ? basin::examples::Colour{0, 0, 0} : basin::examples::distinct_colours[0];
  return basin::examples::mixed(basin::examples::white, full, static_cast<double>(pixel(cell)));
}
/// Ink, and pale where a pixel is hidden.
inline basin::examples::Colour given_colour_of(const float* cell) {
  if (cell[shown] > 0) return colour_of(cell);
  return basin::examples::mixed(basin::examples::white, basin::examples::distinct_colours[6], 0.5);
}

/// The samples of a state side by side.
template <class ColourOf>
basin::Image picture_of(View<const float> states, const ColourOf& colour_of_cell, Index scale = 1) {
  const Index width = states.shape().space[0], height = states.shape().space[1];
  basin::Image image = basin::examples::blank(width * scale * states.samples(), height * scale);
  for (Index n = 0; n < states.samples(); ++n) {
    for (Index cell = 0; cell < width * height; ++cell) {
      basin::examples::fill(image, (n * width + cell % width) * scale, cell / width * scale, scale, scale,
                            colour_of_cell(states.sample(n).data() + cell * features));
    }
  }
  return image;
}

/// Images as they are.
inline basin::Image picture_of_images(View<const float> images, Index scale = 1) {
  State<float> states(images.shape().with_features(features));
  states.view().matrix().row(given) = images.vector().transpose();
  states.view().matrix().row(shown).setOnes();
  return picture_of(std::as_const(states).view(), colour_of, scale);
}

/// Two images of each size of squares, step by step.
template <class Kind>
void draw_restored(const Settings& settings, const State<float>& test, const typename Trainer<Kind>::Theta& theta) {
  const std::array<Index, 4> moments{4, 8, settings.steps, longest * settings.steps};
  const Index each = std::min<Index>(2, test.shape.samples);
  std::vector<basin::Image> pictures;
  basin::examples::SheetOptions options{
      .columns = static_cast<Index>(moments.size()) + 2, .scale = 2, .column_captions = {"given"}, .framed = true};
  for (const Index moment : moments) options.column_captions.push_back("step " + std::to_string(moment));
  options.column_captions.push_back("image");
  for (std::size_t i = 0; i < sides.size(); ++i) {
    for (Index k = 0; k < each; ++k) {
      const View<const float> image = test.view().sample((static_cast<Index>(i) * each + k) % test.shape.samples);
      Restoration<Kind> run(settings, theta, image, sides[i]);
      const auto add = [&](const auto& colour) { pictures.push_back(picture_of(std::as_const(run).view(), colour)); };
      add(given_colour_of);
      for (Index t = 1, next = 0; t <= longest * settings.steps; ++t) {
        run.step();
        for (; next < static_cast<Index>(moments.size()) && moments[static_cast<std::size_t>(next)] <= t; ++next) {
          add(colour_of);
        }
      }
      pictures.push_back(picture_of_images(image));
    }
  }
  basin::examples::write_png(settings.out + "/restored.png", basin::examples::sheet(std::move(pictures), options));
}

/// Eight images, of which other pixels are hidden twice while the cells live on.
template <class Kind>
void draw_life(const Settings& settings, const State<float>& test, const typename Trainer<Kind>::Theta& theta) {
  constexpr Index scale = 3, turns = 3;
  const Index count = std::min<Index>(8, test.shape.samples);
  const View<const float> images = test.view().samples(0, count);
  Restoration<Kind> run(settings, theta, images, sides.back());
  basin::GifWriter gif(settings.out + "/restored.gif", {.delay = 6});
  const basin::Image wanted = picture_of_images(images, scale);
  for (Index turn = 0; turn < turns; ++turn) {
    if (turn > 0) run.hide();
    for (Index t = 0; t <= settings.steps; ++t) {
      if (t > 0) run.step();
      const View<const float> states = std::as_const(run).view();
      const basin::Image rows = basin::examples::below(
          basin::examples::below(picture_of(states, given_colour_of, scale), picture_of(states, colour_of, scale)),
          wanted);
      const std::string text = "given, restored (blue), and the images; step " +
                               std::to_string(turn * settings.steps + t) + (turn > 0 ? ", other pixels hidden" : "");
      gif.add(basin::examples::captioned(rows, text), t == settings.steps ? 100 : t == 0 ? 40 : 6);
    }
  }
  gif.finish();
}

template <class Kind>
void show(const Settings& settings, const ImageSets& data, const Trainer<Kind>& trainer,
          const basin::Training& training) {
  const Index all = data.test.shape.samples;
  const Index count = settings.test_images > 0 ? std::min<Index>(settings.test_images, all) : all;
  const State<float> mean = mean_of(data.train.view());
  basin::OrderedJson metrics, table = basin::OrderedJson::object();
  std::vector<basin::examples::Series> curves;
  const std::string steps = std::to_string(settings.steps);
  std::printf("mean squared error of the hidden pixels of %td %simages:\n%-10s %10s %10s %10s %10s %10s %10s %12s\n",
              count, settings.held_back > 0 ? "held back " : "test ", "squares", ("step " + steps).c_str(),
              ("x " + std::to_string(2)).c_str(), ("x " + std::to_string(longest)).c_str(), "changed", "healed",
              "smoothed", "mean image");
  for (const int side : sides) {
    const Measured m = measure<Kind>(settings, trainer.parameters(), data.test.view().samples(0, count), mean, side);
    const std::string name = std::to_string(side) + " x " + std::to_string(side);
    const basin::OrderedJson numbers = as_json(m, settings);
    table[name] = numbers;
    metrics["error_" + std::to_string(side)] = numbers["error"];
    std::printf("%-10s", name.c_str());
    for (const char* key : {"error", "error_in_twice_the_steps", "error_in_ten_times_the_steps", "error_after_a_change",
                            "error_healed", "error_of_smoothing"}) {
      std::printf(" %10.4f", numbers[key].get<double>());
    }
    std::printf(" %12.4f\n", m.mean_image.mean());
    curves.push_back({"squares of " + name, {}, {}});
    basin::examples::Series& curve = curves.back();
    for (std::size_t t = 1; t < m.along.size(); ++t) {
      curve.x.push_back(static_cast<double>(t));
      curve.y.push_back(m.along[t].mean());
    }
  }
  metrics["hidden_squares"] = table;
  metrics["dataset"] = data.name;
  metrics["perception"] = Kind::name;
  metrics["parameters"] = Kind::Model::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["steps"] = settings.steps;
  metrics["hidden"] = settings.hidden;
  metrics["test_images"] = count;
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  basin::examples::write_png_and_svg(
      settings.out + "/errors.png",
      basin::examples::line_chart(
          curves, {.title = "Error of the hidden pixels",
                   .x = {.label = "step", .scale = basin::examples::Scale::logarithmic},
                   .y = {.label = "mean squared error", .scale = basin::examples::Scale::logarithmic}}));
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  draw_restored<Kind>(settings, data.test, trainer.parameters());
  draw_life<Kind>(settings, data.test, trainer.parameters());
  std::printf("wrote %s\n", settings.out.c_str());
}

}  // namespace nca_inpaint
