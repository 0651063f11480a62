#pragma once

// Automata that are trained, watched in the terminal.

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../support/live.hpp"
#include "basin/core/random.hpp"
#include "basin/io/target_image.hpp"
#include "basin/nca/damage.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_grow {

struct NamedModel {
  std::string name;
  Theta theta;
};

/// That of a file, or those of all .safetensors and .json of a folder.
[[nodiscard]] inline std::vector<NamedModel> models_at(const std::string& path) {
  std::vector<std::string> files;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      const std::string kind = entry.path().extension();
      if (kind == ".json" || kind == ".safetensors") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    basin::examples::check_option(!files.empty(), "--model", path, "a folder with models, .safetensors or .json");
  } else {
    files.push_back(path);
  }
  std::vector<NamedModel> models;
  for (const std::string& file : files) {
    models.push_back({std::filesystem::path(file).stem().string(), load_model(file)});
  }
  return models;
}

/// From one cell; of several automata, a key decides which one the cells follow.
template <class Edge>
int watch_on(const Settings& settings, const std::vector<NamedModel>& models) {
  const Index side = settings.size + 2 * settings.padding;
  const Shape grid{features, {side, side, 1}, 1};
  State<float> z, next(grid);
  std::size_t shown = 0;
  Grown<Edge> model;
  model.steps = 1;
  model.automaton.fire.seed = settings.seed;
  basin::examples::Scene scene{
      .name = "nca_grow",
      .cells = static_cast<double>(grid.cells()),
      .restart = [&] { z = basin::one_cell_seed<float>(grid); },
      .step =
          [&](Index t) {
            const auto theta = models[shown].theta.template as<Grown<Edge>>();
            (void)model.apply(theta.span(), z.view(), next.view(), {.step = t});
            std::swap(z, next);
          },
      .picture = [&] { return basin::image_over_white(z.view()); },
      .damage = [&](double x, double y, double radius) { basin::examples::erase_disc(z.view(), x, y, radius); },
      .status =
          [&] { return models[shown].name + ", " + std::to_string(basin::count_above(z.view())) + " cells alive"; },
  };
  if (models.size() > 1) {
    scene.keys.push_back({'n', "next model", [&] { shown = (shown + 1) % models.size(); }});
  }
  return basin::examples::Live(std::move(scene), settings.live).run();
}

/// Where --boundary is not given: published models on a torus, what was trained here on the grid of its training.
[[nodiscard]] inline bool on_torus(const Settings& settings) {
  return settings.boundary.empty() ? !settings.model.empty() && settings.target.empty() : settings.boundary == "torus";
}

inline int watch(const Settings& settings, const std::vector<NamedModel>& models) {
  return on_torus(settings) ? watch_on<basin::Periodic>(settings, models) : watch_on<basin::Zero>(settings, models);
}

}  // namespace nca_grow
