#pragma once

// The rule of metanca_mnist, the codes of places, and the networks that it makes.
//
// A cell has a weight w and four numbers of its own. Its place is told by its row and its column: a pixel by cosines in
// the plane, a neuron of a hidden layer by cosines of its relative place in the layer, a class by a number of its own,
// and all by flags of the layer's role. What it sees of them and of its neighbours is meta/perceive_places.hpp.

#include <cmath>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "basin/layers/dense.hpp"
#include "basin/layers/reglu.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/network.hpp"
#include "basin/meta/network_loss.hpp"
#include "basin/meta/perceive_places.hpp"
#include "basin/meta/position_code.hpp"
#include "basin/nca/rollout.hpp"

namespace metanca_mnist {

using basin::Index;
using basin::Matrix;
using basin::Network;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 5, hidden = 64;
inline constexpr Index pixels = 784, classes = 10;

// Codes, one block below the other.
inline constexpr Index pixel_waves = 10, neuron_waves = 24, roles = 5;
inline constexpr int row_codes = pixel_waves * pixel_waves + 3 * neuron_waves + 2 * roles;
inline constexpr int column_codes = 3 * neuron_waves + static_cast<int>(classes) + roles;

using Sees = basin::PerceivePlaces<features, row_codes, column_codes, 2 * hidden>;
using Rule = basin::Sequential<basin::Reglu<hidden>, basin::Dense<hidden, features, basin::Bias::no>>;
using Cells = basin::Automaton<Sees, Rule, basin::RandomFire, basin::Everywhere, basin::Relax>;
using Updates = basin::Rollout<Cells>;
using Theta = basin::Parameters<Updates, float>;

/// The widths of a network, what its cells are told of their places, and the scales from w to a weight.
struct Architecture {
  Network network;
  std::shared_ptr<const basin::PlaceCodes> codes;
  std::vector<float> scales;
};

/// Roles 0 and 1: first and last of two layers; 2 to 4: first, middle and last of three.
inline Index role_of(std::size_t layer, std::size_t layers) {
  return static_cast<Index>(layer) + (layers == 2 ? 0 : 2);
}

inline std::shared_ptr<const basin::PlaceCodes> codes_of(const Network& network) {
  auto codes = std::make_shared<basin::PlaceCodes>();
  codes->rows = Matrix<float>::Zero(row_codes, network.rows());
  codes->columns = Matrix<float>::Zero(column_codes, network.columns());
  const auto layers = network.layers();
  // Blocks for the neurons between layers: of two layers the first, of three the second and the third.
  const auto block = [&](std::size_t gap) {
    return (layers.size() == 2 ? 0 : 1 + static_cast<Index>(gap)) * neuron_waves;
  };
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const basin::Network::Layer& layer = layers[l];
    auto rows = codes->rows.middleCols(layer.first_row, layer.rows);
    auto columns = codes->columns.middleCols(layer.first_column, layer.outputs);
    constexpr Index waves = pixel_waves * pixel_waves, neurons = waves + 3 * neuron_waves;
    for (Index i = 0; i < layer.rows; ++i) {
      if (i == layer.inputs) {
        rows(neurons + roles + role_of(l, layers.size()), i) = 1;
      } else {
        rows(neurons + role_of(l, layers.size()), i) = 1;
        if (l == 0) {
          basin::image_code(i, 28, 28, pixel_waves, rows.col(i).head(waves));
        } else {
          basin::cosine_code(i, layer.inputs, rows.col(i).segment(waves + block(l - 1), neuron_waves));
        }
      }
    }
    for (Index j = 0; j < layer.outputs; ++j) {
      columns(3 * neuron_waves + classes + role_of(l, layers.size()), j) = 1;
      if (l + 1 < layers.size()) {
        basin::cosine_code(j, layer.outputs, columns.col(j).segment(block(l), neuron_waves));
      } else {
        columns(3 * neuron_waves + j, j) = std::sqrt(static_cast<float>(classes));
      }
    }
    // So that codes weigh the same in every layer: the mean of |code|^2 is their number.
    rows *= std::sqrt(static_cast<float>(row_codes * layer.rows) / rows.squaredNorm());
    columns *= std::sqrt(static_cast<float>(column_codes * layer.outputs) / columns.squaredNorm());
  }
  return codes;
}

/// [784, x, y, 10], or [784, y, 10] for x = 0. `coded`: with codes of places, else all zeros.
inline Architecture architecture_of(std::vector<Index> widths, bool coded = true) {
  Architecture of{Network(std::move(widths)), nullptr, {}};
  const auto layers = of.network.layers();
  basin::check(layers.size() == 2 || layers.size() == 3, "number of widths of an architecture", layers.size() + 1,
               "3 or 4");
  basin::check(of.network.widths().front() == pixels, "first width of an architecture", of.network.widths().front(),
               pixels);
  basin::check(of.network.widths().back() == classes, "last width of an architecture", of.network.widths().back(),
               classes);
  of.codes = codes_of(of.network);
  if (!coded) {
    auto none = std::make_shared<basin::PlaceCodes>(*of.codes);
    none->rows.setZero();
    none->columns.setZero();
    of.codes = none;
  }
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const float inputs = static_cast<float>(layers[l].inputs);
    of.scales.push_back(layers[l].inputs > 100 ? 1 / std::sqrt(inputs) : std::sqrt(30.0f) / inputs);
  }
  return of;
}
inline std::vector<Index> widths_of(Index x, Index y) {
  return x == 0 ? std::vector<Index>{pixels, y, classes} : std::vector<Index>{pixels, x, y, classes};
}

/// A rule that begins as random functions of the codes, a tenth of it of the means, nothing of the cell itself.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta;
  std::uint64_t stream = 0;
  const auto draw = [&](const char* leaf, Index first, Index count, double deviation) {
    const basin::Random random{seed, stream++};
    const std::span<float> values = theta.leaf(leaf);
    for (Index i = first; i < first + count; ++i) {
      values[static_cast<std::size_t>(i)] =
          static_cast<float>(deviation * random.normal(static_cast<std::uint64_t>(i)));
    }
  };
  constexpr Index out = 2 * hidden;
  draw("row", 0, out * row_codes, 1 / std::sqrt(static_cast<double>(row_codes)));
  draw("row", out * row_codes, out * 2 * features, 0.1);
  draw("column", 0, out * column_codes, 1 / std::sqrt(static_cast<double>(column_codes)));
  draw("column", out * column_codes, out * 2 * features, 0.1);
  draw("1.weight", 0, Index{hidden} * features, 1 / std::sqrt(static_cast<double>(hidden)));
  return theta;
}

/// Networks of weights from the normal distribution, biases and the cells' own numbers 0: number `number` on of a seed.
inline State<float> random_networks(const Network& network, Index count, std::uint64_t seed, std::uint64_t number) {
  State<float> z(network.shape(features, count));
  for (Index n = 0; n < count; ++n) {
    const basin::Random random{seed, number + static_cast<std::uint64_t>(n)};
    float* cells = z.view().sample(n).data();
    for (const Network::Layer& layer : network.layers()) {
      for (Index cell = layer.first; cell < layer.cell(layer.inputs, 0); ++cell) {
        cells[cell * features] = static_cast<float>(random.normal(static_cast<std::uint64_t>(cell)));
      }
    }
  }
  return z;
}

/// What a network loses: one layer whole, and three of ten of the other cells; with `all` the cells' own numbers too.
inline void zero_out(View<float> one, const Network& network, std::size_t layer, bool all,
                     const basin::Random& random) {
  const Network::Layer& lost = network.layers()[layer];
  for (Index cell = 0; cell < network.cells(); ++cell) {
    const bool inside = cell >= lost.first && cell < lost.first + lost.cells();
    if (!inside && random.uniform(static_cast<std::uint64_t>(cell), 0, 1) >= 0.3) continue;
    float* q = one.data() + cell * features;
    std::fill_n(q, all ? features : 1, 0.0f);
  }
}

}  // namespace metanca_mnist
