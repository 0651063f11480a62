#pragma once

// An automaton that is trained, watched in the terminal.

#include <utility>

#include "../support/live.hpp"
#include "showing.hpp"

namespace nca_texture {

template <class Kind>
int watch(const Settings& settings, const Trainer<Kind>& trainer) {
  const Shape grid{features, {settings.run_size, settings.run_size, 1}, 1};
  const basin::Random random{settings.seed, show_stream};
  Texture<Kind> model;
  model.automaton.fire = {settings.fire, random.bits(std::uint64_t{1} << 62)};
  model.steps = 1;
  const auto theta = trainer.parameters().template as<Texture<Kind>>();
  State<float> z, next(grid);
  basin::examples::Scene scene{
      .name = "nca_texture",
      .cells = static_cast<double>(grid.cells()),
      .restart = [&] { z = start_of<Kind>(settings.start, grid, random, 0); },
      .step =
          [&](Index t) {
            (void)model.apply(theta.span(), z.view(), next.view(), {.step = t});
            std::swap(z, next);
          },
      .picture = [&] { return picture_of(z.view()); },
      .damage = [&](double x, double y, double radius) { basin::examples::erase_disc(z.view(), x, y, radius); },
  };
  return basin::examples::Live(std::move(scene), settings.live).run();
}

}  // namespace nca_texture
