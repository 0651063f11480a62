#pragma once

// A rule whose cells know the code of one end of their connection only, and learn the other from their neighbours.
//
// A weight of the first layer knows its pixel, one of the last its class; neurons in between have no code. What sets
// one of them apart is a name, a few bits that the cells incident to it agree on. A cell has numbers a for the name of
// its output neuron and b for that of its input neuron. They begin at random, and with p = 2 tanh(q / 2) each update
// does
//
//   a <- g (mean of p_a over the column + mean of p_b over the same neuron's row in the next layer) / 2
//   b <- g (mean of p_b over the row + mean of p_a over the same neuron's column in the layer before) / 2
//
// which for g > 1 is a vote: whatever majority there was by chance grows until all agree, +-m with m = 2 tanh(g m / 2),
// and a name that damage has erased in one layer comes back from the layers that adjoin. The larger g, the sooner: with
// half of the way an update a majority grows by up to (1 + g) / 2. So these names are what the means of the
// neighbourhood are for: the weight is a function of the code and the names. The vote is made of gates of a PlacedRule;
// training leaves it as it is at first, or to the end, and makes the others.

#include <array>
#include <memory>
#include <vector>

#include "../support/metanca.hpp"

namespace metanca_names {

using basin::Index;
using basin::Network;
using basin::State;
using basin::View;
using basin::examples::Architecture;

/// Places has the numbers of codes that say where there is no name: last_columns, of columns of the last layer, and
/// nameless_rows, of rows of the first layer and of biases.
template <int Names, int Gates, int RowCodes, int ColumnCodes, class Places>
struct NamingRule : basin::examples::PlacedRule<1 + 2 * Names, Gates + 2 * Names, RowCodes, ColumnCodes> {
  using Base = basin::examples::PlacedRule<1 + 2 * Names, Gates + 2 * Names, RowCodes, ColumnCodes>;
  using Theta = typename Base::Theta;
  static constexpr int features = Base::features, hidden = Gates + 2 * Names, out = 2 * hidden;
  static constexpr double gain = 6;

  static Theta initial(std::uint64_t seed) {
    Theta theta = Base::initial(seed);
    const basin::Random random{seed, 90};
    const auto row = theta.leaf("row"), column = theta.leaf("column"), cell = theta.leaf("cell");
    // The other gates see the names, and nothing of the neighbours.
    for (int gate = 0; gate < out; ++gate) {
      for (int k = 0; k < 2 * features; ++k) row[at(RowCodes + k, gate)] = column[at(ColumnCodes + k, gate)] = 0;
      for (int k = 1; k < features; ++k) {
        cell[at(k, gate)] = static_cast<float>(0.18 * random.normal(at(k, gate)));
      }
    }
    hold(theta);
    return theta;
  }

  /// Puts the vote back as it was. Where names are given, in the first stage, nothing depends on it, and Muon, which
  /// makes the smallest gradients as large as any, would carry it away.
  static void hold(Theta& theta) {
    const auto row = theta.leaf("row"), column = theta.leaf("column"), cell = theta.leaf("cell"),
               bias = theta.leaf("bias"), answer = theta.leaf("1.weight");
    // Only the gates of the vote answer for names, and only for them.
    for (int gate = 0; gate < hidden; ++gate) {
      for (int k = gate < Gates ? 1 : 0; k < features; ++k) answer[static_cast<std::size_t>(gate * features + k)] = 0;
    }
    for (int k = 0; k < 2 * Names; ++k) {
      const int gate = Gates + k, name = 1 + k, other = k < Names ? name + Names : name - Names;
      for (const int half : {gate, hidden + gate}) {
        for (int input = 0; input < RowCodes + 2 * features; ++input) row[at(input, half)] = 0;
        for (int input = 0; input < ColumnCodes + 2 * features; ++input) column[at(input, half)] = 0;
        for (int feature = 0; feature < features; ++feature) cell[at(feature, half)] = 0;
      }
      bias[static_cast<std::size_t>(gate)] = 0;
      bias[static_cast<std::size_t>(hidden + gate)] = 1;
      const bool output = k < Names;
      auto& means = output ? column : row;
      const int first = output ? ColumnCodes : RowCodes;
      means[at(first + name, gate)] = means[at(first + features + other, gate)] = static_cast<float>(gain / 2);
      if (output) {
        for (const int code : Places::last_columns) column[at(code, hidden + gate)] = -2;
      } else {
        for (const int code : Places::nameless_rows) row[at(code, hidden + gate)] = -2;
      }
      answer[static_cast<std::size_t>(gate * features + name)] = 1;
    }
  }

  /// Weights and names from the normal distribution, biases 0.
  static State<float> random_networks(const Network& network, Index count, std::uint64_t seed, std::uint64_t number) {
    State<float> z = Base::random_networks(network, count, seed, number);
    std::vector<float> normal(static_cast<std::size_t>(network.cells() * 2 * Names));
    for (Index n = 0; n < count; ++n) {
      basin::fill_normal({seed ^ 0x6e616d65, number + static_cast<std::uint64_t>(n)}, 0, normal);
      z.view().sample(n).matrix().bottomRows(2 * Names) =
          Eigen::Map<const basin::Matrix<float>>(normal.data(), 2 * Names, network.cells());
    }
    return z;
  }

  /// A single update cannot find names: they are agreed on from the start.
  static State<float> networks_of_first_stage(const Network& network, std::uint64_t seed, std::uint64_t number) {
    const basin::Random random{seed ^ 0x6e616d65, number};
    const std::size_t last = network.layers().size();
    return named_network(network, seed, number, [&](std::size_t between, Index neuron, int k) {
      if (between == 0 || between == last) return 0;
      const auto at = (between << 40) + static_cast<std::uint64_t>(neuron * Names + k);
      return random.bits(at) % 2 == 0 ? 1 : -1;
    });
  }

 protected:
  static constexpr std::size_t at(int input, int output) { return static_cast<std::size_t>(input * out + output); }

  /// Random weights, and names that all cells agree on: bit(l, neuron, k) is 1 or -1, or 0 for none, of neuron `neuron`
  /// of the inputs (l = 0), between layers, or of the outputs.
  template <class Bit>
  static State<float> named_network(const Network& network, std::uint64_t seed, std::uint64_t number, const Bit& bit) {
    State<float> z = Base::random_networks(network, 1, seed, number);
    constexpr auto agreed = static_cast<float>(2 * gain);  // of q: m = 2 tanh(q / 2) is 2 all but, and q = gain m
    auto cells = z.view().sample(0).matrix();
    const auto layers = network.layers();
    for (std::size_t l = 0; l < layers.size(); ++l) {
      for (Index i = 0; i < layers[l].rows; ++i) {
        for (Index j = 0; j < layers[l].outputs; ++j) {
          auto cell = cells.col(layers[l].cell(i, j));
          for (int k = 0; k < Names; ++k) {
            cell[1 + k] = agreed * static_cast<float>(bit(l + 1, j, k));
            if (i < layers[l].inputs) cell[1 + Names + k] = agreed * static_cast<float>(bit(l, i, k));
          }
        }
      }
    }
    return z;
  }
};

/// Nowhere.
struct AllNamed {
  static constexpr std::array<int, 0> last_columns{}, nameless_rows{};
};

/// The same with every code in the state: no table tells a cell anything but the role of its layer. A network begins
/// with the binary code of each input and each output as their names, on which cells vote as on those of other neurons.
template <int Names, int Gates, int RowCodes, int ColumnCodes>
struct CodedRule : NamingRule<Names, Gates, RowCodes, ColumnCodes, AllNamed> {
  using Named = NamingRule<Names, Gates, RowCodes, ColumnCodes, AllNamed>;

  static State<float> random_networks(const Network& network, Index count, std::uint64_t seed, std::uint64_t number) {
    State<float> z(network.shape(Named::features, count));
    for (Index n = 0; n < count; ++n) {
      z.view().sample(n).vector() =
          networks_of_first_stage(network, seed, number + static_cast<std::uint64_t>(n)).values;
    }
    return z;
  }

  static State<float> networks_of_first_stage(const Network& network, std::uint64_t seed, std::uint64_t number) {
    const basin::Random random{seed ^ 0x6e616d65, number};
    const std::size_t last = network.layers().size();
    return Named::named_network(network, seed, number, [&](std::size_t between, Index neuron, int k) {
      const auto at = (between << 40) + static_cast<std::uint64_t>(neuron * Names + k);
      const bool set = between == 0 || between == last ? neuron >> k & 1 : random.bits(at) % 2 == 0;
      return set ? 1 : -1;
    });
  }
};

/// An architecture without some of its codes: `rows` of them from first_row on, `columns` from first_column on.
inline Architecture without_codes(Architecture of, Index first_row, Index rows, Index first_column, Index columns) {
  auto codes = std::make_shared<basin::PlaceCodes>(*of.codes);
  codes->rows.middleRows(first_row, rows).setZero();
  codes->columns.middleRows(first_column, columns).setZero();
  basin::examples::even_out(of.network, *codes);
  of.codes = codes;
  return of;
}

}  // namespace metanca_names
