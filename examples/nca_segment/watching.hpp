#pragma once

// An image, and what is said of its pixels, watched in the terminal from the coarsest grid on.

#include <optional>
#include <string>
#include <utility>

#include "../support/live.hpp"
#include "showing.hpp"

namespace nca_segment {

inline int watch(const Settings& settings, const Trainer& trainer) {
  constexpr Index side = trained_scene.side;
  std::uint64_t number = beyond_training;
  Scenes scenes;
  std::optional<Climb> climb;
  const auto begin = [&] {
    scenes = draw_scenes(trained_scene, 0, number, 1);
    climb.emplace(trainer.model(), trainer.parameters(), scenes.images.view());
  };
  basin::examples::Scene scene{
      .name = "nca_segment",
      .cells = static_cast<double>(trained_scene.pixels()),
      .speed = 8,
      .restart = begin,
      .step = [&](Index) { climb->step(); },
      .picture =
          [&] {
            const basin::Image image = picture_of(scenes.images.view()), said = picture_of(climb->said(), side);
            basin::Image both = basin::examples::blank(2 * side, side);
            for (Index y = 0; y < side; ++y) {
              std::copy_n(image.at(0, y), 3 * side, both.at(0, y));
              std::copy_n(said.at(0, y), 3 * side, both.at(side, y));
            }
            return both;
          },
      .damage =
          [&](double x, double y, double radius) {
            const auto block = static_cast<double>(climb->block());
            for (const double left : {0.0, static_cast<double>(side)}) {  // in either half
              basin::examples::erase_disc(climb->state().view(), (x - left) / block, y / block, radius / block);
            }
          },
      .keys = {{'n', "next image",
                [&] {
                  ++number;
                  begin();
                },
                true}},
      .status =
          [&] {
            const std::string cells = std::to_string(climb->state().shape.space[0]);
            return cells + " x " + cells + " cells, step " + std::to_string(climb->steps_here());
          },
      .legend = basin::examples::shape_key(),
      .damage_word = "forget",
  };
  return basin::examples::Live(std::move(scene), settings.live).run();
}

}  // namespace nca_segment
