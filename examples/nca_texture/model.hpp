#pragma once

// The two automata of nca_texture. Both have 12 features of which the first three, plus one half, are colours, and live
// on a torus.
//
//   Large   5,856 parameters: a cell sees itself, its slopes and its curvature, and two layers answer. It starts from
//           zeros (Niklasson et al., "Self-Organising Textures", Distill 2021).
//   Micro   588 parameters: examples/nca_texture/micro.hpp. It starts from noise.

#include <algorithm>
#include <cmath>
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

  /// What a texture starts from: one sample.
  static State<float> start(const Shape& shape, const basin::Random&, std::uint64_t) {
    return State<float>(shape.with_samples(1));
  }
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

  /// Uniform in +-1/2; `which` numbers the starts.
  static State<float> start(const Shape& shape, const basin::Random& random, std::uint64_t which) {
    State<float> noise(shape.with_samples(1));
    for (Index i = 0; i < noise.values.size(); ++i) {
      noise.values[i] = static_cast<float>(random.uniform((which << 32) + static_cast<std::uint64_t>(i), -0.5, 0.5));
    }
    return noise;
  }
};

template <class Kind>
using Texture = basin::Rollout<basin::Automaton<typename Kind::Sees, typename Kind::Rule>>;

static_assert(Large::Rule::param_count == 5856 && Micro::Rule::param_count == 588);

}  // namespace nca_texture
