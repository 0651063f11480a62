#pragma once

// What nca_vae says, writes and draws of what it measured.

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/io/gif.hpp"
#include "measuring.hpp"

namespace nca_vae {

inline constexpr const char* loss_name = "nats an image";

/// The images of samples from `first` on side by side, each pixel `scale` wide: ink as its probability is.
inline basin::Image picture_of(const Life& life, Index first, Index count, Index scale = 1) {
  const View<const float> states = life.view();
  const Index width = states.shape().space[0];
  basin::Image image = basin::examples::blank(image_side * scale * count, image_side * scale);
  for (Index n = 0; n < count; ++n) {
    for (Index i = 0; i < image_side * image_side; ++i) {
      const Index x = i % image_side, y = i / image_side;
      const Index cell = (y + margin) / life.block() * width + (x + margin) / life.block();
      const double share = probability(states.sample(first + n).data() + cell * features);
      basin::examples::fill(image, (n * image_side + x) * scale, y * scale, scale, scale,
                            basin::examples::mixed(basin::examples::white, {0, 0, 0}, share));
    }
  }
  return image;
}

/// Images as they are.
inline std::vector<basin::Image> pictures_of(View<const float> images) {
  return basin::examples::images_of(images, [](double t) { return basin::examples::grey(1 - t); });
}

/// Writes rows of pictures.
inline void write_sheet(const Settings& settings, const char* name, std::vector<basin::Image> pictures, Index columns,
                        std::vector<std::string> captions = {}, std::vector<std::string> rows = {}) {
  basin::examples::write_png(settings.out + "/" + name,
                             basin::examples::sheet(std::move(pictures), {.columns = columns,
                                                                          .scale = 2,
                                                                          .row_captions = std::move(rows),
                                                                          .column_captions = std::move(captions),
                                                                          .framed = true}));
}

inline void draw_samples(const Settings& settings, const Trainer& trainer) {
  constexpr Index across = 10, down = 6;
  Life life(trainer, prior_codes(settings.seed, 0, across * down));
  life.grow();
  std::vector<basin::Image> pictures;
  for (Index n = 0; n < across * down; ++n) pictures.push_back(picture_of(life, n, 1));
  write_sheet(settings, "samples.png", std::move(pictures), across);
}

inline void draw_reconstructions(const Settings& settings, const Trainer& trainer, View<const float> images) {
  constexpr Index across = 10;
  const State<float> pixels = test_pixels(images);
  Life life(trainer, codes_of(encoded(trainer, pixels.view()), 1, 0));
  life.grow();
  const std::vector<basin::Image> given = pictures_of(pixels.view());
  std::vector<basin::Image> pictures;
  for (Index first = 0; first < images.samples(); first += across) {
    const Index last = std::min(first + across, images.samples());
    for (Index n = first; n < last; ++n) pictures.push_back(given[static_cast<std::size_t>(n)]);
    for (Index n = first; n < last; ++n) pictures.push_back(picture_of(life, n, 1));
  }
  write_sheet(settings, "reconstructions.png", std::move(pictures), std::min(across, images.samples()), {},
              {"image", "grown", "image", "grown"});
}

/// From the code of an image to that of the next, along a straight line.
inline void draw_between(const Settings& settings, const Trainer& trainer, View<const float> images) {
  constexpr Index across = 9;
  const State<float> pixels = test_pixels(images), ends = codes_of(encoded(trainer, pixels.view()), 0, 0);
  const std::vector<basin::Image> given = pictures_of(pixels.view());
  std::vector<basin::Image> pictures;
  for (Index pair = 0; 2 * pair + 1 < images.samples(); ++pair) {
    State<float> codes(ends.shape.with_samples(across));
    for (Index k = 0; k < across; ++k) {
      const float share = static_cast<float>(k) / static_cast<float>(across - 1);
      codes.view().sample(k).vector() =
          (1 - share) * ends.view().sample(2 * pair).vector() + share * ends.view().sample(2 * pair + 1).vector();
    }
    Life life(trainer, std::move(codes));
    life.grow();
    pictures.push_back(given[static_cast<std::size_t>(2 * pair)]);
    for (Index k = 0; k < across; ++k) pictures.push_back(picture_of(life, k, 1));
    pictures.push_back(given[static_cast<std::size_t>(2 * pair + 1)]);
  }
  if (!pictures.empty()) write_sheet(settings, "between.png", std::move(pictures), across + 2);
}

/// Random codes that grow, are damaged, and live on.
inline void draw_healing(const Settings& settings, const Trainer& trainer) {
  constexpr Index down = 4;
  const Index last = settings.living_steps;
  const auto codes = prior_codes(settings.seed, 1000, down);
  std::vector<std::vector<basin::Image>> columns;
  std::vector<std::string> captions;
  Life life(trainer, codes);
  const auto look = [&](const std::string& caption) {
    captions.push_back(caption);
    auto& column = columns.emplace_back();
    for (Index n = 0; n < down; ++n) column.push_back(picture_of(life, n, 1));
  };
  for (const Index steps : trainer.steps()) {
    life.run(steps);
    look(std::to_string(side / life.block()) + " x " + std::to_string(side / life.block()));
  }
  basin::erase(life.view(), basin::Circle{0.1, 0.2, 0.4});
  look("erased");
  Index steps = 0;
  for (const Index moment : {last / 4, last / 2, last, later * last}) {
    life.run(moment - steps);
    steps = moment;
    look("+" + std::to_string(moment));
  }
  std::vector<basin::Image> pictures;
  for (Index n = 0; n < down; ++n) {
    for (const auto& column : columns) pictures.push_back(column[static_cast<std::size_t>(n)]);
  }
  write_sheet(settings, "healing.png", std::move(pictures), static_cast<Index>(columns.size()), captions);
}

/// Random codes that grow; then a part is erased; then the cells are told other codes.
inline void draw_film(const Settings& settings, const Trainer& trainer) {
  constexpr Index across = 8, down = 4, scale = 2;
  const Index last = settings.living_steps;
  Life life(trainer, prior_codes(settings.seed, 2000, across * down));
  basin::GifWriter gif(settings.out + "/growing.gif", {.delay = 8});
  Index t = 0;
  const auto add = [&](const std::string& text, int delay) {
    basin::Image rows = picture_of(life, 0, across, scale);
    for (Index row = 1; row < down; ++row) {
      rows = basin::examples::below(rows, picture_of(life, row * across, across, scale));
    }
    gif.add(basin::examples::captioned(rows, text), delay);
  };
  const auto cells = [&] {
    const std::string along = std::to_string(side / life.block());
    return along + " x " + along + " cells, step " + std::to_string(t);
  };
  const auto run = [&](Index steps, const std::string& text) {
    for (Index k = 1; k <= steps; ++k) {
      life.step();
      ++t;
      add(cells() + text, k == steps ? 100 : 8);
    }
  };
  add(cells(), 40);
  for (const Index steps : trainer.steps()) {
    for (Index k = 0; k < steps; ++k) {
      life.step();
      ++t;
      add(cells(), 12);
    }
  }
  add(cells(), 100);
  basin::erase(life.view(), basin::Circle{0.1, 0.2, 0.4});
  add(cells() + ", a circle erased", 100);
  run(last, ", healing");
  life.tell(prior_codes(settings.seed, 3000, across * down));
  run(last, ", told other codes");
  gif.finish();
}

inline void show(const Settings& settings, const ImageSets& data, const Trainer& trainer,
                 const basin::Training& training) {
  const Index all = data.test.shape.samples;
  const Index count = settings.test_images > 0 ? std::min<Index>(settings.test_images, all) : all;
  const Measured m = measure(settings, trainer, data.test.view().samples(0, count), data.train);
  basin::OrderedJson metrics = as_json(m);
  metrics["weighted_codes"] = settings.weighted;
  metrics["dataset"] = data.name;
  metrics["parameters"] = Model::param_count;
  metrics["parameters_of_the_automaton"] = Growth::param_count;
  metrics["iterations"] = training.iteration();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["steps"] = settings.steps;
  metrics["test_images"] = count;
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(settings.out + "/metrics.json", metrics);
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  draw_samples(settings, trainer);
  draw_reconstructions(settings, trainer, data.test.view().samples(0, std::min<Index>(20, count)));
  draw_between(settings, trainer, data.test.view().samples(0, std::min<Index>(8, count)));
  draw_healing(settings, trainer);
  draw_film(settings, trainer);
  std::printf(
      "nats an image, of %td %simages: %.1f (pixels %.1f, code %.1f in %d numbers); importance-weighted, %d codes: "
      "%.1f; pixels alike for all images: %.1f\n",
      count, settings.held_back > 0 ? "held back " : "test ", m.fit + m.divergence, m.fit, m.divergence, m.numbers_used,
      settings.weighted, m.weighted, m.alike);
  std::printf(
      "pixels after %td more steps %.1f; a circle erased %.1f, %d steps later %.1f, %td steps later %.1f; wrote %s\n",
      longest * settings.living_steps, m.kept, m.erased, settings.living_steps, m.healed, later * settings.living_steps,
      m.healed_later, settings.out.c_str());
}

}  // namespace nca_vae
