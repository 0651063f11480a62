#pragma once

// Whether an automaton of nca_texture makes its texture in other steps and on other cells than those of the training.

#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "../support/axis.hpp"
#include "../support/sheet.hpp"
#include "basin/io/json.hpp"
#include "picture.hpp"
#include "trainer.hpp"

namespace nca_texture {

/// In units of the training's. The part of an explicit step that a curvature may move is bound by the square of the
/// cells' size.
struct Refinement {
  double cell = 1, step = 1;
};

inline constexpr std::array<Refinement, 5> refinements{{{1, 1}, {1, 0.5}, {1, 0.25}, {1, 0.125}, {0.5, 0.25}}};

/// The colours of squares of side x side cells, as one cell each.
inline State<float> mean_colours(View<const float> z, Index side) {
  const Index width = z.shape().space[0] / side, height = z.shape().space[1] / side;
  State<float> means(Shape{colours, {width, height, 1}, 1});
  for (Index y = 0; y < side * height; ++y) {
    for (Index x = 0; x < side * width; ++x) {
      means.view().matrix().col(y / side * width + x / side) +=
          z.matrix().col(y * z.shape().space[0] + x).head<colours>() / static_cast<float>(side * side);
    }
  }
  return means;
}

/// What forms in as much time as --steps of the training's steps take, for each of the refinements: its distance from
/// the texture, seen from as far away as the cells are small. Writes refined.png.
template <class Kind>
basin::OrderedJson refined(const Settings& settings, const Trainer<Kind>& trainer, const basin::Random& random) {
  basin::OrderedJson all = basin::OrderedJson::array();
  std::vector<basin::Image> pictures;
  basin::examples::SheetOptions options{.scale = 1};
  for (const auto& [cell, step] : refinements) {
    const Index finer = std::lround(1 / cell), side = settings.run_size * finer;
    const auto of_cells = refined_theta<Kind>(trainer.parameters(), cell);
    const auto theta = of_cells.template as<Refined<Kind>>();
    Refined<Kind> model;
    model.automaton.fire.rate = settings.fire * step;
    model.steps = std::lround(settings.steps / step);
    const State<float> z = start_of<Kind>(settings.start, {features, {side, side, 1}, 1}, random, 1);
    State<float> end(z.shape);
    (void)model.apply(theta.span(), z.view(), end.view());
    const State<float> seen = mean_colours(end.view(), finer);
    basin::OrderedJson& row = all.emplace_back();
    row["cell"] = cell;
    row["step"] = step;
    row["steps"] = model.steps;
    row["loss"] = nullptr;
    if (trainer.has_target()) {
      row["loss"] = trainer.distance(seen.shape, random, 0, 64)
                        .value_and_gradient(View<const float>(seen.view()), 0, 1, View<float>{});
    }
    pictures.push_back(with_few_shades(picture_of(seen.view())));
    options.captions.push_back("step " + basin::examples::number_text(step) +
                               (cell == 1 ? "" : ", cell " + basin::examples::number_text(cell)));
  }
  basin::examples::write_png(settings.out + "/refined.png", basin::examples::sheet(std::move(pictures), options));
  return all;
}

}  // namespace nca_texture
