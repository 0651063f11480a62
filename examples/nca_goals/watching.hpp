#pragma once

// Cells that are told other goals while they are watched in the terminal.

#include <string>
#include <utility>
#include <vector>

#include "../support/live.hpp"
#include "pictures.hpp"
#include "showing.hpp"

namespace nca_goals {

inline int watch(const Settings& settings, const Trainer& trainer, const std::vector<Goal>& goals) {
  Model model;
  model.steps = 1;
  model.automaton.fire.seed = basin::Random{settings.seed, show_stream}.bits(0);
  const auto theta = trainer.parameters().as<Model>();
  State<float> z, next(trainer.seed().shape);
  std::size_t goal = 0;
  basin::examples::Scene scene{
      .name = "nca_goals",
      .cells = static_cast<double>(next.shape.cells()),
      .restart = [&] { z = trainer.seed(); },
      .step =
          [&](Index t) {
            const State<float> u = told({static_cast<std::int64_t>(goal)});
            (void)model.apply(theta.span(), z.view(), u.view(), next.view(), {.step = t});
            std::swap(z, next);
          },
      .picture = [&] { return basin::image_over_white(z.view()); },
      .damage = [&](double x, double y, double radius) { basin::examples::erase_disc(z.view(), x, y, radius); },
      .keys = {{'n', "next goal", [&] { goal = (goal + 1) % goals.size(); }}},
      .status = [&] { return "goal: " + goals[goal].name; },
  };
  return basin::examples::Live(std::move(scene), settings.live).run();
}

}  // namespace nca_goals
