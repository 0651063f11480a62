#pragma once

// The automaton of nca_goals: that of nca_grow, whose cells are also told which of up to eight goals is theirs, as
// eight numbers of which one is 1. 14,032 parameters.

#include <algorithm>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/conditioned.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/initial.hpp"

namespace nca_goals {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 16, most_goals = 8, hidden = 192;

using Grid = basin::Perceive<features, basin::Zero, basin::Centre, basin::SobelX, basin::SobelY>;
using Sees = basin::Conditioned<Grid, most_goals>;
using Rule = basin::Sequential<basin::Dense<Sees::seen_features, hidden>, basin::Relu, basin::Dense<hidden, features>>;
using Growing = basin::Automaton<Sees, Rule, basin::RandomFire, basin::AliveMask<3>>;
using Model = basin::Rollout<Growing>;
using Theta = basin::Parameters<Rule, float>;

/// Glorot's for the first layer and zeros for the last, so that at first nothing changes.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Rule{}, seed);
  const std::span<float> last = theta.leaf("2.weight");
  std::fill(last.begin(), last.end(), 0.0f);
  return theta;
}

/// What the cells of each sample are told: the number of its goal.
inline State<float> told(const std::vector<std::int64_t>& goals) {
  State<float> u({most_goals, {1, 1, 1}, static_cast<Index>(goals.size())});
  for (std::size_t n = 0; n < goals.size(); ++n) {
    u.view().sample(static_cast<Index>(n)).data()[goals[n]] = 1;
  }
  return u;
}

}  // namespace nca_goals
