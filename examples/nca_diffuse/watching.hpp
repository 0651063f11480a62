#pragma once

// A picture that forms in noise, watched in the terminal.

#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "../support/live.hpp"
#include "showing.hpp"

namespace nca_diffuse {

inline int watch(const Settings& settings, const Trainer& trainer) {
  std::optional<Life> life;
  basin::examples::Scene scene{
      .name = "nca_diffuse",
      .cells = static_cast<double>(trainer.target().shape.cells()),
      .restart = [&] { life.emplace(settings, trainer, 1, 1); },
      .step = [&](Index) { life->step(); },
      .picture = [&] { return life->picture(); },
      .damage = [&](double x, double y, double radius) { basin::examples::erase_disc(life->view(), x, y, radius); },
      .status =
          [&] {
            std::array<char, 48> text{};
            std::snprintf(text.data(), text.size(), "error %.2g", mean_of(life->errors()));
            return std::string(text.data());
          },
  };
  return basin::examples::Live(std::move(scene), settings.live).run();
}

}  // namespace nca_diffuse
