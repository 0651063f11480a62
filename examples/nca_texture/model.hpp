#pragma once

// The two automata of nca_texture. Both have 12 features of which the first three, plus one half, are colours, and live
// on a torus.
//
//   Large   5,856 parameters: a cell sees itself, its slopes and its curvature, and two layers answer. It starts from
//           zeros (Niklasson et al., "Self-Organising Textures", Distill 2021).
//   Micro   588 parameters: examples/nca_texture/micro.hpp. It starts from noise.
//
// An automaton is a partial differential equation in steps of length 1 between cells of size 1, and what it learned may
// hold for these alone (E. Pajouheshgar, Y. Xu, S. Suesstrunk, "NoiseNCA: Noisy Seed Improves Spatio-Temporal
// Continuity of Neural Cellular Automata", 2024). refined_theta and Refined are for others.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/initial.hpp"
#include "micro.hpp"

namespace nca_texture {

using basin::State;

inline constexpr int features = 12, colours = 3;

// The stencils as published, not scaled.
using SlopeX = basin::Times<basin::SobelX, 8>;
using SlopeY = basin::Times<basin::SobelY, 8>;
using Curvature = basin::Times<basin::Laplacian<2>, 4>;

struct Large {
  static constexpr const char* name = "large";
  using Sees = basin::Perceive<features, basin::Periodic, basin::Centre, SlopeX, SlopeY, Curvature>;
  using Rule =
      basin::Sequential<basin::Dense<4 * features, 96>, basin::Relu, basin::Dense<96, features, basin::Bias::no>>;

  /// The first layer uniform in +-1 / sqrt(inputs), biases too: from zeros, a rule without biases could never change
  /// anything. The last layer zero.
  static basin::Parameters<Rule, float> initial_theta(std::uint64_t seed) {
    basin::Parameters<Rule, float> theta;
    const double limit = 1 / std::sqrt(4.0 * features);
    std::uint64_t stream = 0;
    for (const char* leaf : {"0.weight", "0.bias"}) {
      const basin::Random random{seed, stream++};
      std::uint64_t index = 0;
      for (float& value : theta.leaf(leaf)) value = static_cast<float>(random.uniform(index++, -limit, limit));
    }
    return theta;
  }

  static constexpr bool starts_from_noise = false;
  /// The weights of what a cell sees, and the order of the derivative that each of the numbers seen is.
  static constexpr const char* seeing_weights = "0.weight";
  static constexpr int order(int seen) { return seen < features ? 0 : seen < 3 * features ? 1 : 2; }
};

struct Micro {
  static constexpr const char* name = "micro";
  using Sees = PerceiveInGroups<features, basin::Periodic, Curvature, SlopeX, SlopeY>;
  using Rule = basin::Sequential<WithMagnitude<2 * features>, basin::Dense<4 * features, features>>;

  static basin::Parameters<Rule, float> initial_theta(std::uint64_t seed) {
    basin::Parameters<Rule, float> theta;
    const basin::Random random{seed, 0};
    for (Index i = 0; i < theta.vector().size(); ++i) {
      theta.vector()[i] = static_cast<float>(1e-3 * random.normal(static_cast<std::uint64_t>(i)));
    }
    return theta;
  }

  static constexpr bool starts_from_noise = true;
  static constexpr const char* seeing_weights = "1.weight";
  static constexpr int order(int seen) {  // the features, each through its stencil, and the magnitudes of both
    const int k = seen % (2 * features) - features;
    return k < 0 ? 0 : k < features / 3 ? 2 : 1;
  }
};

template <class Kind>
using Texture = basin::Rollout<basin::Automaton<typename Kind::Sees, typename Kind::Rule>>;

/// The mean of the same automaton, in which every cell updates: a map of which a part can be made at a step.
template <class Kind>
using Refined = basin::Rollout<basin::Automaton<typename Kind::Sees, typename Kind::Rule, basin::MeanField>>;

/// Of cells of another size than 1: differences between neighbours stand for slopes and curvatures that are as many
/// times as large.
template <class Kind>
[[nodiscard]] basin::Parameters<typename Kind::Rule, float> refined_theta(
    basin::Parameters<typename Kind::Rule, float> theta, double cell) {
  const std::span<float> weights = theta.leaf(Kind::seeing_weights);
  constexpr std::size_t inputs = 4 * features;  // of both
  const std::size_t outputs = weights.size() / inputs;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] *= static_cast<float>(std::pow(1 / cell, Kind::order(static_cast<int>(i / outputs))));
  }
  return theta;
}

/// What a texture starts from, as --start says: one sample. Noise is uniform in +-1/2; `which` numbers the starts.
template <class Kind>
[[nodiscard]] State<float> start_of(const std::string& from, const Shape& shape, const basin::Random& random,
                                    std::uint64_t which) {
  State<float> z(shape.with_samples(1));
  if (from == "zeros" || (from == "own" && !Kind::starts_from_noise)) return z;
  for (Index i = 0; i < z.values.size(); ++i) {
    z.values[i] = static_cast<float>(random.uniform((which << 32) + static_cast<std::uint64_t>(i), -0.5, 0.5));
  }
  return z;
}

static_assert(Large::Rule::param_count == 5856 && Micro::Rule::param_count == 588);

}  // namespace nca_texture
