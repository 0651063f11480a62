#pragma once

// What nca_segment measures and draws: unseen images of several sizes and with more noise, what is said of some on each
// grid, and memory.

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "../support/process.hpp"
#include "../support/raster.hpp"
#include "../support/segment_colours.hpp"
#include "../support/sheet.hpp"
#include "basin/core/buffer.hpp"
#include "basin/io/json.hpp"
#include "climbing.hpp"
#include "memory.hpp"
#include "trainer.hpp"

namespace nca_segment {

inline constexpr const char* loss_name = "cross-entropy";

/// Numbers of images that no training comes to, and those that settings are chosen by.
inline constexpr std::uint64_t beyond_training = std::uint64_t{1} << 52, held_back = std::uint64_t{1} << 50;

struct Condition {
  std::string name;  ///< of metrics.json
  ShapeScene scene;
};

inline std::vector<Condition> conditions() {
  const auto [side, scale, noise, stream] = trained_scene;
  return {{"side_64", trained_scene},
          {"side_128", {2 * side, scale, noise}},
          {"side_256", {4 * side, scale, noise}},
          {"noise_doubled", {side, scale, 2 * noise}},
          {"noise_fourfold", {side, scale, 4 * noise}},
          {"shapes_0.75_times_as_large", {3 * side / 4, 0.75 * scale, noise}},
          {"shapes_1.5_times_as_large", {3 * side / 2, 1.5 * scale, noise}}};
}

inline basin::examples::Overlap measured(const Settings& settings, const Trainer& trainer, const ShapeScene& scene) {
  const Index count = std::max<Index>(
      1, settings.test_images * trained_scene.pixels() / std::max(scene.pixels(), trained_scene.pixels()));
  const Scenes scenes = draw_scenes(scene, settings.held_back ? settings.seed : 0,
                                    settings.held_back ? held_back : beyond_training, count);
  std::vector<int> said(scenes.labels.size());
  basin::parallel_for(count, [&](Index n) {
    const State<float> answer = answers(trainer.model(), trainer.parameters(), scenes.images.view().sample(n));
    std::ranges::copy(basin::examples::classes_of(answer.view(), classes), said.begin() + n * scene.pixels());
  });
  basin::examples::Overlap overlap(classes);
  overlap.add(said, scenes.labels);
  return overlap;
}

/// The mean over the shapes, without the ground.
inline double mean_dice(const basin::examples::Overlap& overlap) {
  double sum = 0;
  for (std::size_t c = 1; c < overlap.classes(); ++c) sum += overlap.dice(c);
  return sum / static_cast<double>(overlap.classes() - 1);
}
/// The mean over all classes.
inline double mean_iou(const basin::examples::Overlap& overlap) {
  double sum = 0;
  for (std::size_t c = 0; c < overlap.classes(); ++c) sum += overlap.intersection_over_union(c);
  return sum / static_cast<double>(overlap.classes());
}

/// An image as grey values, the truth, or what is said of it.
inline basin::Image picture_of(View<const float> image) {
  State<float> tile(image);
  tile.values = tile.values.cwiseMax(0.0f).cwiseMin(1.0f);
  return basin::examples::images_of(tile.view(), basin::examples::grey_or_class)[0];
}
inline basin::Image picture_of(std::span<const int> said, Index side) {
  State<float> tile(Shape{1, {side, side, 1}, 1});
  basin::examples::put_classes(said, tile.values.data());
  return basin::examples::images_of(tile.view(), basin::examples::grey_or_class)[0];
}

/// Test images, what is said of each at the end of each level that has steps, and the truth.
inline void draw_levels(const std::string& path, const Trainer& trainer, const ShapeScene& scene, Index count,
                        double scale) {
  const Scenes scenes = draw_scenes(scene, 0, beyond_training, count);
  std::vector<basin::Image> pictures;
  basin::examples::SheetOptions options{.scale = scale, .key = basin::examples::shape_key()};
  for (Index n = 0; n < count; ++n) {
    const View<const float> image = scenes.images.view().sample(n);
    std::vector<std::string> captions{"image"};
    pictures.push_back(picture_of(image));
    Climb climb(trainer.model(), trainer.parameters(), image);
    for (std::size_t l = 0; l < levels; ++l) {
      if (trainer.model().levels[l].steps == 0) continue;
      while (climb.level() < l || !climb.level_done()) climb.step();
      pictures.push_back(picture_of(climb.said(), scene.side));
      const std::string cells = std::to_string(climb.state().shape.space[0]);
      captions.push_back(cells + " x " + cells + " cells");
    }
    pictures.push_back(
        picture_of({scenes.labels.data() + n * scene.pixels(), static_cast<std::size_t>(scene.pixels())}, scene.side));
    captions.emplace_back("truth");
    options.columns = static_cast<Index>(captions.size());
    options.column_captions = captions;
  }
  basin::examples::write_png(path, basin::examples::sheet(pictures, options));
}

/// What one image takes, beside what the process has before: for an answer, and for a gradient of the training.
inline basin::OrderedJson measured_memory(const Settings& settings, const Trainer& trainer) {
  basin::OrderedJson rows = basin::OrderedJson::array();
  const UNet unet;
  for (int side = 64; side <= settings.memory_side; side *= 2) {
    basin::release_idle_buffers();
    const std::int64_t nothing = basin::examples::peak_rss_of([] {});
    const State<float> image(Shape{1, {side, side, 1}, 1});
    const std::int64_t answer = basin::examples::peak_rss_of(
        [&] { static_cast<void>(answers(trainer.model(), trainer.parameters(), image.view())); });
    const std::int64_t gradient = basin::examples::peak_rss_of([&] {
      const State<float> start(trainer.model().start_shape(image.shape));
      const basin::OfLeadingFeatures<classes, basin::CrossEntropy> loss{
          {std::vector<int>(static_cast<std::size_t>(image.shape.cells()), 0)}};
      static_cast<void>(basin::value_and_gradient_along(trainer.model(), trainer.parameters(), start.view(),
                                                        image.view(), loss,
                                                        {{trainer.model().levels.back().steps, 1}}));
    });
    const double bytes = sizeof(float);
    rows.push_back({{"side", side},
                    {"answer_bytes", answer - nothing},
                    {"gradient_bytes", gradient - nothing},
                    {"unet_answer_bytes", bytes * (unet.inference_numbers(side) + unet.parameters())},
                    {"unet_gradient_bytes", bytes * (unet.training_numbers(side) + 2 * unet.parameters())}});
    std::printf(
        "%5d x %d pixels: %.1f MB for an answer, %.1f MB for a gradient; a U-Net at least %.0f MB and %.0f MB\n", side,
        side, 1e-6 * static_cast<double>(answer - nothing), 1e-6 * static_cast<double>(gradient - nothing),
        1e-6 * bytes * (unet.inference_numbers(side) + unet.parameters()),
        1e-6 * bytes * (unet.training_numbers(side) + 2 * unet.parameters()));
  }
  return rows;
}

inline void show(const Settings& settings, const Trainer& trainer, const basin::Training& training,
                 const basin::OrderedJson& memory) {
  const std::string out = settings.out + "/";
  basin::OrderedJson metrics, table = basin::OrderedJson::object();
  std::printf("%-28s %10s %10s %10s\n", "", "mean Dice", "mean IoU", "pixels");
  for (const auto& [name, scene] : conditions()) {
    const basin::examples::Overlap overlap = measured(settings, trainer, scene);
    table[name] = {{"mean_dice", mean_dice(overlap)},
                   {"mean_iou", mean_iou(overlap)},
                   {"pixel_accuracy", overlap.accuracy()},
                   {"dice", {overlap.dice(0), overlap.dice(1), overlap.dice(2), overlap.dice(3)}}};
    std::printf("%-28s %9.1f%% %9.1f%% %9.1f%%\n", name.c_str(), 100 * mean_dice(overlap), 100 * mean_iou(overlap),
                100 * overlap.accuracy());
    if (name == "side_64") {
      metrics["mean_dice"] = mean_dice(overlap);
      metrics["mean_iou"] = mean_iou(overlap);
      metrics["pixel_accuracy"] = overlap.accuracy();
    }
  }
  draw_levels(out + "levels.png", trainer, trained_scene, 5, 2);
  draw_levels(out + "large.png", trainer, conditions()[2].scene, 1, 1);
  basin::examples::draw_loss(settings.out, training.losses(), loss_name);
  metrics["conditions"] = table;
  metrics["measured_on"] = settings.held_back ? "held-back images" : "test images";
  metrics["test_images"] = settings.test_images;
  metrics["memory"] = memory;
  metrics["steps"] = settings.steps;
  metrics["parameters"] = Model::param_count;
  metrics["iterations"] = training.losses().size();
  metrics["seed"] = settings.seed;
  metrics["threads"] = basin::threads();
  metrics["train_seconds"] = training.seconds();
  metrics["training"] = training.described();
  metrics["peak_rss_bytes"] = basin::examples::peak_rss_bytes();
  basin::write_json(out + "metrics.json", metrics);
  std::printf("wrote %s\n", settings.out.c_str());
}

}  // namespace nca_segment
