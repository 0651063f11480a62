#pragma once

// What networks learn from, and what a network makes of it: the network of a state of cells (meta/network.hpp) at a
// batch of data.
//
// The first of a cell's C features is v, and its weight, or bias, W = s_l v with s_l = 1/sqrt(rows of its layer), so
// that v is of size one whatever the widths. With (x, y) a datum and its target,
//
//   z_l = W_l [a_l; 1],   a_0 = x,   a_(l+1) = max(z_l, 0) + slope min(z_l, 0),   e = y - softmax(z_last), or y -
//   z_last

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "basin/core/context.hpp"
#include "basin/core/scratch.hpp"
#include "basin/kernels/matrix_product.hpp"
#include "basin/meta/network.hpp"

namespace basin {

/// What a network's last layer is for: e in the file's equations.
enum class Outputs {
  classes,  ///< the target is 1 for one output and 0 for the others: e = y - softmax(z)
  numbers   ///< e = y - z
};

/// What networks learn from: batches of data, another one at each step of an automaton. Refers to the caller's memory.
struct LearningData {
  View<const float> inputs{};          ///< (first width, B data, T batches, 1, N); B may be 0, T is 1 or more
  View<const float> targets{};         ///< (last width, B, T, 1, N)
  Outputs outputs = Outputs::classes;  ///< what the targets are, and so e

  /// B.
  [[nodiscard]] Index batch_size() const { return inputs.shape().space[0]; }
  /// T: step t sees batch t modulo T.
  [[nodiscard]] Index batches() const { return inputs.shape().space[1]; }

  /// The first number of the batch that a network sees at its step. N = 1: all networks see the same. Throws
  /// std::invalid_argument if there are no data for the network.
  [[nodiscard]] static const float* of(View<const float> all, const Context& context) {
    const Shape& shape = all.shape();
    const Index batch = static_cast<Index>(context.step % shape.space[1]),
                network = shape.samples == 1 ? 0 : context.sample(0);
    if (network >= shape.samples) {
      check(false, "LearningData: number of a network in its batch, counted from 0", network,
            "below " + std::to_string(shape.samples) + ", for which there are data");
    }
    return all.sample(network).data() + batch * shape.space[0] * shape.features;
  }

  /// Throws std::invalid_argument unless they fit a network with layers. `who` begins the message.
  void check_for(const char* who, const Network& network) const {
    const Shape &x = inputs.shape(), &y = targets.shape();
    const Index first = network.widths().front(), last = network.widths().back();
    if (y == x.with_features(last) && x.features == first && x.space[1] >= 1 && x.space[2] == 1 &&
        x.samples >= 1 && (outputs == Outputs::numbers || last >= 2)) {
      return;  // takes no memory
    }
    const std::string of = who;
    check(x.features == first, of + ": numbers of an input", x.features, first);
    check(y.features == last, of + ": numbers of a target", y.features, last);
    check(outputs == Outputs::numbers || last >= 2, of + ": number of outputs for classes", last, "at least 2");
    check(x.space[1] >= 1 && x.space[2] == 1, of + ": space of the inputs (data, batches, 1)", x,
          "1 or more batches");
    check(y == x.with_features(last), of + ": shape of the targets", y, x.with_features(last));
    check(x.samples >= 1, of + ": number of networks that the data are for", x.samples,
          "1 for all alike, or one for each network of the batch");
  }
};

/// s of each layer: for NetworkLoss (train/network_loss.hpp), of weights and biases alike.
template <class S>
[[nodiscard]] std::vector<S> unit_scales(const Network& network) {
  std::vector<S> scales;
  for (const Network::Layer& layer : network.layers()) scales.push_back(S(1) / std::sqrt(static_cast<S>(layer.rows)));
  return scales;
}

/// The activations of one network at one batch. Matrices are column-major. Refers to the network, and has its memory of
/// scratch.
template <class S>
class NetworkActivations {
 public:
  using Map = Eigen::Map<Matrix<S>>;             ///< a matrix in memory of scratch
  using ConstMap = Eigen::Map<const Matrix<S>>;  ///< the same, only read

  /// Of one layer, column-major.
  struct Layer {
    S* into = nullptr;     ///< (rows, B): the activations that come in, and 1 for biases
    S* weights = nullptr;  ///< (outputs, rows): W
    S* z = nullptr;        ///< (outputs, B)
  };

  /// q: the state of the network, C numbers for each cell; context: which step, and which network of the batch. Throws
  /// std::invalid_argument if there are no data for it. That the data fit is checked elsewhere (check_for).
  NetworkActivations(const Network& of, const LearningData& data, double negative_slope, const S* q, Index C,
                     const Context& context, Scratch& scratch)
      : network(of),
        batch(data.batch_size()),
        classes(data.outputs == Outputs::classes),
        slope_(static_cast<S>(negative_slope)),
        layers_(scratch.take<Layer>(count())) {
    const float* x = LearningData::of(data.inputs, context);
    for (Index l = 0; l < count(); ++l) {
      const Network::Layer& layer = shape(l);
      layers_[l] = {scratch.take<S>(layer.rows * batch), scratch.take<S>(layer.cells()),
                    scratch.take<S>(layer.outputs * batch)};
      const S s = scale(l);
      const S* cell = q + layer.first * C;
      for (Index k = 0; k < layer.cells(); ++k) layers_[l].weights[k] = s * cell[k * C];
      for (Index b = 0; b < batch; ++b) {
        S* to = layers_[l].into + b * layer.rows;
        for (Index i = 0; i < layer.inputs; ++i) {
          to[i] = l == 0 ? static_cast<S>(x[b * layer.inputs + i]) : activation(layers_[l - 1].z[b * layer.inputs + i]);
        }
        if (layer.rows > layer.inputs) to[layer.inputs] = S(1);
      }
      Map z(layers_[l].z, layer.outputs, batch);
      kernels::product(z, weights(l), into(l));
    }
    judge(LearningData::of(data.targets, context), scratch);
  }

  /// How many layers there are.
  [[nodiscard]] Index count() const { return static_cast<Index>(network.layers().size()); }
  /// Widths and cells of layer l, counted from 0.
  [[nodiscard]] const Network::Layer& shape(Index l) const { return network.layers()[static_cast<std::size_t>(l)]; }
  /// s of layer l.
  [[nodiscard]] S scale(Index l) const { return S(1) / std::sqrt(static_cast<S>(shape(l).rows)); }
  /// (rows, B): the activations that come into layer l, and 1 for biases.
  [[nodiscard]] ConstMap into(Index l) const { return {layers_[l].into, shape(l).rows, batch}; }
  /// (outputs, rows): W of layer l.
  [[nodiscard]] ConstMap weights(Index l) const { return {layers_[l].weights, shape(l).outputs, shape(l).rows}; }
  /// (outputs, B): z of layer l.
  [[nodiscard]] const S* z(Index l) const { return layers_[l].z; }

  /// The leaky ReLU of z.
  [[nodiscard]] S activation(S number) const { return number > S(0) ? number : slope_ * number; }
  /// Its derivative.
  [[nodiscard]] S slope(S number) const { return number > S(0) ? S(1) : slope_; }

  /// out = (d answers / dz) t of the last layer, which is its own transpose: p (t - sum p t), or t itself.
  void through_outputs(const S* t, S* out) const {
    const Index outputs = network.widths().back();
    for (Index b = 0; b < batch; ++b, t += outputs, out += outputs) {
      const S* p = answers + b * outputs;
      S mean = 0;
      for (Index j = 0; classes && j < outputs; ++j) mean += p[j] * t[j];
      for (Index j = 0; j < outputs; ++j) out[j] = classes ? p[j] * (t[j] - mean) : t[j];
    }
  }

  /// The transpose, from what comes for z of each layer and for the activations into it, down to the first: adds to z_w
  /// of the layers below, and to dq, C numbers for each cell, unless it is null. Changes into_w.
  void pull(S* const* z_w, S* const* into_w, S* dq, Index C) const {
    for (Index l = count() - 1; l >= 0; --l) {
      const Network::Layer& layer = shape(l);
      const ConstMap w(z_w[l], layer.outputs, batch);
      Scratch scratch;
      if (dq != nullptr) {
        Map of_weights(scratch.take<S>(layer.cells()), layer.outputs, layer.rows);
        kernels::product(of_weights, w, into(l).transpose());
        for (Index k = 0; k < layer.cells(); ++k) dq[(layer.first + k) * C] += scale(l) * of_weights.data()[k];
      }
      if (l == 0) return;
      Map of_into(into_w[l], layer.rows, batch);
      kernels::product<true>(of_into, weights(l).transpose(), w);
      for (Index b = 0; b < batch; ++b) {
        for (Index i = 0; i < layer.inputs; ++i) {
          const Index n = b * layer.inputs + i;
          z_w[l - 1][n] += slope(z(l - 1)[n]) * of_into(i, b);
        }
      }
    }
  }

  const Network& network;  ///< whose activations they are
  Index batch;             ///< B
  bool classes;            ///< rather than numbers
  S* error = nullptr;      ///< (last width, B): e
  S* answers = nullptr;    ///< (last width, B): softmax(z), or z

 private:
  void judge(const float* y, Scratch& scratch) {
    const Index outputs = network.widths().back();
    error = scratch.take<S>(outputs * batch);
    answers = scratch.take<S>(outputs * batch);
    for (Index b = 0; b < batch; ++b) {
      const S* from = z(count() - 1) + b * outputs;
      S* p = answers + b * outputs;
      std::copy_n(from, outputs, p);
      if (classes) {
        const S most = *std::max_element(from, from + outputs);
        S sum = 0;
        for (Index j = 0; j < outputs; ++j) sum += p[j] = std::exp(from[j] - most);
        for (Index j = 0; j < outputs; ++j) p[j] /= sum;
      }
      for (Index j = 0; j < outputs; ++j) error[b * outputs + j] = static_cast<S>(y[b * outputs + j]) - p[j];
    }
  }

  S slope_;
  Layer* layers_;
};

}  // namespace basin
