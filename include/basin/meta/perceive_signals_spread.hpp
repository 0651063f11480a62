#pragma once

// The transpose of the derivative of what weights see of signals (Spread), with the gradient in theta, as
// nca/perception.hpp describes it: the equations (meta/perceive_signals.hpp) against the order in which they were
// solved, up the messages, and down the activations.
//
// It is included by meta/perceive_signals.hpp.

#include <algorithm>

#include "basin/meta/signals.hpp"

namespace basin {

/// dz and dtheta have what comes by way of signals only after finish().
template <int C, int M, class OfNeurons>
template <class S>
class PerceiveSignals<C, M, OfNeurons>::Spread {
 public:
  Spread(const PerceiveSignals& perception, Params<S> theta, View<const S> z, View<S> dz, const Context& context,
         Scratch& scratch)
      : perception_(perception),
        theta_(theta),
        z_(z),
        dz_(dz),
        context_(context),
        passing_(zeros(M * perception.network.cells(), scratch)),
        sums_(zeros(sums(perception.network), scratch)) {}

  class Part {
   public:
    /// g: count columns of seen_features.
    void operator()(const Index* cells, Index count, const S* g) {
      for (Index k = 0; k < count; ++k, g += seen_features) {
        walk_.go_to(cells[k]);
        if (dz_ != nullptr) {
          for (int f = 0; f < C; ++f) dz_[cells[k] * C + f] += g[f];
        }
        S *passing = passing_ + cells[k] * M, *row = sums_ + walk_.row_of_all() * M,
          *column = sums_ + (rows_ + walk_.column_of_all()) * M,
          *layer = sums_ + layers_ + static_cast<Index>(walk_.layer()) * (M + 1);
        const S* from = g + seen_passing;
        for (int c = 0; c < M; ++c, from += 3) {
          passing[c] = from[0];
          row[c] += from[1];
          column[c] += from[2];
        }
        for (int c = 0; c <= M; ++c) layer[c] += g[seen_sizes + c];
      }
    }

   private:
    friend Spread;
    Part(const Network& of, S* dz, S* passing, S* sums)
        : walk_(of),
          dz_(dz),
          passing_(passing),
          sums_(sums),
          rows_(of.rows()),
          layers_((of.rows() + of.columns()) * M) {}

    detail::RowWalk walk_;
    S *dz_, *passing_, *sums_;
    Index rows_, layers_;
  };

  /// A part that has all cells adds to what is here directly.
  Part part(Index first, Index last, S* /*dtheta*/, Scratch& scratch) const {
    const Network& of = perception_.network;
    const bool all = first == 0 && last == of.cells();
    return Part(of, dz_.data(), passing_, all ? sums_ : zeros(sums(of), scratch));
  }

  /// Takes in what a part has for rows, columns and layers; call it once for each part, in order.
  void add(const Part& part) {
    if (part.sums_ == sums_) return;
    for (Index i = 0; i < sums(perception_.network); ++i) sums_[i] += part.sums_[i];
  }

  /// Adds to dz and dtheta, each if it has memory, what comes by way of the signals; call it once, after all parts.
  void finish(S* dtheta) {
    Scratch working;
    const Signals<S> at(perception_, theta_, z_, context_, working);
    const Index last = at.last, batch = at.batch;
    // By layers: of the activations that come in, of z, and of the messages.
    S** into_w = working.take<S*>(last + 1);
    S** z_w = working.take<S*>(last + 1);
    S** messages_w = working.take<S*>(last + 1);
    for (Index l = 0; l <= last; ++l) {
      into_w[l] = zeros(at.shape(l).rows * batch, working);
      z_w[l] = zeros(at.shape(l).outputs * batch, working);
      messages_w[l] = zeros(M * at.shape(l).outputs * batch, working);
    }
    S log_error_w = 0;
    for (Index l = 0; l <= last; ++l) {
      if (l > 0) come_back(at, l, messages_w[l - 1], messages_w[l], z_w[l - 1], into_w[l], dtheta);
      log_error_w += pass(at, l, messages_w[l], into_w[l]);
    }
    emit(at, messages_w[last], log_error_w, z_w[last], dtheta);
    at.up.pull(z_w, into_w, dz_.data(), C);
  }

 private:
  static Index sums(const Network& of) {
    return (of.rows() + of.columns()) * M + static_cast<Index>(of.layers().size()) * (M + 1);
  }
  static S* zeros(Index size, Scratch& scratch) {
    S* values = scratch.take<S>(size);
    std::fill_n(values, size, S(0));
    return values;
  }
  [[nodiscard]] const S* of_row(Index l) const {
    return sums_ + perception_.network.layers()[static_cast<std::size_t>(l)].first_row * M;
  }
  [[nodiscard]] const S* of_column(Index l) const {
    const Network& of = perception_.network;
    return sums_ + (of.rows() + of.layers()[static_cast<std::size_t>(l)].first_column) * M;
  }
  [[nodiscard]] const S* of_layer(Index l) const {
    const Network& of = perception_.network;
    return sums_ + (of.rows() + of.columns()) * M + l * (M + 1);
  }

  /// Of P_c / r_c, its means and log r_c: adds to messages and activations. Returns what comes for the error's size.
  S pass(const Signals<S>& at, Index l, S* messages_w, S* into_w) const {
    const Network::Layer& of = at.shape(l);
    Scratch scratch;
    Map<S> w(scratch.take<S>(of.cells()), of.outputs, of.rows), into(into_w, of.rows, at.batch);
    for (int c = 0; c < M; ++c) {
      const S *own = passing_ + of.first * M + c, *row = of_row(l) + c, *column = of_column(l) + c;
      for (Index i = 0; i < of.rows; ++i) {
        for (Index j = 0; j < of.outputs; ++j) {
          w(j, i) = own[(i * of.outputs + j) * M] + row[i * M] / static_cast<S>(of.outputs) +
                    column[j * M] / static_cast<S>(of.rows);
        }
      }
      const ConstMap<S> P(at.passing(l, c), of.outputs, of.rows);
      const S r = at.layers[l].sizes[c],
              dr = static_cast<S>(size_factor) * of_layer(l)[c] - w.cwiseProduct(P).sum();  // times r
      w = (w + dr / static_cast<S>(of.cells()) * P) / (r * at.count_of(at.batch));
      Map<S> m(messages_w + c * of.outputs * at.batch, of.outputs, at.batch);
      kernels::product<true>(m, ConstMap<S>(w.data(), of.outputs, of.rows), at.up.into(l));
      kernels::product<true>(into, ConstMap<S>(w.data(), of.outputs, of.rows).transpose(),
                             ConstMap<S>(at.message(l, c), of.outputs, at.batch));
    }
    return of_layer(l)[M];
  }

  /// From what comes for the messages of the neurons below layer l: adds to those of layer l, to z and the activation
  /// of the neurons, to dz of the weights that messages came back by, and to dtheta.
  void come_back(const Signals<S>& at, Index l, const S* below_w, S* messages_w, S* z_w, S* into_w, S* dtheta) const {
    const Network::Layer& of = at.shape(l);
    const Index batch = at.batch, count = of.inputs * batch, weights = of.inputs * of.outputs;
    Scratch scratch;
    S *gates_w = scratch.take<S>(M * M * count), *came_w = scratch.take<S>(M * count),
      *turned = scratch.take<S>(M * M * count);
    const S *gates = at.layers[l].gates, *came = at.layers[l].came;
    for (Index n = 0; n < count; ++n) {
      for (int c = 0; c < M; ++c) {
        for (int d = 0; d < M; ++d) {
          gates_w[n * M * M + c * M + d] = below_w[c * count + n] * came[d * count + n];
          turned[n * M * M + c * M + d] = gates[n * M * M + d * M + c];
        }
      }
    }
    Signals<S>::gate(turned, below_w, count, came_w);

    S *made = scratch.take<S>(M * M * count), *pairs_w = scratch.take<S>(2 * count);
    const View<const S> pairs(at.layers[l].pairs, neuron_shape(2, count));
    const View<S> into_pairs(pairs_w, pairs.shape());
    const auto linear = perception_.neurons.template linearize<S>(of_neurons<S>(theta_), pairs,
                                                                  View<S>(made, neuron_shape(M * M, count)));
    const View<const S> of_gates(gates_w, neuron_shape(M * M, count));
    if (dtheta != nullptr) {
      static_cast<void>(linear.pullback(
          of_gates, into_pairs,
          std::span<S, Neurons::param_count>(dtheta + emit_params + back_params, Neurons::param_count)));
    } else {
      static_cast<void>(linear.vjp(of_gates, into_pairs));
    }
    for (Index b = 0; b < batch; ++b) {
      for (Index i = 0; i < of.inputs; ++i) {
        const Index n = b * of.inputs + i;
        z_w[n] += pairs_w[2 * n];
        into_w[b * of.rows + i] += pairs_w[2 * n + 1];
      }
    }

    const S* K = theta_.data() + emit_params;
    S* back_w = scratch.take<S>(weights);
    for (int c = 0; c < M; ++c) {
      const ConstMap<S> t_w(came_w + c * count, of.inputs, batch), m(at.message(l, c), of.outputs, batch);
      Map<S> message(messages_w + c * of.outputs * batch, of.outputs, batch);
      kernels::product<true>(message, ConstMap<S>(at.back(l, c), of.outputs, of.inputs), t_w);
      Map<S> back(back_w, of.outputs, of.inputs);
      kernels::product(back, m, t_w.transpose());
      back *= at.up.scale(l);
      const S* q = z_.data() + of.first * C;
      if (dz_) {
        S* dq = dz_.data() + of.first * C;
        for (Index k = 0; k < weights; ++k) {
          for (int f = 0; f < C; ++f) dq[k * C + f] += K[f * M + c] * back_w[k];
        }
      }
      if (dtheta == nullptr) continue;
      for (int f = 0; f < C; ++f) {
        S sum = 0;
        for (Index k = 0; k < weights; ++k) sum += q[k * C + f] * back_w[k];
        dtheta[emit_params + static_cast<std::size_t>(f * M + c)] += sum;
      }
    }
  }

  /// Of the messages of the last layer, and of the error's size: adds to z.
  void emit(const Signals<S>& at, const S* messages_w, S log_error_w, S* z_w, S* dtheta) const {
    const Index size = at.shape(at.last).outputs * at.batch;
    const Eigen::Map<const Vector<S>> error(at.up.error, size);
    Scratch scratch;
    Eigen::Map<Vector<S>> error_w(scratch.take<S>(size), size), answers_w(scratch.take<S>(size), size);
    error_w =
        static_cast<S>(error_factor) * log_error_w / (at.count_of(size) * at.error_size * at.error_size) * error;
    for (int c = 0; c < M; ++c) {
      const Eigen::Map<const Vector<S>> w(messages_w + c * size, size);
      error_w += theta_[static_cast<std::size_t>(c)] * w;
      if (dtheta != nullptr) dtheta[c] += w.dot(error);
    }
    at.up.through_outputs(error_w.data(), answers_w.data());
    Eigen::Map<Vector<S>>(z_w, size) -= answers_w;
  }

  const PerceiveSignals& perception_;
  Params<S> theta_;
  View<const S> z_;
  View<S> dz_;
  Context context_;
  S* passing_;  // of each cell, M numbers
  S* sums_;     // of rows, of columns, of layers
};

}  // namespace basin
