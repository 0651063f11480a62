#pragma once

// The rule of metanca_iris, and the codes of places: a number of its own for each of the four inputs and three classes,
// cosines of a hidden neuron's relative place, flags of a layer's role.

#include <cmath>
#include <memory>
#include <vector>

#include "../support/iris.hpp"
#include "../support/metanca.hpp"
#include "basin/meta/position_code.hpp"

namespace metanca_iris {

using basin::Index;
using basin::Network;
using basin::State;
using basin::View;
using basin::examples::Architecture;

inline constexpr Index inputs = 4, classes = 3, waves = 8, roles = 6;  // roles: of networks of one to three layers
inline constexpr int row_codes = static_cast<int>(inputs + 3 * waves + 2 * roles);
inline constexpr int column_codes = static_cast<int>(3 * waves + classes + roles);

using Rule = basin::examples::PlacedRule<5, 32, row_codes, column_codes>;
using Theta = Rule::Theta;

/// [4, hidden ..., 3], with at most two hidden layers.
inline Architecture architecture_of(const std::vector<Index>& hidden) {
  std::vector<Index> widths{inputs};
  widths.insert(widths.end(), hidden.begin(), hidden.end());
  widths.push_back(classes);
  const Network network(widths);
  const auto layers = network.layers();
  const Index depth = static_cast<Index>(layers.size());
  auto codes = std::make_shared<basin::PlaceCodes>();
  codes->rows = basin::Matrix<float>::Zero(row_codes, network.rows());
  codes->columns = basin::Matrix<float>::Zero(column_codes, network.columns());
  std::vector<float> scales;
  for (Index l = 0; l < depth; ++l) {
    const Network::Layer& layer = layers[static_cast<std::size_t>(l)];
    const Index role = basin::layer_role(l, depth);
    // The neurons between two layers have a block for each depth and gap.
    const auto block = [&](Index gap) { return (depth == 2 ? 0 : 1 + gap) * waves; };
    for (Index i = 0; i < layer.rows; ++i) {
      auto row = codes->rows.col(layer.first_row + i);
      if (i == layer.inputs) {
        row(inputs + 3 * waves + roles + role) = 1;
        continue;
      }
      row(inputs + 3 * waves + role) = 1;
      if (l == 0) {
        row(i) = std::sqrt(static_cast<float>(inputs));
      } else {
        basin::cosine_code(i, layer.inputs, row.segment(inputs + block(l - 1), waves));
      }
    }
    for (Index j = 0; j < layer.outputs; ++j) {
      auto column = codes->columns.col(layer.first_column + j);
      column(3 * waves + classes + role) = 1;
      if (l + 1 == depth) {
        column(3 * waves + j) = std::sqrt(static_cast<float>(classes));
      } else {
        basin::cosine_code(j, layer.outputs, column.segment(block(l), waves));
      }
    }
    scales.push_back(std::sqrt(30.0f) / static_cast<float>(layer.inputs));
  }
  basin::examples::even_out(network, *codes);
  return {network, codes, scales};
}

inline std::vector<Architecture> trained_architectures() {
  std::vector<Architecture> all;
  for (const std::vector<Index>& hidden : std::vector<std::vector<Index>>{{},
                                                                          {6},
                                                                          {10},
                                                                          {20},
                                                                          {5, 10},
                                                                          {8, 5},
                                                                          {8, 8},
                                                                          {10, 8},
                                                                          {11, 4},
                                                                          {12, 4},
                                                                          {12, 6},
                                                                          {4, 16},
                                                                          {16, 8},
                                                                          {7, 5},
                                                                          {14, 6},
                                                                          {20, 12}}) {
    all.push_back(architecture_of(hidden));
  }
  return all;
}
inline std::vector<Architecture> held_out_architectures() { return {architecture_of({10, 5}), architecture_of({14})}; }

}  // namespace metanca_iris
