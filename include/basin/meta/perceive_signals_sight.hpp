#pragma once

// What weights see of the signals of their network (Sight), and how it changes along a change of the state (Change), as
// nca/perception.hpp describes them. A change follows from the derivative of the signals' equations
// (meta/perceive_signals.hpp), in the order in which they were solved.
//
// It is included by meta/perceive_signals.hpp.

#include <algorithm>
#include <cmath>

#include "basin/meta/signals.hpp"

namespace basin {

namespace detail {

/// What cells see, or its change, from what was computed for their layers.
template <class P, class S>
class SignalColumns {
  static constexpr int C = P::state_features, M = P::messages;

 public:
  /// own: C numbers of each cell. places: whether bits that say where a cell is are written; a change has zeros.
  SignalColumns(const Network& network, const S* own, bool places, Scratch& scratch)
      : network_(network),
        walk_(network),
        own_(own),
        passing_(scratch.take<S>(network.cells() * M)),
        rows_(scratch.take<S>(network.rows() * M)),
        columns_(scratch.take<S>(network.columns() * M)),
        layers_(scratch.take<S>(static_cast<Index>(network.layers().size()) * (M + 1))),
        places_(places) {}

  /// Takes P_c / r_c of layer l, or its change: (outputs, rows).
  void take(Index l, int c, const S* passing) {
    const Network::Layer& of = network_.layers()[static_cast<std::size_t>(l)];
    S *row = rows_ + of.first_row * M + c, *column = columns_ + of.first_column * M + c;
    for (Index i = 0; i < of.rows; ++i) row[i * M] = S(0);
    for (Index j = 0; j < of.outputs; ++j) column[j * M] = S(0);
    S* to = passing_ + of.first * M + c;
    for (Index i = 0; i < of.rows; ++i) {
      for (Index j = 0; j < of.outputs; ++j, ++passing, to += M) {
        *to = *passing;
        row[i * M] += *passing;
        column[j * M] += *passing;
      }
    }
    for (Index i = 0; i < of.rows; ++i) row[i * M] /= static_cast<S>(of.outputs);
    for (Index j = 0; j < of.outputs; ++j) column[j * M] /= static_cast<S>(of.rows);
  }
  /// What is the same for all cells of layer l: M sizes, then the error's.
  [[nodiscard]] S* of_layer(Index l) const { return layers_ + l * (M + 1); }

  /// seen: count columns of seen_features.
  void operator()(const Index* cells, Index count, S* seen) {
    for (Index k = 0; k < count; ++k, seen += P::seen_features) {
      walk_.go_to(cells[k]);
      std::copy_n(own_ + cells[k] * C, C, seen);
      const S *passing = passing_ + cells[k] * M, *row = rows_ + walk_.row_of_all() * M,
              *column = columns_ + walk_.column_of_all() * M;
      S* to = seen + P::seen_passing;
      for (int c = 0; c < M; ++c, to += 3) {
        to[0] = passing[c];
        to[1] = row[c];
        to[2] = column[c];
      }
      std::copy_n(of_layer(static_cast<Index>(walk_.layer())), M + 1, seen + P::seen_sizes);
      const Network::Layer& of = network_.layers()[walk_.layer()];
      seen[P::seen_place] = places_ && walk_.row() == of.inputs ? S(1) : S(0);
      seen[P::seen_place + 1] = places_ && walk_.layer() == 0 ? S(1) : S(0);
      seen[P::seen_place + 2] = places_ && walk_.layer() + 1 == network_.layers().size() ? S(1) : S(0);
    }
  }

 private:
  const Network& network_;
  RowWalk walk_;
  const S* own_;
  S *passing_, *rows_, *columns_, *layers_;
  bool places_;
};

}  // namespace detail

template <int C, int M, class OfNeurons>
template <class S>
class PerceiveSignals<C, M, OfNeurons>::Sight {
 public:
  Sight(const PerceiveSignals& perception, Params<S> theta, View<const S> z, const Context& context, Scratch& scratch)
      : columns_(perception.network, z.data(), true, scratch) {
    Scratch working;
    const Signals<S> signals(perception, theta, z, context, working);
    const S error = static_cast<S>(error_factor) * std::log(signals.error_size);
    for (Index l = 0; l < signals.up.count(); ++l) {
      S* same = columns_.of_layer(l);
      for (int c = 0; c < M; ++c) {
        columns_.take(l, c, signals.passing(l, c));
        same[c] = static_cast<S>(size_factor) * std::log(signals.layers[l].sizes[c]);
      }
      same[M] = error;
    }
  }

  /// seen: count columns of seen_features.
  void operator()(const Index* cells, Index count, S* seen) { columns_(cells, count, seen); }

 private:
  detail::SignalColumns<PerceiveSignals, S> columns_;
};

template <int C, int M, class OfNeurons>
template <class S>
class PerceiveSignals<C, M, OfNeurons>::Change {
 public:
  Change(const PerceiveSignals& perception, Params<S> theta, View<const S> q, View<const S> t, const Context& context,
         Scratch& scratch)
      : columns_(perception.network, t.data(), false, scratch) {
    Scratch working;
    const Signals<S> at(perception, theta, q, context, working);
    const Index last = at.last, batch = at.batch;
    S** into_t = working.take<S*>(last + 1);  // the changes of the activations that come in, and of z
    S** z_t = working.take<S*>(last + 1);
    for (Index l = 0; l <= last; ++l) {
      const Network::Layer& of = at.shape(l);
      into_t[l] = zeros(of.rows * batch, working);
      z_t[l] = working.take<S>(of.outputs * batch);
      S* weights_t = working.take<S>(of.cells());
      for (Index k = 0; k < of.cells(); ++k) weights_t[k] = at.up.scale(l) * t.data()[(of.first + k) * C];
      for (Index n = 0; l > 0 && n < of.inputs * batch; ++n) {
        into_t[l][n / of.inputs * of.rows + n % of.inputs] = at.up.slope(at.up.z(l - 1)[n]) * z_t[l - 1][n];
      }
      Map<S> z(z_t[l], of.outputs, batch);
      kernels::product(z, ConstMap<S>(weights_t, of.outputs, of.rows), at.up.into(l));
      kernels::product<true>(z, at.up.weights(l), ConstMap<S>(into_t[l], of.rows, batch));
    }

    const Index outputs = at.shape(last).outputs;
    S* answers_t = working.take<S>(outputs * batch);  // e falls by as much
    at.up.through_outputs(z_t[last], answers_t);
    const ConstMap<S> error(at.up.error, outputs, batch), error_fall(answers_t, outputs, batch);
    const S log_error_t =
        -error.cwiseProduct(error_fall).sum() / (at.count_of(outputs * batch) * at.error_size * at.error_size);
    S* messages_t = working.take<S>(M * outputs * batch);
    for (int c = 0; c < M; ++c) {
      Map<S>(messages_t + c * outputs * batch, outputs, batch) = -theta[static_cast<std::size_t>(c)] * error_fall;
    }
    for (Index l = last; l >= 0; --l) {
      const Network::Layer& of = at.shape(l);
      const ConstMap<S> into = at.up.into(l), into_change(into_t[l], of.rows, batch);
      S* same = columns_.of_layer(l);
      S* passing_t = working.take<S>(of.cells());
      for (int c = 0; c < M; ++c) {
        Map<S> dP(passing_t, of.outputs, of.rows);
        kernels::product(dP, ConstMap<S>(messages_t + c * of.outputs * batch, of.outputs, batch), into.transpose());
        kernels::product<true>(dP, ConstMap<S>(at.message(l, c), of.outputs, batch), into_change.transpose());
        dP /= at.count_of(batch);
        const ConstMap<S> P(at.passing(l, c), of.outputs, of.rows);
        const S dr = P.cwiseProduct(dP).sum() / static_cast<S>(of.cells()), r = at.layers[l].sizes[c];
        dP = (dP - dr * P) / r;
        columns_.take(l, c, passing_t);
        same[c] = static_cast<S>(size_factor) * dr / r;
      }
      same[M] = static_cast<S>(error_factor) * log_error_t;
      if (l > 0) messages_t = come_back(perception, theta, at, t, l, messages_t, z_t[l - 1], into_t[l], working);
    }
  }

  /// seen: count columns of seen_features, the change along t.
  void operator()(const Index* cells, Index count, S* seen) { columns_(cells, count, seen); }

 private:
  static S* zeros(Index size, Scratch& scratch) {
    S* values = scratch.take<S>(size);
    std::fill_n(values, size, S(0));
    return values;
  }

  /// From the change of the messages of layer l, that of the neurons' below.
  static S* come_back(const PerceiveSignals& perception, Params<S> theta, const Signals<S>& at, View<const S> t,
                      Index l, const S* messages_t, const S* z_t, const S* into_t, Scratch& scratch) {
    const Network::Layer& of = at.shape(l);
    const Index batch = at.batch, count = of.inputs * batch, weights = of.inputs * of.outputs;
    const S* K = theta.data() + emit_params;
    S* came_t = scratch.take<S>(M * count);
    S* back_t = scratch.take<S>(weights);
    for (int c = 0; c < M; ++c) {
      for (Index k = 0; k < weights; ++k) {
        S sum = 0;
        for (int f = 0; f < C; ++f) sum += K[f * M + c] * t.data()[(of.first + k) * C + f];
        back_t[k] = at.up.scale(l) * sum;
      }
      Map<S> dt(came_t + c * count, of.inputs, batch);
      kernels::product(dt, ConstMap<S>(back_t, of.outputs, of.inputs).transpose(),
                       ConstMap<S>(at.message(l, c), of.outputs, batch));
      kernels::product<true>(dt, ConstMap<S>(at.back(l, c), of.outputs, of.inputs).transpose(),
                             ConstMap<S>(messages_t + c * of.outputs * batch, of.outputs, batch));
    }
    S* pairs_t = scratch.take<S>(2 * count);
    for (Index b = 0; b < batch; ++b) {
      for (Index i = 0; i < of.inputs; ++i) {
        const Index n = b * of.inputs + i;
        pairs_t[2 * n] = z_t[n];
        pairs_t[2 * n + 1] = into_t[b * of.rows + i];
      }
    }
    S* gates_t = scratch.take<S>(M * M * count);
    S* gates = scratch.take<S>(M * M * count);
    const View<const S> pairs(at.layers[l].pairs, neuron_shape(2, count));
    const View<S> made(gates, neuron_shape(M * M, count)), made_t(gates_t, neuron_shape(M * M, count));
    static_cast<void>(perception.neurons.template linearize<S>(of_neurons<S>(theta), pairs, made)
                          .jvp(View<const S>(pairs_t, pairs.shape()), made_t));
    S* below_t = scratch.take<S>(M * count);
    Signals<S>::gate(at.layers[l].gates, came_t, count, below_t);
    Signals<S>::gate(gates_t, at.layers[l].came, count, below_t, true);
    return below_t;
  }

  detail::SignalColumns<PerceiveSignals, S> columns_;
};

}  // namespace basin
