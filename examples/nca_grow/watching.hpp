#pragma once

// Automata that are trained, watched in the terminal.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../support/live.hpp"
#include "automaton.hpp"
#include "basin/core/random.hpp"
#include "basin/io/target_image.hpp"

namespace nca_grow {

struct NamedModel {
  std::string name;
  std::unique_ptr<Automaton> automaton;
};

/// The file that --model names, or all .safetensors and .json of that folder.
[[nodiscard]] inline std::vector<std::string> files_at(const std::string& path) {
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
  return files;
}

/// Takes the settings that the files of --model say they have, where the user did not give others. Throws FileError if
/// they differ, as the cells of one automaton are not those of another.
inline void take_settings(basin::examples::CommandLine& command_line, const std::vector<std::string>& files) {
  const basin::Json first = settings_of_model(files[0]);
  for (const std::string& file : files) {
    const basin::Json settings = settings_of_model(file);
    basin::check_file(settings == first, file, "what the model says of its settings", settings.dump(),
                      first.dump() + ", as " + files[0] + " says");
  }
  command_line.take(first, files[0]);
}

[[nodiscard]] inline std::vector<NamedModel> load_models(const Settings& settings,
                                                         const std::vector<std::string>& files) {
  std::vector<NamedModel> models;
  for (const std::string& file : files) {
    models.push_back({std::filesystem::path(file).stem().string(), make_automaton(settings)});
    models.back().automaton->load(file);
  }
  return models;
}

/// From one cell; of several automata, a key decides which one the cells follow.
inline int watch(const Settings& settings, const std::vector<NamedModel>& models) {
  const State<float> seed = seed_of(settings);
  State<float> z, next(seed.shape);
  std::size_t shown = 0;
  const bool torus = on_torus(settings);
  const basin::RandomFire fire = fire_of(settings, settings.seed);
  basin::examples::Scene scene{
      .name = "nca_grow",
      .cells = static_cast<double>(seed.shape.cells()),
      .restart = [&] { z = seed; },
      .step =
          [&](Index t) {
            models[shown].automaton->step(torus, fire, t, z.view(), next.view());
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

}  // namespace nca_grow
