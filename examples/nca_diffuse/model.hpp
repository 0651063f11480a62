#pragma once

// The automaton of nca_diffuse: 24 features of a cell, colour times alpha and alpha first. A cell sees itself and its
// slopes, and a rule of 9,336 parameters answers. There is no seed and no dead cell: all cells live from the start, and
// begin as noise.

#include <algorithm>
#include <cstdint>
#include <span>

#include "basin/core/random.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/initial.hpp"

namespace nca_diffuse {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 24, colours = 4;

using Sees = basin::Perceive<features, basin::Zero, basin::Centre, basin::SobelX, basin::SobelY>;
using Rule = basin::Sequential<basin::Dense<3 * features, 96>, basin::Relu, basin::Dense<96, features>>;
using Model = basin::Rollout<basin::Automaton<Sees, Rule, basin::RandomFire>>;
using Theta = basin::Parameters<Rule, float>;

/// Glorot's for the first layer and zeros for the last, so that at first nothing changes.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Rule{}, seed);
  const std::span<float> last = theta.leaf("2.weight");
  std::fill(last.begin(), last.end(), 0.0f);
  return theta;
}

/// Makes a state (features, X, Y, 1, 1) a noisy picture: its colours become (1 - noise) picture + noise e, with e of
/// mean 0 and variance 1, from the numbers of `random` from `index` on, one for each colour of each cell; its other
/// features 0. With noise 1 nothing is left of the picture. (M. Faldor, A. Cully, "CAX", 2024, arXiv 2410.02651.)
inline void blur(View<float> state, View<const float> picture, double noise, const basin::Random& random,
                 std::uint64_t index) {
  state.vector().setZero();
  for (Index cell = 0; cell < state.shape().cells(); ++cell) {
    for (int c = 0; c < colours; ++c) {
      const Index at = cell * colours + c;
      state.data()[cell * features + c] =
          static_cast<float>((1 - noise) * static_cast<double>(picture.data()[at]) +
                             noise * random.normal(index + static_cast<std::uint64_t>(at)));
    }
  }
}

}  // namespace nca_diffuse
