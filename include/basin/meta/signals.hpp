#pragma once

// The signals of one network at one batch (the equations are in meta/perceive_signals.hpp).
//
// It is included by meta/perceive_signals.hpp.

#include <algorithm>
#include <cmath>

#include "basin/meta/perceive_signals.hpp"

namespace basin {

/// The signals at rest: what goes up, and the messages that come back. Matrices are column-major, in memory of scratch;
/// where there are M of them, they stand one behind the other.
template <int C, int M, class OfNeurons>
template <class S>
class PerceiveSignals<C, M, OfNeurons>::Signals {
 public:
  struct Layer {
    S* messages = nullptr;  ///< M of (outputs, B): m
    S* passing = nullptr;   ///< M of (outputs, rows): P_c / r_c
    S* sizes = nullptr;     ///< M: r_c
    // Of all layers but the first, of the neurons below it:
    S* back = nullptr;   ///< M of (outputs, inputs): s K q
    S* came = nullptr;   ///< M of (inputs, B): t
    S* pairs = nullptr;  ///< (2, inputs, B): z and the activation, what the neurons' layer takes
    S* gates = nullptr;  ///< (M x M, inputs, B): G, row by row
  };

  Signals(const PerceiveSignals& perception, Params<S> theta, View<const S> q, const Context& context, Scratch& scratch)
      : up(perception.network, perception.data, perception.slope, q.data(), C, context, scratch),
        batch(up.batch),
        last(up.count() - 1),
        layers(scratch.take<Layer>(up.count())) {
    for (Index l = 0; l <= last; ++l) layers[l] = room(l, scratch);
    const ConstMap<S> error(up.error, shape(last).outputs, batch);
    error_size = root(perception, error.squaredNorm(), error.size());
    for (int c = 0; c < M; ++c) {
      Map<S>(message(last, c), error.rows(), batch) = theta[static_cast<std::size_t>(c)] * error;
    }
    for (Index l = last; l >= 0; --l) {
      pass(perception, l);
      if (l == 0) break;
      take_back(theta, q, l);
      come_back(perception, theta, l);
    }
  }

  [[nodiscard]] const Network::Layer& shape(Index l) const { return up.shape(l); }
  [[nodiscard]] S* message(Index l, int c) const { return layers[l].messages + c * shape(l).outputs * batch; }
  [[nodiscard]] S* passing(Index l, int c) const { return layers[l].passing + c * shape(l).cells(); }
  [[nodiscard]] S* back(Index l, int c) const { return layers[l].back + c * shape(l).outputs * shape(l).inputs; }
  [[nodiscard]] S* came(Index l, int c) const { return layers[l].came + c * shape(l).inputs * batch; }

  /// By which a sum over so many is divided: a mean over nothing is 0.
  [[nodiscard]] static S count_of(Index count) { return static_cast<S>(std::max<Index>(count, 1)); }

  /// m_c = sum over d of G_cd t_d, for each of `count` neurons and data: adds to m if wanted.
  static void gate(const S* gates, const S* t, Index count, S* m, bool add = false) {
    if (!add) std::fill_n(m, M * count, S(0));
    for (Index n = 0; n < count; ++n, gates += M * M) {
      for (int c = 0; c < M; ++c) {
        for (int d = 0; d < M; ++d) m[c * count + n] += gates[c * M + d] * t[d * count + n];
      }
    }
  }

  NetworkActivations<S> up;
  Index batch, last;  ///< `last`: the last layer
  Layer* layers;
  S error_size = 0;  ///< the root of the mean of e^2

 private:
  Layer room(Index l, Scratch& scratch) const {
    const Network::Layer& of = shape(l);
    Layer layer;
    layer.messages = scratch.take<S>(M * of.outputs * batch);
    layer.passing = scratch.take<S>(M * of.cells());
    layer.sizes = scratch.take<S>(M);
    if (l > 0) {
      layer.back = scratch.take<S>(M * of.outputs * of.inputs);
      layer.came = scratch.take<S>(M * of.inputs * batch);
      layer.pairs = scratch.take<S>(2 * of.inputs * batch);
      layer.gates = scratch.take<S>(M * M * of.inputs * batch);
    }
    return layer;
  }

  static S root(const PerceiveSignals& perception, S squares, Index count) {
    const S floor = static_cast<S>(perception.floor);
    return std::sqrt(squares / count_of(count) + floor * floor);
  }

  /// P_c / r_c of a layer.
  void pass(const PerceiveSignals& perception, Index l) const {
    const Network::Layer& of = shape(l);
    for (int c = 0; c < M; ++c) {
      Map<S> P(passing(l, c), of.outputs, of.rows);
      kernels::product(P, ConstMap<S>(message(l, c), of.outputs, batch), up.into(l).transpose());
      P /= count_of(batch);
      layers[l].sizes[c] = root(perception, P.squaredNorm(), of.cells());
      P /= layers[l].sizes[c];
    }
  }

  /// s K q of a layer.
  void take_back(Params<S> theta, View<const S> q, Index l) const {
    const Network::Layer& of = shape(l);
    const S* K = theta.data() + emit_params;
    const S* cell = q.data() + of.first * C;
    for (int c = 0; c < M; ++c) {
      S* to = back(l, c);
      for (Index k = 0; k < of.inputs * of.outputs; ++k) {
        S sum = 0;
        for (int f = 0; f < C; ++f) sum += K[f * M + c] * cell[k * C + f];
        to[k] = up.scale(l) * sum;
      }
    }
  }

  /// From the messages of layer l, those of the neurons below.
  void come_back(const PerceiveSignals& perception, Params<S> theta, Index l) const {
    const Network::Layer& of = shape(l);
    const Index count = of.inputs * batch;
    for (int c = 0; c < M; ++c) {
      Map<S> t(came(l, c), of.inputs, batch);
      kernels::product(t, ConstMap<S>(back(l, c), of.outputs, of.inputs).transpose(),
                       ConstMap<S>(message(l, c), of.outputs, batch));
    }
    for (Index n = 0; n < count; ++n) {
      layers[l].pairs[2 * n] = up.z(l - 1)[n];
      layers[l].pairs[2 * n + 1] = up.activation(up.z(l - 1)[n]);
    }
    static_cast<void>(perception.neurons.template apply<S>(of_neurons<S>(theta),
                                                           View<const S>(layers[l].pairs, neuron_shape(2, count)),
                                                           View<S>(layers[l].gates, neuron_shape(M * M, count))));
    gate(layers[l].gates, layers[l].came, count, layers[l - 1].messages);
  }
};

}  // namespace basin
