#pragma once

// What programs share that have a rule by which the weights of networks arrange themselves: the rule, networks to begin
// with, and damage. support/meta_trainer.hpp trains it.

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <vector>

#include "basin/core/normals.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/reglu.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/network.hpp"
#include "basin/meta/perceive_places.hpp"
#include "basin/nca/rollout.hpp"

namespace basin::examples {

/// The widths of a network, what its cells are told of their places, and the scales from w to a weight.
struct Architecture {
  Network network{};
  std::shared_ptr<const PlaceCodes> codes{};
  std::vector<float> scales{};
};

/// Scales every layer's codes so that the mean of |code|^2 is their number: they weigh the same in every layer.
inline void even_out(const Network& network, PlaceCodes& codes) {
  const auto even = [](auto part) {
    const float norm = part.squaredNorm();
    if (norm > 0) part *= std::sqrt(static_cast<float>(part.size()) / norm);
  };
  for (const Network::Layer& layer : network.layers()) {
    even(codes.rows.middleCols(layer.first_row, layer.rows));
    even(codes.columns.middleCols(layer.first_column, layer.outputs));
  }
}

/// What a network loses: one layer whole, and three of ten of the other cells; with `all` the cells' own numbers too.
inline void zero_out(View<float> one, const Network& network, std::size_t layer, bool all, const Random& random) {
  const Network::Layer& lost = network.layers()[layer];
  const Index features = one.shape().features;
  for (Index cell = 0; cell < network.cells(); ++cell) {
    const bool inside = cell >= lost.first && cell < lost.first + lost.cells();
    if (!inside && random.uniform(static_cast<std::uint64_t>(cell)) >= 0.3) continue;
    std::fill_n(one.data() + cell * features, all ? features : 1, 0.0f);
  }
}

/// The rule: a cell's new state is W_o of Hidden gated numbers of what it sees (meta/perceive_places.hpp).
template <int Features, int Hidden, int RowCodes, int ColumnCodes>
struct PlacedRule {
  static constexpr int features = Features;
  using Sees = PerceivePlaces<Features, RowCodes, ColumnCodes, 2 * Hidden>;
  using Rule = Sequential<Reglu<Hidden>, Dense<Hidden, Features, Bias::no>>;
  using Cells = Automaton<Sees, Rule, RandomFire, Everywhere, Relax>;
  using Updates = Rollout<Cells>;
  using Theta = Parameters<Updates, float>;

  /// Begins as random functions of the codes, a tenth of it of the means, nothing of the cell itself.
  static Theta initial(std::uint64_t seed) {
    Theta theta;
    std::uint64_t stream = 0;
    const auto draw = [&](const char* leaf, Index first, Index count, double deviation) {
      const Random random{seed, stream++};
      const std::span<float> values = theta.leaf(leaf);
      for (Index i = first; i < first + count; ++i) {
        values[static_cast<std::size_t>(i)] =
            static_cast<float>(deviation * random.normal(static_cast<std::uint64_t>(i)));
      }
    };
    constexpr Index out = 2 * Hidden;
    draw("row", 0, out * RowCodes, 1 / std::sqrt(static_cast<double>(RowCodes)));
    draw("row", out * RowCodes, out * 2 * Features, 0.1);
    draw("column", 0, out * ColumnCodes, 1 / std::sqrt(static_cast<double>(ColumnCodes)));
    draw("column", out * ColumnCodes, out * 2 * Features, 0.1);
    draw("1.weight", 0, Index{Hidden} * Features, 1 / std::sqrt(static_cast<double>(Hidden)));
    return theta;
  }

  /// Networks of weights from the normal distribution, biases and the cells' own numbers 0: number `number` on of a
  /// seed.
  static State<float> random_networks(const Network& network, Index count, std::uint64_t seed, std::uint64_t number) {
    State<float> z(network.shape(Features, count));
    std::vector<float> normal(static_cast<std::size_t>(network.cells()));
    for (Index n = 0; n < count; ++n) {
      fill_normal({seed, number + static_cast<std::uint64_t>(n)}, 0, normal);
      float* cells = z.view().sample(n).data();
      for (const Network::Layer& layer : network.layers()) {
        for (Index cell = layer.first; cell < layer.cell(layer.inputs, 0); ++cell) {
          cells[cell * Features] = normal[static_cast<std::size_t>(cell)];
        }
      }
    }
    return z;
  }

  static constexpr double fire_rate = 0.8;

  /// What a single update of the first stage begins with.
  static State<float> networks_of_first_stage(const Network& network, std::uint64_t seed, std::uint64_t number) {
    return random_networks(network, 1, seed, number);
  }

  /// The updates of an architecture's networks, each `step` of the way that the rule points to, of a random four cells
  /// in five, or of the share `fire` of them.
  static Updates updates(const Architecture& of, Index count, double step, std::uint64_t fire_seed, bool neighbours,
                         double fire = fire_rate) {
    Updates model;
    model.automaton.perception = {of.network, of.codes, neighbours};
    model.automaton.fire = {.rate = fire, .seed = fire_seed};
    model.automaton.update.rate = step;
    model.steps = count;
    return model;
  }
};

}  // namespace basin::examples
