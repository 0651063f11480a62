#pragma once

// The pictures of deq_segment.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "../support/raster.hpp"
#include "../support/segment_colours.hpp"
#include "../support/sheet.hpp"
#include "basin/fixed_point/observers.hpp"
#include "trainer.hpp"

namespace deq_segment {

using basin::examples::class_colours;
using basin::examples::grey_or_class;
using basin::examples::put_classes;

/// What the classes of pixels are, of one of the two kinds of scenes.
[[nodiscard]] inline std::vector<basin::examples::KeyEntry> class_key(const std::string& scenes) {
  if (scenes == "digits")
    return {{class_colours[0], "paper"}, {class_colours[1], "digit"}, {class_colours[2], "clutter"}};
  return basin::examples::shape_key();
}

/// The first scenes: the image, the truth and the answer below one another.
inline void draw_scenes(const std::string& path, const Scenes& scenes, basin::View<const float> answers,
                        const std::string& kind) {
  const Index shown = std::min<Index>(10, answers.samples());
  State<float> tiles(scenes.images.shape.with_samples(3 * shown));
  for (Index n = 0; n < shown; ++n) {
    tiles.view().sample(n).vector() = scenes.images.view().sample(n).vector().cwiseMax(0.0f).cwiseMin(1.0f);
    put_classes({scenes.pixels.data() + n * pixels, pixels}, tiles.view().sample(shown + n).data());
    put_classes(classes_of(answers.sample(n)), tiles.view().sample(2 * shown + n).data());
  }
  basin::examples::write_png(path, basin::examples::sheet(basin::examples::images_of(tiles.view(), grey_or_class),
                                                          {.title = "Test images, the truth, and the answers",
                                                           .columns = shown,
                                                           .scale = 2,
                                                           .row_captions = {"image", "truth", "answer"},
                                                           .key = class_key(kind)}));
}

/// What the pixel head says of the first scenes at each iterate, while the state settles from zero.
template <class Network, class Theta>
void draw_settling(const std::string& path, const Model<Network>& model, const Theta& theta, const Scenes& scenes,
                   const std::string& kind) {
  using Whole = Model<Network>;
  const auto& encoder = model.template layer<0>();
  const Index shown = std::min<Index>(6, scenes.images.shape.samples);
  const basin::View<const float> images = scenes.images.view().samples(0, shown);
  State<float> u(encoder.out_shape(images.shape()));
  (void)encoder.apply(Whole::template part<0>(theta.span()), images, u.view());
  const auto& layer = model.template layer<equilibrium>();
  const State<float> start(layer.out_shape(u.shape));
  basin::Trajectory<float> trajectory;
  (void)layer.solve(Whole::template part<equilibrium>(theta.span()), basin::View<const float>(u.view()), start.view(),
                    trajectory);

  constexpr Index most = 9;  // iterates: the first ones and the last
  State<float> tiles(images.shape().with_samples(shown * (most + 2)));
  basin::examples::SheetOptions options{.title = "The answer at each iterate while the state settles",
                                        .columns = most + 2,
                                        .scale = 2,
                                        .key = class_key(kind)};
  options.column_captions = {"image"};
  for (Index k = 1; k < most; ++k) options.column_captions.push_back(std::to_string(k));
  options.column_captions.insert(options.column_captions.end(), {"last", "truth"});
  State<float> answer(Answers::shape(1));
  for (Index n = 0; n < shown; ++n) {
    const auto& states = trajectory.samples[static_cast<std::size_t>(n)];
    const basin::View<float> row = tiles.view().samples(n * (most + 2), most + 2);
    row.sample(0).vector() = images.sample(n).vector().cwiseMax(0.0f).cwiseMin(1.0f);
    for (Index k = 0; k < most; ++k) {
      const std::size_t last = states.size() - 1;
      const std::size_t at = k + 1 == most ? last : std::min(last, static_cast<std::size_t>(k));
      (void)model.template layer<equilibrium + 1>().apply(Whole::template part<equilibrium + 1>(theta.span()),
                                                          states[at].view(), answer.view());
      put_classes(classes_of(answer.view()), row.sample(1 + k).data());
    }
    put_classes({scenes.pixels.data() + n * pixels, pixels}, row.sample(most + 1).data());
    options.row_captions.push_back(std::to_string(states.size()) + " iterates");
  }
  basin::examples::write_png(path,
                             basin::examples::sheet(basin::examples::images_of(tiles.view(), grey_or_class), options));
}

}  // namespace deq_segment
