#pragma once

// An automaton on its way to an equilibrium, watched in the terminal: what one step still changes, and how damage
// heals.

#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "../support/live.hpp"
#include "basin/io/target_image.hpp"
#include "basin/nca/damage.hpp"
#include "calming.hpp"
#include "contracting.hpp"

namespace nca_equilibrium {

/// The parameters in a checkpoint.
template <class Parameters>
[[nodiscard]] Parameters parameters_in(const std::string& path, const std::string& program) {
  Parameters theta;
  basin::CheckpointReader file(path, program);
  file("", theta);
  return theta;
}

/// z = map(z, u) from `start`.
template <class Map, class Parameters>
int watch_map(const basin::examples::LiveSettings& settings, const Map& map, const Parameters& theta,
              const State<float>& u, const State<float>& start) {
  State<float> z, next(start.shape);
  double change = 0;
  basin::examples::Scene scene{
      .name = "nca_equilibrium",
      .cells = static_cast<double>(start.shape.cells()),
      .restart =
          [&] {
            z = start;
            change = 0;
          },
      .step =
          [&](Index) {
            (void)map.apply(theta.span(), View<const float>(z.view()), View<const float>(u.view()), next.view());
            change = static_cast<double>((next.values - z.values).cwiseAbs().maxCoeff());
            std::swap(z, next);
          },
      .picture = [&] { return basin::image_over_white(z.view()); },
      .damage = [&](double x, double y, double radius) { basin::examples::erase_disc(z.view(), x, y, radius); },
      .status =
          [&] {
            std::array<char, 60> text{};
            std::snprintf(text.data(), text.size(), "largest change of a step %.1e", change);
            return std::string(text.data());
          },
  };
  return basin::examples::Live(std::move(scene), settings).run();
}

/// The one that was trained through its equilibrium, from nothing.
inline int watch_settling(const Settings& settings, const Theta& theta) {
  const State<float> seed = seed_of(target_of(settings));
  return watch_map(settings.live, model<Implicit>().cell, theta, seed, State<float>(seed.shape));
}

/// The mean field of a published automaton, from one cell.
inline int watch_mean_field(const Settings& settings, const PublishedTheta& theta) {
  const Index padding = settings.padding >= 0 ? settings.padding : 16;
  const Index side = (settings.size == Settings{}.size ? 40 : settings.size) + 2 * padding;
  const Shape shape{nca_grow::Published::features, {side, side, 1}, 1};
  return watch_map(settings.live, basin::mean_field(Published{}), theta.as<Mean>(),
                   State<float>(shape.with_features(0)), basin::one_cell_seed<float>(shape));
}

/// That of --model, or what the trainings in the folder `from` came to.
inline int watch(const Settings& settings, const std::string& from, const std::string& program) {
  if (from.empty()) return watch_mean_field(settings, nca_grow::load_published(settings.model));
  if (settings.model.empty()) {
    return watch_settling(settings, parameters_in<Theta>(checkpoint_of(from, settled_stage), program));
  }
  return watch_mean_field(settings, parameters_in<PublishedTheta>(checkpoint_of(from, calm_stage), program));
}

}  // namespace nca_equilibrium
