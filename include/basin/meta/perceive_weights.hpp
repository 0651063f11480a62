#pragma once

// What a weight sees of its network (Barot, "Meta-Neural Cellular Automata"):
//
//   seen = [q, q_f, q_b],   q = (w, h) of the cell itself, q_f and q_b the means of q over two neighbourhoods,
//
// 3 C numbers for cells of C features (meta/network.hpp says which cells there are). An empty neighbourhood gives
// zeros. A definition of the neighbourhoods sorts all cells into groups, such that each cell belongs to one forward and
// one backward group, and sees the mean over each of them; without SelfIncluded the cell itself is left out of both:
//
//   q_f = (sum of q over the forward group - q) / (cells of the group - 1),   q_b likewise.
//
//   WithinMatrix   the first abstract, and public code of 2024: forward is the cell's column, backward its row, within
//                  its own layer. The biases, if there are any, are a row like another: a bias sees its column of
//                  weights and the other biases of its layer, and they see it.
//   AcrossLayers   the paper of 2026 (with SelfIncluded): a group for each neuron, of the weights into it, its bias and
//                  the weights out of it, the first two not for an input, the last not for an output. Forward is the
//                  neuron that the cell leads to, so its own column, bias included, and the matching row of the next
//                  layer; backward is the neuron that it comes from, so its own row, and the matching column and bias
//                  of the layer before. A bias comes from nowhere: its backward group is the bias alone.
//
// Since whoever sees a group belongs to it, the transpose is of the same form: what comes for a group is added up, and
// handed to each of its cells. The sums over groups are made once a sample, so that a step takes O(C cells).

#include <algorithm>

#include "basin/meta/network.hpp"
#include "basin/nca/perception.hpp"

namespace basin {

namespace detail {

/// The groups of a row of cells: the cell of column j is in group first + step j. Each has so many cells.
struct WeightGroups {
  Index first = 0, step = 0, cells = 0;
};

}  // namespace detail

// A definition of the neighbourhoods has, for row i of a layer, i = inputs being the biases:
//   static Index groups(network)               how many groups there are
//   static WeightGroups forward(network, layer, i), backward(network, layer, i)

struct WithinMatrix {
  /// How many: one for each column of all layers, then one for each row.
  static Index groups(const Network& network) { return network.columns() + network.rows(); }

  /// The forward groups of the cells of a row, whichever it is: each cell's own column of the layer.
  static detail::WeightGroups forward(const Network& network, std::size_t layer, Index) {
    const Network::Layer& own = network.layers()[layer];
    return {own.first_column, 1, own.rows};
  }
  /// The backward group of the cells of row i, one for all of them: that row.
  static detail::WeightGroups backward(const Network& network, std::size_t layer, Index i) {
    const Network::Layer& own = network.layers()[layer];
    return {network.columns() + own.first_row + i, 0, own.outputs};
  }
};

struct AcrossLayers {
  /// Neurons, in the order of the layers, then biases.
  static Index groups(const Network& network) { return neurons(network) + network.columns(); }

  /// The forward groups of the cells of a row, whichever it is: each cell's is the neuron that it leads to, with the
  /// cells of its column and of the matching row of the next layer, if there is one.
  static detail::WeightGroups forward(const Network& network, std::size_t layer, Index) {
    const auto layers = network.layers();
    const Index from_neuron = layer + 1 < layers.size() ? layers[layer + 1].outputs : 0;
    return {inputs(network) + layers[layer].first_column, 1, layers[layer].rows + from_neuron};
  }
  /// The backward group of the cells of row i, one for all of them: the neuron that they come from, with the cells of
  /// the row and of the matching column of the layer before, if there is one. Of biases (i = inputs): each alone.
  static detail::WeightGroups backward(const Network& network, std::size_t layer, Index i) {
    const Network::Layer& own = network.layers()[layer];
    if (i == own.inputs) return {neurons(network) + own.first_column, 1, 1};
    const Index to_neuron = layer > 0 ? network.layers()[layer - 1].rows : 0;
    return {inputs(network) + own.first_column - own.inputs + i, 0, own.outputs + to_neuron};
  }

 private:
  static Index inputs(const Network& network) { return network.widths()[0]; }
  static Index neurons(const Network& network) { return inputs(network) + network.columns(); }
};

/// A perception as nca/perception.hpp describes them, without parameters. A sample is one network; all samples of a
/// state have the same widths.
template <int C, class Neighbours, bool SelfIncluded = false>
struct PerceiveWeights {
  static_assert(C > 0, "PerceiveWeights: the number of features must be positive");

  static constexpr int state_features = C;
  static constexpr int seen_features = 3 * C;
  static constexpr bool whole_samples = true;

  Network network{};  ///< whose cells they are

  /// Throws std::invalid_argument unless z is (C, cells, 1, 1, N).
  void check_shape(const Shape& z) const { detail::check_cells_of(network, z, C, "PerceiveWeights"); }

  template <class S>
  class Sight;
  template <class S>
  class Spread;

 private:
  template <class S>
  class Walk;

  /// Zeros for each group.
  template <class S>
  static S* zeros(const Network& network, Scratch& scratch) {
    const Index size = Neighbours::groups(network) * C;
    S* sums = scratch.take<S>(size);
    std::fill_n(sums, size, S(0));
    return sums;
  }

  /// Calls body(cell, forward group, backward group) for all cells.
  template <class Body>
  static void each_cell(const Network& network, const Body& body) {
    for (std::size_t l = 0; l < network.layers().size(); ++l) {
      const Network::Layer& layer = network.layers()[l];
      for (Index i = 0; i < layer.rows; ++i) {
        const detail::WeightGroups forward = Neighbours::forward(network, l, i),
                                   backward = Neighbours::backward(network, l, i);
        for (Index j = 0; j < layer.outputs; ++j) {
          body(layer.cell(i, j), forward.first + forward.step * j, backward.first + backward.step * j);
        }
      }
    }
  }
};

/// The groups of one cell after another, and the shares of a cell in their means.
template <int C, class Neighbours, bool SelfIncluded>
template <class S>
class PerceiveWeights<C, Neighbours, SelfIncluded>::Walk {
 public:
  explicit Walk(const Network& network) : network_(network), rows_(network) {}

  void go_to(Index cell) {
    if (!rows_.go_to(cell)) return;
    forward_ = Neighbours::forward(network_, rows_.layer(), rows_.row());
    backward_ = Neighbours::backward(network_, rows_.layer(), rows_.row());
    forward_share_ = share_of(forward_.cells);
    backward_share_ = share_of(backward_.cells);
  }
  [[nodiscard]] Index forward() const { return forward_.first + forward_.step * rows_.column(); }
  [[nodiscard]] Index backward() const { return backward_.first + backward_.step * rows_.column(); }
  /// One over the cells that a mean is over; 0 if there are none.
  [[nodiscard]] S forward_share() const { return forward_share_; }
  [[nodiscard]] S backward_share() const { return backward_share_; }

 private:
  static S share_of(Index cells) {
    const Index seen = SelfIncluded ? cells : cells - 1;
    return seen > 0 ? S(1) / static_cast<S>(seen) : S(0);
  }

  const Network& network_;
  detail::RowWalk rows_;
  detail::WeightGroups forward_, backward_;
  S forward_share_ = 0, backward_share_ = 0;
};

template <int C, class Neighbours, bool SelfIncluded>
template <class S>
class PerceiveWeights<C, Neighbours, SelfIncluded>::Sight {
 public:
  Sight(const PerceiveWeights& perception, Theta<S, 0>, View<const S> z, Scratch& scratch)
      : z_(z.data()), walk_(perception.network), sums_(zeros<S>(perception.network, scratch)) {
    each_cell(perception.network, [&](Index cell, Index forward, Index backward) {
      const S* q = z_ + cell * C;
      S* to_forward = sums_ + forward * C;
      S* to_backward = sums_ + backward * C;
      for (int c = 0; c < C; ++c) to_forward[c] += q[c];
      for (int c = 0; c < C; ++c) to_backward[c] += q[c];
    });
  }

  /// seen: count columns of seen_features.
  void operator()(const Index* cells, Index count, S* seen) {
    for (Index k = 0; k < count; ++k, seen += seen_features) {
      walk_.go_to(cells[k]);
      const S* q = z_ + cells[k] * C;
      for (int c = 0; c < C; ++c) seen[c] = q[c];
      mean(walk_.forward(), walk_.forward_share(), q, seen + C);
      mean(walk_.backward(), walk_.backward_share(), q, seen + 2 * C);
    }
  }

 private:
  void mean(Index group, S share, const S* q, S* out) const {
    const S* sum = sums_ + group * C;
    if (share == S(0)) {  // not 0 (q - q), which for a q that is not finite is not 0
      std::fill_n(out, C, S(0));
    } else if constexpr (SelfIncluded) {
      for (int c = 0; c < C; ++c) out[c] = share * sum[c];
    } else {
      for (int c = 0; c < C; ++c) out[c] = share * (sum[c] - q[c]);
    }
  }

  const S* z_;
  Walk<S> walk_;
  S* sums_;  // of q over each group
};

/// dz has the shares of groups only after finish().
template <int C, class Neighbours, bool SelfIncluded>
template <class S>
class PerceiveWeights<C, Neighbours, SelfIncluded>::Spread {
 public:
  Spread(const PerceiveWeights& perception, Theta<S, 0>, View<const S> /*z*/, View<S> dz, Scratch& scratch)
      : network_(perception.network), dz_(dz.data()), sums_(zeros<S>(perception.network, scratch)) {}

  class Part {
   public:
    /// g: count columns of seen_features.
    void operator()(const Index* cells, Index count, const S* g) {
      for (Index k = 0; k < count; ++k, g += seen_features) {
        walk_.go_to(cells[k]);
        S* dq = dz_ + cells[k] * C;
        for (int c = 0; c < C; ++c) dq[c] += g[c];
        add_mean(walk_.forward(), walk_.forward_share(), g + C, dq);
        add_mean(walk_.backward(), walk_.backward_share(), g + 2 * C, dq);
      }
    }

   private:
    friend Spread;

    Part(const Network& network, S* dz, S* sums) : dz_(dz), walk_(network), sums_(sums) {}

    void add_mean(Index group, S share, const S* g, S* dq) const {
      S* sum = sums_ + group * C;
      for (int c = 0; c < C; ++c) {
        const S part = share * g[c];
        sum[c] += part;
        if constexpr (!SelfIncluded) dq[c] -= part;
      }
    }

    S* dz_;
    Walk<S> walk_;
    S* sums_;  // of what comes for each group
  };

  /// A part that has all cells adds to what is here directly.
  Part part(Index first, Index last, S* /*dtheta*/, Scratch& scratch) const {
    const bool all = first == 0 && last == network_.cells();
    return Part(network_, dz_, all ? sums_ : zeros<S>(network_, scratch));
  }

  /// Takes in what a part has for each group; call it once for each part, in order.
  void add(const Part& part) {
    if (part.sums_ == sums_) return;
    for (Index i = 0; i < Neighbours::groups(network_) * C; ++i) sums_[i] += part.sums_[i];
  }

  /// Adds to dz of each cell what came for its groups; call it once, after all parts. There is no theta.
  void finish(S* /*dtheta*/) {
    each_cell(network_, [&](Index cell, Index forward, Index backward) {
      const S* from_forward = sums_ + forward * C;
      const S* from_backward = sums_ + backward * C;
      S* dq = dz_ + cell * C;
      for (int c = 0; c < C; ++c) dq[c] += from_forward[c] + from_backward[c];
    });
  }

 private:
  const Network& network_;
  S* dz_;
  S* sums_;  // of what comes for each group
};

}  // namespace basin
