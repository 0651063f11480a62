#pragma once

// Digits that grow from random codes, watched in the terminal: two rows of four.

#include <optional>
#include <string>
#include <utility>

#include "../support/live.hpp"
#include "showing.hpp"

namespace nca_vae {

inline int watch(const Settings& settings, const Trainer& trainer) {
  constexpr Index across = 4, down = 2, count = across * down;
  Index first = 0;
  const auto codes = [&] { return prior_codes(settings.seed, first, count); };
  std::optional<Life> life;
  basin::examples::Scene scene{
      .name = "nca_vae",
      .cells = static_cast<double>(side * side * count),
      .speed = 8,
      .restart = [&] { life.emplace(trainer, codes()); },
      .step = [&](Index) { life->step(); },
      .picture =
          [&] { return basin::examples::below(picture_of(*life, 0, across), picture_of(*life, across, across)); },
      .damage =
          [&](double x, double y, double radius) {
            const auto block = static_cast<double>(life->block());
            for (Index n = 0; n < count; ++n) {
              basin::examples::erase_disc(
                  life->view().sample(n), (x - static_cast<double>(n % across * image_side - margin)) / block,
                  (y - static_cast<double>(n / across * image_side - margin)) / block, radius / block);
            }
          },
      .keys = {{'n', "other digits",
                [&] {
                  first += count;
                  life.emplace(trainer, codes());
                },
                true},
               {'t', "tell the cells other codes",
                [&] {
                  first += count;
                  life->tell(codes());
                }}},
      .status =
          [&] {
            const std::string along = std::to_string(side / life->block());
            return along + " x " + along + " cells each";
          },
  };
  return basin::examples::Live(std::move(scene), settings.live).run();
}

}  // namespace nca_vae
