#pragma once

// The rule of metanca_learn, and networks to begin with.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "basin/core/normals.hpp"
#include "basin/layers/parallel.hpp"
#include "basin/meta/perceive_signals.hpp"
#include "basin/meta/stride.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/initial.hpp"
#include "tasks.hpp"

namespace metanca_learn {

inline constexpr int features = 4;  // of a cell: its weight, and three numbers of its own
inline constexpr int messages = 2, hidden = 24;

using Sees = basin::PerceiveSignals<features, messages>;
inline constexpr int answers = basin::Stride::answers<features>;
using Rule = basin::Sum<
    basin::Dense<Sees::seen_features, answers>,
    basin::Sequential<basin::Dense<Sees::seen_features, hidden>, basin::Tanh, basin::Dense<hidden, answers>>>;
using Cells = basin::Automaton<Sees, Rule, basin::RandomFire, basin::Everywhere, basin::Stride>;
using Life = basin::Rollout<Cells, basin::Checkpointed>;
using Theta = basin::Parameters<Life, float>;

/// Random numbers; what a cell answers is small at first, and neurons pass half of each message on.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Life{}, seed);
  const auto shrink = [&](const char* leaf, float by) {
    for (float& one : theta.leaf(leaf)) one *= by;
  };
  shrink("0.weight", 0.3f);
  shrink("1.2.weight", 0.3f);
  const std::span<float> gates = theta.leaf("neurons.2.bias");
  for (int c = 0; c < messages; ++c) gates[static_cast<std::size_t>(c * messages + c)] = 0.5f;
  return theta;
}

/// A network as training by gradients begins: weights of He et al. 2015, biases of 0; what cells keep is 0.
inline State<float> fresh_network(const basin::Network& network, std::uint64_t seed, std::uint64_t number,
                                  int numbers_a_cell = features) {
  State<float> z(network.shape(numbers_a_cell));
  const basin::Random random{seed, start_stream};
  const std::size_t layers = network.layers().size();
  for (std::size_t l = 0; l < layers; ++l) {
    const basin::Network::Layer& layer = network.layers()[l];
    const double gain =
        std::sqrt((l + 1 < layers ? 2.0 : 1.0) * static_cast<double>(layer.rows) / static_cast<double>(layer.inputs));
    for (Index k = 0; k < layer.inputs * layer.outputs; ++k) {
      z.values[(layer.first + k) * numbers_a_cell] =
          static_cast<float>(gain * random.normal((number << 24) + static_cast<std::uint64_t>(layer.first + k)));
    }
  }
  return z;
}

/// Widths of a task's network with these hidden layers.
inline basin::Network network_for(const Family& family, const std::vector<Index>& hidden_widths) {
  std::vector<Index> widths{family.inputs};
  widths.insert(widths.end(), hidden_widths.begin(), hidden_widths.end());
  widths.push_back(family.outputs);
  return basin::Network(widths);
}

/// A network to train a rule with, here and in metanca_settle: one or two hidden layers of 10 to 32 neurons.
inline basin::Network random_network(const Family& family, Dice& dice) {
  std::vector<Index> hidden_widths(1 + dice.below(2));
  for (Index& width : hidden_widths) width = 10 + static_cast<Index>(dice.below(23));
  return network_for(family, hidden_widths);
}

/// What a network loses: all numbers of the cells of one layer, and of a share of the others.
inline void lose_layer(View<float> one, const basin::Network& network, std::size_t layer, double others,
                       const basin::Random& random) {
  const basin::Network::Layer& lost = network.layers()[layer];
  for (Index cell = 0; cell < network.cells(); ++cell) {
    const bool inside = cell >= lost.first && cell < lost.first + lost.cells();
    if (!inside && random.uniform(static_cast<std::uint64_t>(cell)) >= others) continue;
    std::fill_n(one.data() + cell * features, features, 0.0f);
  }
}

/// An automaton whose network learns from these data, which outlive it, in so many steps. For the way back all its
/// states are kept, or about the root of their number (checkpoints).
inline Life life_on(const basin::Network& network, const basin::LearningData& data, double fire, std::uint64_t seed,
                    Index steps, bool checkpoints = false) {
  Life life;
  life.tape.every = checkpoints ? 0 : 1;
  life.automaton.perception.network = network;
  life.automaton.perception.data = data;
  life.automaton.fire = {fire, seed};
  life.steps = steps;
  return life;
}

}  // namespace metanca_learn
