#pragma once

// The weights of a feed-forward network as the cells of an automaton (Barot, "Meta-Neural Cellular Automata").
//
// Every weight is a cell, and so is every bias if there are any. The cells stand on one line, in the order of the
// parameters of Sequential<Dense<...>, ...>: layer by layer, W (outputs, inputs) column-major, then its biases. So
//
//   cell(i, j) = first + i outputs + j
//
// is the weight from input i to output j of a layer, and for i = inputs the bias of output j. Seen as a matrix with one
// row for each input, and one more for the biases, a layer is stored row by row. A state of such an automaton has C
// features, of which the first is the weight itself, and one network is one sample of shape (C, cells, 1, 1, 1).

#include <array>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/layers/bias.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"

namespace basin {

/// Widths and cells of a network, known when the program runs. Copies share them: a copy costs no memory.
class Network {
 public:
  /// A dense layer, whose weights, and biases, are cells.
  struct Layer {
    Index inputs = 0, outputs = 0;          ///< how many neurons it leads from, and to
    Index rows = 0;                         ///< inputs, and one more if biases are cells
    Index first = 0;                        ///< its first cell
    Index first_row = 0, first_column = 0;  ///< how many rows and columns the layers before it have

    /// How many it has: its weights, and its biases if they are cells.
    [[nodiscard]] Index cells() const { return rows * outputs; }
    /// Of input i (a bias for i = inputs) and output j.
    [[nodiscard]] Index cell(Index i, Index j) const { return first + i * outputs + j; }
  };

  /// No layers and no cells.
  Network() = default;

  /// widths: of the input, of each hidden layer, of the output, such as {784, 50, 10}. Throws std::invalid_argument
  /// for fewer than two, and for one below 1.
  explicit Network(std::vector<Index> widths, Bias biases = Bias::yes) {
    check(widths.size() >= 2, "Network: number of widths", widths.size(), "at least 2: input and output");
    for (const Index width : widths) check(width >= 1, "Network: width", width, "at least 1");
    auto plan = std::make_shared<Plan>();
    plan->has_biases = biases == Bias::yes;
    Layer next;
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
      next.inputs = widths[l];
      next.outputs = widths[l + 1];
      next.rows = next.inputs + (plan->has_biases ? 1 : 0);
      plan->layers.push_back(next);
      next.first += next.cells();
      next.first_row += next.rows;
      next.first_column += next.outputs;
    }
    plan->cells = next.first;
    plan->rows = next.first_row;
    plan->columns = next.first_column;
    plan->widths = std::move(widths);
    plan_ = std::move(plan);
  }

  /// Valid as long as this network or a copy of it lives.
  [[nodiscard]] std::span<const Layer> layers() const {
    return plan_ ? std::span<const Layer>(plan_->layers) : std::span<const Layer>();
  }
  /// As they were given: of the input, of each hidden layer, of the output. Valid as layers() is.
  [[nodiscard]] std::span<const Index> widths() const {
    return plan_ ? std::span<const Index>(plan_->widths) : std::span<const Index>();
  }
  /// Cells of all layers together.
  [[nodiscard]] Index cells() const { return plan_ ? plan_->cells : 0; }
  /// Rows of all layers together: their inputs, and one more for each layer if biases are cells.
  [[nodiscard]] Index rows() const { return plan_ ? plan_->rows : 0; }
  /// Columns of all layers together: their outputs.
  [[nodiscard]] Index columns() const { return plan_ ? plan_->columns : 0; }
  /// Whether biases are cells; false without layers.
  [[nodiscard]] bool has_biases() const { return plan_ && plan_->has_biases; }

  /// Of a state with so many features a cell, for so many networks.
  [[nodiscard]] Shape shape(int features, Index samples = 1) const { return {features, {cells(), 1, 1}, samples}; }

  /// "784-50-10"
  [[nodiscard]] std::string to_string() const {
    std::string text;
    for (const Index width : widths()) {
      if (!text.empty()) text += '-';
      text += std::to_string(width);
    }
    return text;
  }

  /// Whether widths are equal, and biases are cells of both or of neither.
  friend bool operator==(const Network& a, const Network& b) {
    if (!a.plan_ || !b.plan_) return a.plan_ == b.plan_;
    return a.plan_->widths == b.plan_->widths && a.plan_->has_biases == b.plan_->has_biases;
  }

 private:
  struct Plan {
    std::vector<Index> widths;
    std::vector<Layer> layers;
    Index cells = 0, rows = 0, columns = 0;
    bool has_biases = true;
  };

  std::shared_ptr<const Plan> plan_;
};

namespace detail {

/// Throws std::invalid_argument unless z is (C, cells, 1, 1, N). `who` begins the message.
inline void check_cells_of(const Network& network, const Shape& z, int C, const char* who) {
  const Index cells = network.cells();
  if (cells > 0 && z.features == C && z.space == std::array<Index, 3>{cells, 1, 1}) return;  // takes no memory
  check_features(who, z.features, C);
  const std::string of = who;
  check(cells > 0, of + ": number of cells of the network", cells, "at least 1");
  check(z.space[0] == cells, of + ": number of cells of a sample", z.space[0], cells);
  check(z.space[1] == 1 && z.space[2] == 1, of + ": extents of a sample beyond its one line", z.space[1] * z.space[2],
        1);
}

/// In which row of which layer one cell after another is. Fast if cells are ascending: within a row nothing is looked
/// up. Refers to the network.
class RowWalk {
 public:
  explicit RowWalk(const Network& network) : layers_(network.layers()) {}

  /// True if the cell is in another row than the one before, or is the first.
  bool go_to(Index cell) {
    column_ = cell - begin_;
    if (cell >= begin_ && cell < end_) return false;
    if (cell < layers_[layer_].first) layer_ = 0;
    while (cell >= layers_[layer_].first + layers_[layer_].cells()) ++layer_;
    const Network::Layer& here = layers_[layer_];
    row_ = (cell - here.first) / here.outputs;
    begin_ = here.cell(row_, 0);
    end_ = begin_ + here.outputs;
    column_ = cell - begin_;
    return true;
  }
  [[nodiscard]] std::size_t layer() const { return layer_; }
  /// Within the layer.
  [[nodiscard]] Index row() const { return row_; }
  [[nodiscard]] Index column() const { return column_; }
  /// Among the rows and columns of all layers.
  [[nodiscard]] Index row_of_all() const { return layers_[layer_].first_row + row_; }
  [[nodiscard]] Index column_of_all() const { return layers_[layer_].first_column + column_; }

 private:
  std::span<const Network::Layer> layers_;
  std::size_t layer_ = 0;
  Index begin_ = 0, end_ = 0, row_ = 0, column_ = 0;  // the row's cells, and where in it
};

template <class L>
struct DenseWidths {
  static constexpr bool is_dense = false;
};
template <int Inputs, int Outputs, Bias WithBias>
struct DenseWidths<Dense<Inputs, Outputs, WithBias>> {
  static constexpr bool is_dense = true;
  static constexpr Index inputs = Inputs, outputs = Outputs;
  static constexpr Bias bias = WithBias;
};

template <class Task>
struct NetworkOf {
  static_assert(std::is_void_v<Task>, "network_of: the task must be a Sequential of dense layers and activations");
};
template <class... Layers>
struct NetworkOf<Sequential<Layers...>> {
  static constexpr int dense = (0 + ... + (DenseWidths<Layers>::is_dense ? 1 : 0));
  static constexpr int with_bias = (0 + ... + [] {
    if constexpr (DenseWidths<Layers>::is_dense) return DenseWidths<Layers>::bias == Bias::yes ? 1 : 0;
    return 0;
  }());
  static_assert(((DenseWidths<Layers>::is_dense || Pointwise<Layers>)&&...),
                "network_of: the task must be a Sequential of dense layers and activations");
  static_assert(dense > 0, "network_of: the task has no dense layer");
  static_assert(with_bias == 0 || with_bias == dense,
                "network_of: either all dense layers have biases, or none of them");

  static Network make() {
    std::vector<Index> widths;
    const auto add = [&]<class L>(std::type_identity<L>) {
      if constexpr (DenseWidths<L>::is_dense) {
        if (widths.empty()) widths.push_back(DenseWidths<L>::inputs);
        widths.push_back(DenseWidths<L>::outputs);
      }
    };
    (add(std::type_identity<Layers>{}), ...);
    return Network(std::move(widths), with_bias > 0 ? Bias::yes : Bias::no);
  }
};

}  // namespace detail

/// The network whose parameters, in the same order, are those of Task: a Sequential of dense layers, all with or all
/// without biases, and of activations, which have no cells and of which the network knows nothing. NetworkLoss
/// (train/network_loss.hpp) computes with leaky ReLUs between the layers; for another activation,
/// NetworkLoss::parameters gives theta for Task itself.
template <class Task>
[[nodiscard]] Network network_of() {
  return detail::NetworkOf<Task>::make();
}

}  // namespace basin
