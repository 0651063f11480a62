#pragma once

// The rule of Barot, "MetaNCA" (arXiv 2607.07743, 2026), for running what was trained elsewhere: it has no derivative.
//
// A cell has 31 numbers: its weight w, and 30 that begin as the sinusoidal codes of its input neuron, its output neuron
// and its layer (10 each, all counted from 0; a bias has the widest layer's number of neurons as its input). Incident
// to a neuron are the cells of its column (all weights into it, and its bias) and of its row (all weights out of it). A
// cell s attends forward to what is incident to its output neuron, backward to what is incident to its input neuron,
// itself among them both times (a bias, which has no input neuron, backward to itself alone):
//
//   q    = R(elu(Q s) + 1),   k = R(elu(K s) + 1),   v = V s
//   a_h  = sum_s' (q_h . k_h') v_h' / (sum_s' q_h . k_h' + 1e-6)
//   y    = norm_1(s + O [a_1, a_2, a_3]),    attended = norm_2(y + B max(A y + c, 0) + d)
//
// for three heads of 10 numbers. R turns the pairs of numbers of head h = 1, 2, 3 by the angles of the code of the
// input neuron, the output neuron, the layer, as it was in the beginning. Then five dense layers, ELU between them,
// read [s, forward, backward] and end in the change of all 31 numbers, tanh of the last. Cells fire at random, all at
// once.
//
// The sums over s' are those of a linear attention (A. Katharopoulos et al., "Transformers are RNNs", 2020): one matrix
// and one vector a neuron and head, whatever the number of cells.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/core/scratch.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/layer_norm.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/network.hpp"
#include "basin/meta/position_code.hpp"
#include "basin/nca/fire.hpp"

namespace metanca_mnist {

using basin::Index;
using basin::Matrix;
using basin::Network;
using basin::Scratch;
using basin::Shape;
using basin::View;

/// theta: "backward" and "forward", each with query, key, value (30, 31), out (31, 30), norm_1, feed_forward of 100,
/// norm_2; then "head".
struct AttentionRule {
  static constexpr int heads = 3, head_features = 10, codes = heads * head_features, state_features = 1 + codes;

 private:
  using Project = basin::Dense<state_features, codes, basin::Bias::no>;
  using Join = basin::Dense<codes, state_features, basin::Bias::no>;
  using Norm = basin::LayerNorm<state_features>;
  using FeedForward =
      basin::Sequential<basin::Dense<state_features, 100>, basin::Relu, basin::Dense<100, state_features>>;
  using Head =
      basin::Sequential<basin::Dense<93, 93>, basin::Elu, basin::Dense<93, 100>, basin::Elu, basin::Dense<100, 200>,
                        basin::Elu, basin::Dense<200, 100>, basin::Elu, basin::Dense<100, state_features>, basin::Tanh>;
  static constexpr std::size_t attention_params =
      3 * Project::param_count + Join::param_count + 2 * Norm::param_count + FeedForward::param_count;

 public:
  static constexpr std::size_t param_count = 2 * attention_params + Head::param_count;

  Network network{};  ///< with biases
  basin::RandomFire fire{.rate = 0.8};

  static void leaves(basin::LeafList& list) {
    const auto attention = [&](const std::string& name) {
      for (const char* part : {"query", "key", "value"}) {
        list.weight(name + "." + part, {codes, state_features}, state_features, codes);
      }
      list.weight(name + ".out", {state_features, codes}, codes, state_features);
      list.nested<Norm>(name + ".norm_1");
      list.nested<FeedForward>(name + ".feed_forward");
      list.nested<Norm>(name + ".norm_2");
    };
    attention("backward");
    attention("forward");
    list.nested<Head>("head");
  }

  /// Writes the codes that cells begin with into all networks z (31, cells, 1, 1, N); w stays. Throws
  /// std::invalid_argument if z is no state of such networks, or the network has no biases.
  template <class S>
  void write_codes(View<S> z) const {
    check_shape(z.shape());
    const Matrix<S> code = code_table<S>();
    for (Index n = 0; n < z.samples(); ++n) {
      auto cells = z.sample(n).matrix();
      basin::detail::RowWalk place(network);
      for (Index cell = 0; cell < network.cells(); ++cell) {
        place.go_to(cell);
        const std::array<Index, heads> at = positions(place);
        for (int h = 0; h < heads; ++h) {
          cells.col(cell).template segment<head_features>(1 + h * head_features) =
              code.col(at[static_cast<std::size_t>(h)]);
        }
      }
    }
  }

  /// out = z after one update of the cells that fire. z and out: (31, cells, 1, 1, N), not the same memory. Throws as
  /// write_codes does, and if the shapes differ. Which cells fire is up to the context.
  template <class S>
  void apply(basin::Theta<S, param_count> theta, basin::In<S> z, View<S> out,
             const basin::Context& context = {}) const {
    check_shape(z.shape());
    basin::check(out.shape() == z.shape(), "AttentionRule: shape of the result", out.shape(), z.shape());
    const Matrix<S> code = code_table<S>();
    const Places where = places();
    basin::parallel_for(
        z.samples(), [&](Index n) { update(theta, z.sample(n), context.from_sample(n), code, where, out.sample(n)); });
  }

 private:
  static constexpr Index block_cells = 256;
  static constexpr Index head_sums = head_features * (head_features + 1);  // of k v^T, and of k
  static constexpr Index neuron_sums = heads * head_sums;

  /// The parameters of one attention, and what its cells give.
  template <class S>
  struct Attention {
    const S* at;

    template <class Layer>
    [[nodiscard]] std::span<const S, Layer::param_count> part(std::size_t offset) const {
      return std::span<const S, Layer::param_count>(at + offset, Layer::param_count);
    }
    /// R(elu(Q s) + 1) with Q the first or (key) the second matrix.
    void features_of(bool key, View<const S> s, const Matrix<S>& code, const std::array<Index, heads>* places,
                     View<S> to) const {
      Project{}.apply<S>(part<Project>(key ? Project::param_count : 0), s, to);
      S* x = to.data();
      for (Index n = 0; n < s.shape().cells(); ++n) {
        for (int h = 0; h < heads; ++h, x += head_features) {
          const auto turn = code.col(places[n][static_cast<std::size_t>(h)]);
          for (int m = 0; m < head_features; m += 2) {
            const S a = positive(x[m]), b = positive(x[m + 1]), sine = turn[m], cosine = turn[m + 1];
            x[m] = a * cosine - b * sine;
            x[m + 1] = a * sine + b * cosine;
          }
        }
      }
    }
    void values_of(View<const S> s, View<S> to) const {
      Project{}.apply<S>(part<Project>(2 * Project::param_count), s, to);
    }

    /// What follows the sums: `joined` are the three heads' answers of each cell.
    void finish(View<const S> s, View<const S> joined, View<S> attended) const {
      constexpr std::size_t join = 3 * Project::param_count, norm_1 = join + Join::param_count,
                            feed = norm_1 + Norm::param_count, norm_2 = feed + FeedForward::param_count;
      const Norm norm{.epsilon = 1e-6};
      Scratch scratch;
      const View<S> y = scratch.state<S>(s.shape());
      Join{}.apply<S>(part<Join>(join), joined, y);
      y.vector() += s.vector();
      norm.apply<S>(part<Norm>(norm_1), View<const S>(y), y);
      (void)FeedForward{}.template apply<S>(part<FeedForward>(feed), View<const S>(y), attended);
      attended.vector() += y.vector();
      norm.apply<S>(part<Norm>(norm_2), View<const S>(attended), attended);
    }

   private:
    static S positive(S x) { return x > S(0) ? x + S(1) : std::exp(x); }  // elu(x) + 1
  };

  void check_shape(const Shape& z) const {
    basin::check_features("AttentionRule", z.features, state_features);
    basin::check(network.cells() > 0 && network.has_biases(), "AttentionRule: network", "'" + network.to_string() + "'",
                 "one with cells and biases");
    basin::check(z.space == std::array<Index, 3>{network.cells(), 1, 1}, "AttentionRule: shape of the networks", z,
                 network.shape(state_features, z.samples));
  }

  /// The codes of positions 0 ... widest layer, one a column.
  template <class S>
  [[nodiscard]] Matrix<S> code_table() const {
    const auto widths = network.widths();
    const Index positions =
        1 + std::max(*std::max_element(widths.begin(), widths.end()), static_cast<Index>(widths.size()));
    Matrix<S> code(head_features, positions);
    for (Index p = 0; p < positions; ++p) basin::sinusoidal_code(p, code.col(p));
    return code;
  }

  /// Of the codes of a cell: its input neuron (a bias: one past the widest layer's last), output neuron, layer.
  [[nodiscard]] std::array<Index, heads> positions(const basin::detail::RowWalk& place) const {
    const auto widths = network.widths();
    const bool bias = place.row() == network.layers()[place.layer()].inputs;
    return {bias ? *std::max_element(widths.begin(), widths.end()) : place.row(), place.column(),
            static_cast<Index>(place.layer())};
  }

  /// What one network's pass needs to know of its cells.
  struct Places {
    std::vector<std::array<Index, heads>> codes;
    std::vector<Index> input, output;  ///< neurons, of all layers together; input -1: a bias
    Index neurons = 0;
  };
  [[nodiscard]] Places places() const {
    Places all;
    std::vector<Index> first;
    for (const Index width : network.widths()) {
      first.push_back(all.neurons);
      all.neurons += width;
    }
    basin::detail::RowWalk place(network);
    for (Index cell = 0; cell < network.cells(); ++cell) {
      place.go_to(cell);
      const std::size_t l = place.layer();
      all.codes.push_back(positions(place));
      all.input.push_back(place.row() == network.layers()[l].inputs ? -1 : first[l] + place.row());
      all.output.push_back(first[l + 1] + place.column());
    }
    return all;
  }

  /// Adds k v^T and k of one cell to a neuron's sums.
  template <class S>
  static void add_to(S* sums, const S* key, const S* value) {
    for (int h = 0; h < heads; ++h, sums += head_sums, key += head_features, value += head_features) {
      for (int d = 0; d < head_features; ++d) {
        for (int e = 0; e < head_features; ++e) sums[d * head_features + e] += key[d] * value[e];
        sums[head_features * head_features + d] += key[d];
      }
    }
  }
  /// The three heads' answers to q.
  template <class S>
  static void answer(const S* sums, const S* query, S* to) {
    for (int h = 0; h < heads; ++h, sums += head_sums, query += head_features, to += head_features) {
      std::array<S, head_features> weighted{};
      S total = S(1e-6);
      for (int d = 0; d < head_features; ++d) {
        for (int e = 0; e < head_features; ++e) {
          weighted[static_cast<std::size_t>(e)] += query[d] * sums[d * head_features + e];
        }
        total += query[d] * sums[head_features * head_features + d];
      }
      for (int e = 0; e < head_features; ++e) to[e] = weighted[static_cast<std::size_t>(e)] / total;
    }
  }

  /// One network.
  template <class S>
  void update(basin::Theta<S, param_count> theta, View<const S> z, const basin::Context& context, const Matrix<S>& code,
              const Places& where, View<S> out) const {
    const Attention<S> backward{theta.data()}, forward{theta.data() + attention_params};
    const Index cells = network.cells();
    const auto of_cells = [](int features, Index count) { return Shape{features, {count, 1, 1}, 1}; };

    Scratch scratch;
    S* forward_sums = scratch.take<S>(where.neurons * neuron_sums);
    S* backward_sums = scratch.take<S>(where.neurons * neuron_sums);
    std::fill_n(forward_sums, where.neurons * neuron_sums, S(0));
    std::fill_n(backward_sums, where.neurons * neuron_sums, S(0));
    for (Index first = 0; first < cells; first += block_cells) {
      const Index count = std::min(block_cells, cells - first);
      Scratch block;
      const View<const S> s(z.data() + first * state_features, of_cells(state_features, count));
      const View<S> keys = block.state<S>(of_cells(codes, count)), values = block.state<S>(of_cells(codes, count));
      for (const bool is_forward : {true, false}) {
        const Attention<S>& attention = is_forward ? forward : backward;
        S* sums = is_forward ? forward_sums : backward_sums;
        attention.features_of(true, s, code, where.codes.data() + first, keys);
        attention.values_of(s, values);
        for (Index n = 0; n < count; ++n) {
          const auto cell = static_cast<std::size_t>(first + n);
          const S *key = keys.data() + n * codes, *value = values.data() + n * codes;
          add_to(sums + where.output[cell] * neuron_sums, key, value);
          if (where.input[cell] >= 0) add_to(sums + where.input[cell] * neuron_sums, key, value);
        }
      }
    }

    std::vector<std::uint8_t> fires(static_cast<std::size_t>(cells), 1);
    fire.clear_idle(context, 0, 0, fires);
    out.vector() = z.vector();
    basin::parallel_for((cells + block_cells - 1) / block_cells, [&](Index b) {
      std::array<Index, block_cells> which{};
      std::array<std::array<Index, heads>, block_cells> turns{};
      Index count = 0;
      bool biases = false;
      for (Index cell = b * block_cells; cell < std::min(cells, (b + 1) * block_cells); ++cell) {
        if (fires[static_cast<std::size_t>(cell)] == 0) continue;
        biases = biases || where.input[static_cast<std::size_t>(cell)] < 0;
        turns[static_cast<std::size_t>(count)] = where.codes[static_cast<std::size_t>(cell)];
        which[static_cast<std::size_t>(count++)] = cell;
      }
      if (count == 0) return;
      Scratch block;
      const View<S> s = block.state<S>(of_cells(state_features, count));
      for (Index n = 0; n < count; ++n) {
        s.matrix().col(n) = z.matrix().col(which[static_cast<std::size_t>(n)]);
      }
      const View<const S> seen(s);
      const View<S> queries = block.state<S>(of_cells(codes, count)), answers = block.state<S>(of_cells(codes, count));
      const View<S> attended = block.state<S>(of_cells(state_features, count));
      const View<S> read = block.state<S>(of_cells(3 * state_features, count));
      read.matrix().template topRows<state_features>() = s.matrix();

      forward.features_of(false, seen, code, turns.data(), queries);
      for (Index n = 0; n < count; ++n) {
        const auto cell = static_cast<std::size_t>(which[static_cast<std::size_t>(n)]);
        answer(forward_sums + where.output[cell] * neuron_sums, queries.data() + n * codes, answers.data() + n * codes);
      }
      forward.finish(seen, View<const S>(answers), attended);
      read.matrix().template middleRows<state_features>(state_features) = attended.matrix();

      backward.features_of(false, seen, code, turns.data(), queries);
      const View<S> keys = block.state<S>(of_cells(codes, count)), values = block.state<S>(of_cells(codes, count));
      if (biases) {
        backward.features_of(true, seen, code, turns.data(), keys);
        backward.values_of(seen, values);
      }
      for (Index n = 0; n < count; ++n) {
        const auto cell = static_cast<std::size_t>(which[static_cast<std::size_t>(n)]);
        S* to = answers.data() + n * codes;
        if (where.input[cell] >= 0) {
          answer(backward_sums + where.input[cell] * neuron_sums, queries.data() + n * codes, to);
        } else {
          std::array<S, neuron_sums> own{};
          add_to(own.data(), keys.data() + n * codes, values.data() + n * codes);
          answer(own.data(), queries.data() + n * codes, to);
        }
      }
      backward.finish(seen, View<const S>(answers), attended);
      read.matrix().template bottomRows<state_features>() = attended.matrix();

      const std::span<const S, Head::param_count> head(theta.data() + 2 * attention_params, Head::param_count);
      (void)Head{}.template apply<S>(head, View<const S>(read), attended);
      for (Index n = 0; n < count; ++n) {
        out.matrix().col(which[static_cast<std::size_t>(n)]) += attended.matrix().col(n);
      }
    });
  }
};

}  // namespace metanca_mnist
