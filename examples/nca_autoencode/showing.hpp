#pragma once

// What nca_autoencode says, writes and draws of what it measured.

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

namespace nca_autoencode {

inline constexpr const char* loss_name = "squared error and overflow";

/// Of paper and ink: 0 is white, 1 black.
inline basin::examples::Colour ink_of(float value) { return basin::examples::grey(1 - static_cast<double>(value)); }

/// Three of the numbers that a cell uses as it likes as red, green and blue, each around grey; dark where the wall is.
inline basin::examples::Colour colour_of(const float* cell) {
  if (cell[passable] <= 0) return basin::examples::ink;
  const auto part = [&](int c) {
    const double bright = std::clamp(0.5 + static_cast<double>(cell[own + c]) / 4, 0.0, 1.0);
    return static_cast<std::uint8_t>(std::lround(255 * bright));
  };
  return {part(0), part(1), part(2)};
}

inline constexpr Index gap = 1;  ///< cells between planes, and between digits

/// One sample: what the first plane is given, the cells of each plane in colour, and what the last plane shows.
inline std::vector<basin::Image> planes_of(View<const float> sample) {
  const Index width = sample.shape().space[0], height = sample.shape().space[1], planes = sample.shape().space[2];
  const auto plane = [&](Index z, const auto& colour) {
    basin::Image image = basin::examples::blank(width, height);
    for (Index cell = 0; cell < width * height; ++cell) {
      basin::examples::fill(image, cell % width, cell / width, 1, 1,
                            colour(sample.data() + (z * width * height + cell) * features));
    }
    return image;
  };
  std::vector<basin::Image> all{plane(0, [](const float* cell) { return ink_of(cell[given]); })};
  for (Index z = 0; z < planes; ++z) all.push_back(plane(z, colour_of));
  all.push_back(plane(planes - 1, [](const float* cell) { return ink_of(cell[shown]); }));
  return all;
}

/// These of some samples, one a row; a cell is `scale` pixels wide.
inline basin::Image picture_of(View<const float> states, Index scale = 1) {
  const Shape& shape = states.shape();
  const Index step_x = (shape.space[0] + gap) * scale, step_y = (shape.space[1] + gap) * scale;
  basin::Image image = basin::examples::blank((shape.space[2] + 2) * step_x - gap * scale,
                                              shape.samples * step_y - gap * scale, basin::examples::pale);
  for (Index n = 0; n < shape.samples; ++n) {
    Index left = 0;
    for (const basin::Image& plane : planes_of(states.sample(n))) {
      for (Index y = 0; y < plane.height; ++y) {
        for (Index x = 0; x < plane.width; ++x) {
          const std::uint8_t* pixel = plane.at(x, y);
          basin::examples::fill(image, left + x * scale, n * step_y + y * scale, scale, scale,
                                {pixel[0], pixel[1], pixel[2]});
        }
      }
      left += step_x;
    }
  }
  return image;
}

/// Digits above what came through.
inline void draw_passed(const Settings& settings, View<const float> images, const Theta& theta) {
  Passage passage(settings, theta, images);
  std::vector<basin::Image> pictures, through;
  const auto add = [](const State<float>& tiles, std::vector<basin::Image>& to) {
    State<float> paper(tiles.shape);
    paper.values = 1 - tiles.values.array();
    for (basin::Image& one : basin::examples::images_of(paper.view(), basin::examples::grey)) to.push_back(one);
  };
  add(State<float>(images), pictures);
  passage.run(settings.steps);
  add(shown_images(std::as_const(passage).view()), pictures);
  passage.run((longest - 1) * settings.steps);
  add(shown_images(std::as_const(passage).view()), pictures);
  const auto step = [&](Index times) { return "step " + std::to_string(times * settings.steps); };
  basin::examples::write_png(
      settings.out + "/passed.png",
      basin::examples::sheet(std::move(pictures), {.columns = images.samples(),
                                                   .scale = 48.0 / settings.size,
                                                   .row_captions = {"digit", step(1), step(longest)},
                                                   .framed = true}));
}

/// One digit on its way, a row for each of some steps.
inline void draw_passing(const Settings& settings, View<const float> image, const Theta& theta) {
  Passage passage(settings, theta, image);
  std::vector<basin::Image> pictures;
  basin::examples::SheetOptions options{.columns = settings.planes + 2, .scale = 48.0 / settings.size, .framed = true};
  options.column_captions.push_back("digit");
  for (int z = 0; z < settings.planes; ++z) {
    options.column_captions.push_back(z == settings.planes / 2 ? "wall" : "plane " + std::to_string(z + 1));
  }
  options.column_captions.push_back("shown");
  Index t = 0;
  for (Index k = 0; k <= 6; ++k) {
    const Index moment = k * settings.steps / 6;
    passage.run(moment - t);
    t = moment;
    for (basin::Image& plane : planes_of(std::as_const(passage).view())) pictures.push_back(std::move(plane));
    options.row_captions.push_back("step " + std::to_string(t));
  }
  basin::examples::write_png(settings.out + "/passing.png",
                             basin::examples::sheet(std::move(pictures), std::move(options)));
}

/// Some digits on their way.
inline void draw_film(const Settings& settings, View<const float> images, const Theta& theta) {
  Passage passage(settings, theta, images);
  const Index scale = std::max<Index>(2, 400 / ((settings.planes + 2) * (settings.size + gap)));
  basin::GifWriter gif(settings.out + "/passing.gif", {.delay = 16});
  for (Index t = 0; t <= settings.steps; ++t) {
    if (t > 0) passage.step();
    gif.add(basin::examples::captioned(picture_of(std::as_const(passage).view(), scale),
                                       "digit, planes, what is shown: step " + std::to_string(t)),
            t == 0 || t == settings.steps ? 150 : 16);
  }
  gif.finish();
}

inline void draw_errors(const Settings& settings, const Measured& m) {
  const auto level = [&](std::string name, double error) {
    return basin::examples::Series{.name = std::move(name),
                                   .x = {1, static_cast<double>(m.along.size() - 1)},
                                   .y = {error, error},
                                   .dashed = true};
  };
  basin::examples::Series curve{.name = "what is shown"};
  for (std::size_t t = 1; t < m.along.size(); ++t) {
    curve.x.push_back(static_cast<double>(t));
    curve.y.push_back(m.along[t]);
  }
  basin::examples::write_png_and_svg(
      settings.out + "/errors.png",
      basin::examples::line_chart(
          {curve, level("the mean image", m.linear[0]), level("a linear code of 4 numbers", m.linear[4]),
           level("of " + std::to_string(changing), m.linear[changing])},
          {.title = "Error of what came through",
           .x = {.label = "step", .scale = basin::examples::Scale::logarithmic},
           .y = {.label = "mean squared error", .scale = basin::examples::Scale::logarithmic}}));
}

inline void show(const Settings& settings, const ImageSets& data, const Trainer& trainer,
                 const basin::Training& training) {
  const Index all = data.test.images.shape.samples;
  const Index count = settings.test_images > 0 ? std::min<Index>(settings.test_images, all) : all;
  const Measured m = measure(settings, trainer.parameters(), data, count);
  basin::OrderedJson metrics = as_json(m, settings);
  metrics["dataset"] = data.name;
  metrics["size"] = settings.size;
  metrics["planes"] = settings.planes;
  metrics["parameters"] = Rule::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["steps"] = settings.steps;
  metrics["test_images"] = count;
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  draw_errors(settings, m);
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  draw_passed(settings, data.test.images.view().samples(0, std::min<Index>(12, all)), trainer.parameters());
  draw_passing(settings, data.test.images.view().sample(0), trainer.parameters());
  draw_film(settings, data.test.images.view().samples(0, std::min<Index>(3, all)), trainer.parameters());
  const auto number = [&](const char* key) { return metrics[key].get<double>(); };
  const Index numbers = numbers_of(number("error"), m.linear);
  std::printf(
      "mean squared error of %td %simages: %.4f after %d steps, %.4f after %td, %.4f with the hole shut; the mean "
      "image "
      "has %.4f, and the longest linear code that is not better (%td long) %.4f; a nearest mean reads %.1f%% of what "
      "came "
      "through, and %.1f%% of the digits; wrote %s\n",
      count, settings.held_back > 0 ? "held back " : "test ", number("error"), settings.steps,
      number("error_in_ten_times_the_steps"), longest * settings.steps, number("error_with_the_hole_shut"),
      number("error_of_the_mean_image"), numbers, m.linear[static_cast<std::size_t>(numbers)],
      100 * number("accuracy_of_the_nearest_mean"), 100 * number("accuracy_of_the_nearest_mean_on_the_digits"),
      settings.out.c_str());
}

}  // namespace nca_autoencode
