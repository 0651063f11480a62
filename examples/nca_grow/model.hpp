#pragma once

// The automaton of nca_grow: 16 features of a cell, RGB and alpha first; a cell sees itself and its slopes, and a rule
// of 8,336 parameters answers.

#include <string>

#include "basin/io/checkpoint.hpp"
#include "basin/io/growing_model.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/initial.hpp"

namespace nca_grow {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 16;

template <class Edge>
using Sees = basin::Perceive<features, Edge, basin::Centre, basin::SobelX, basin::SobelY>;
using Rule = basin::Sequential<basin::Dense<3 * features, 128>, basin::Relu, basin::Dense<128, features>>;
template <class Edge>
using Growing = basin::Automaton<Sees<Edge>, Rule, basin::RandomFire, basin::AliveMask<3>>;
template <class Edge, class Tape = basin::Recomputed>
using Grown = basin::Rollout<Growing<Edge>, Tape>;

using Theta = basin::Parameters<Rule, float>;

/// Glorot's for the first layer and zeros for the last, so that at first nothing changes.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Rule{}, seed);
  const std::span<float> last = theta.leaf("2.weight");
  std::fill(last.begin(), last.end(), 0.0f);
  return theta;
}

inline Theta load_model(const std::string& path) {
  return path.ends_with(".json") ? basin::read_growing_model<Rule>(path) : basin::load_parameters<Rule, float>(path);
}

}  // namespace nca_grow
