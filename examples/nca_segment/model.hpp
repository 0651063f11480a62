#pragma once

// The automaton of nca_segment. A cell has 16 features, of which the first four say which class its pixel is of: that
// of the largest. It sees itself and the slopes of all features around it, and is told the grey value of its pixel, or
// on coarse grids the mean of a block. Each grid has a rule of its own, of 2,128 parameters.

#include <array>
#include <cstdint>
#include <string>

#include "../support/command_line.hpp"
#include "../support/shape_scenes.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/pyramid.hpp"
#include "basin/train/initial.hpp"

namespace nca_segment {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int classes = basin::examples::shape_classes, features = 16, hidden = 32, levels = 4;

using Sees =
    basin::Conditioned<basin::Perceive<features, basin::Reflect, basin::Centre, basin::SobelX, basin::SobelY>, 1>;
using Rule = basin::Sequential<basin::Dense<Sees::seen_features, hidden>, basin::Relu, basin::Dense<hidden, features>>;
using Nca = basin::Automaton<Sees, Rule, basin::EveryCell>;
using Model = basin::Pyramid<basin::Rollout<Nca>, 1, levels>;
using Theta = basin::Parameters<Model, float>;

/// The steps on each grid, of numbers with commas. Throws basin::examples::UsageError for others.
[[nodiscard]] inline Model model_of(const std::string& steps) {
  Model model;
  std::size_t begin = 0, level = 0;
  for (; begin <= steps.size(); ++level) {
    const std::size_t end = std::min(steps.find(',', begin), steps.size());
    const Index count =
        basin::examples::number_of<Index>(steps.substr(begin, end - begin), "a number of --steps", {0, 100000});
    if (level < model.levels.size()) model.levels[level].steps = count;
    begin = end + 1;
  }
  basin::examples::check_option(level == model.levels.size(), "number of grids of --steps", level,
                                std::to_string(levels));
  return model;
}

/// Glorot's, with a tenth of it in the last layers, so that at first little changes.
[[nodiscard]] inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Model{}, seed);
  for (int l = 0; l < levels; ++l) {
    for (float& weight : theta.leaf(std::to_string(l) + ".2.weight")) weight *= 0.1f;
  }
  return theta;
}

/// What cells say of some images (1, X, Y, 1, N), from zeros: all features.
[[nodiscard]] inline State<float> answers(const Model& model, const Theta& theta, View<const float> images) {
  const State<float> start(model.start_shape(images.shape()));
  State<float> end(model.end_shape(start.shape));
  static_cast<void>(model.apply(theta.span(), start.view(), images, end.view()));
  return end;
}

}  // namespace nca_segment
