#pragma once

// The rule of metanca_mnist, the codes of places, and the networks that it makes.
//
// A cell has a weight w and four numbers of its own. Its place is told by its row and its column: a pixel by cosines in
// the plane, a neuron of a hidden layer by cosines of its relative place in the layer, a class by a number of its own,
// and all by flags of the layer's role. What it sees of them and of its neighbours is meta/perceive_places.hpp.

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "../support/metanca.hpp"
#include "basin/meta/position_code.hpp"

namespace metanca_mnist {

using basin::Index;
using basin::Matrix;
using basin::Network;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 5, hidden = 96;
inline constexpr Index pixels = 784, classes = 10;

// Codes, one block below the other.
inline constexpr Index pixel_waves = 10, neuron_waves = 24, roles = 5;
inline constexpr int row_codes = pixel_waves * pixel_waves + 3 * neuron_waves + 2 * roles;
inline constexpr int column_codes = 3 * neuron_waves + static_cast<int>(classes) + roles;

using Rule = basin::examples::PlacedRule<features, hidden, row_codes, column_codes>;
using Theta = Rule::Theta;
using basin::examples::Architecture;

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
  }
  basin::examples::even_out(network, *codes);
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

/// Bytes of the networks of `count` of an architecture's, with `numbers` in a cell.
inline double bytes_of_networks(const std::vector<Index>& widths, double count, int numbers) {
  double cells = 0;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    cells += (static_cast<double>(widths[l]) + 1) * static_cast<double>(widths[l + 1]);
  }
  return cells * count * numbers * sizeof(float);
}

inline std::vector<Index> widths_of(Index x, Index y) {
  return x == 0 ? std::vector<Index>{pixels, y, classes} : std::vector<Index>{pixels, x, y, classes};
}

}  // namespace metanca_mnist
