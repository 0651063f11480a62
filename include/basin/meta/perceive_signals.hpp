#pragma once

// What a weight sees of the data that its network learns from: the signals that pass through it, and messages that come
// back, made by a learned rule. No derivative of the task's loss is computed. (E. Randazzo, E. Niklasson, A.
// Mordvintsev, "MPLP: Learning a Message Passing Learning Protocol", 2020, for the idea, with an order of updates;
// announced by Barot, "Meta-Neural Cellular Automata", without one.)
//
// The cells are those of meta/network.hpp, with C features q = (v, h_1 ...): the weight itself is W = s_l v with s_l =
// 1/sqrt(rows of its layer), so that v is of size one. Beside them stand the neurons, for each of the B data of a
// batch, which have an activation a and M messages m, and settle between two updates of the weights: with (x, y) a
// datum and its target,
//
//   z_l = W_l [a_l; 1],       a_0 = x,   a_(l+1) = max(z_l, 0) + slope min(z_l, 0)
//   m_last = o e,             e = y - softmax(z_last), or y - z_last;   o: M numbers of theta
//   m_l,i = G(z_l,i) t_i,     t_i,c = s sum_j (K q_ij)_c m_(l+1),j,c   over the weights from i;   K: M x C of theta
//
// where G, M x M numbers, is what a layer (Neurons) makes of z and the activation. No neuron follows from itself, so
// these equations have one solution, whichever order they are solved in, and it is found layer by layer. The weight
// from i to j then sees, averaged over the batch, for each message c
//
//   P_c = 1/B sum over the data of a_i m_j,c     divided by r_c, the root of the mean of P_c^2 over its layer,
//
// and all together
//
//   seen = [q; for each c: P_c / r_c, its mean over the cell's row, and over its column;
//           log(r_c) / 5 for each c; 0.3 log(root of the mean of e^2); bias?; first layer?; last layer?]
//
// A batch may have no data (B = 0): nothing passes, so P is 0, and sizes are those of `floor`. Cells are told so by that
// alone, and see themselves. In a solve, which keeps its step, cells see one batch, and what they come to is what they
// make of that.
//
// A rule on this can be gradient descent (one message, o = 1, K q = v, G the slope of the activation), but nothing
// hands it in, and nothing holds it there. Roots are taken of the mean plus a square of `floor`.

#include <span>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/activations.hpp"
#include "basin/nca/perception.hpp"

namespace basin {

/// What Neurons are if nothing else is said: one hidden layer of 8.
template <int M>
using NeuronRule = Sequential<Dense<2, 8>, Tanh, Dense<8, M * M>>;

/// A perception as nca/perception.hpp describes them. A sample is one network, all samples have the same widths, and
/// each may learn from data of its own.
/// Neurons: a layer from (z, activation) of a neuron to G, row by row. It must not be random; what solves inside it
/// report is lost. theta are "emit" (o), "back" (K), then its parameters, under "neurons.".
template <int C, int M, class OfNeurons = NeuronRule<M>>
struct PerceiveSignals {
  static_assert(C > 0, "PerceiveSignals: the number of features must be positive");
  static_assert(M > 0, "PerceiveSignals: the number of messages must be positive");
  static_assert(OfNeurons::in_features == 2 && OfNeurons::out_features == M * M,
                "PerceiveSignals: the neurons' layer must take 2 features and give M x M");

  using Neurons = OfNeurons;  ///< the layer that makes G
  static constexpr int state_features = C;
  static constexpr int messages = M;  ///< how many come back
  // Where what is seen stands.
  static constexpr int seen_passing = C, seen_sizes = seen_passing + 3 * M, seen_error = seen_sizes + M,
                       seen_place = seen_error + 1;
  static constexpr int seen_features = seen_place + 3;
  static constexpr bool whole_samples = true;
  static constexpr bool takes_context = true;                     ///< says which batch
  static constexpr std::size_t emit_params = M;                   ///< numbers of o
  static constexpr std::size_t back_params = std::size_t{M} * C;  ///< numbers of K
  static constexpr std::size_t param_count = emit_params + back_params + Neurons::param_count;

  Network network{};    ///< whose cells they are
  LearningData data{};  ///< the caller's, with numbers for the widths of the network
  double slope = 0.01;  ///< of the leaky ReLU, 0 or more
  double floor = 1e-6;  ///< below which a size counts as none: above 0
  Neurons neurons{};    ///< G

  static void leaves(LeafList& list) {
    list.weight("emit", {M, 1}, 1, M);
    list.weight("back", {M, C}, C, M);
    if constexpr (Neurons::param_count > 0) list.template nested<Neurons>("neurons");
  }

  /// Throws std::invalid_argument unless z is (C, cells, 1, 1, N) and the data fit the network.
  void check_shape(const Shape& z) const {
    detail::check_cells_of(network, z, C, "PerceiveSignals");
    check(slope >= 0, "PerceiveSignals: slope of the leaky ReLU", slope, "0 or more");
    check(floor > 0, "PerceiveSignals: floor", floor, "above 0");
    data.check_for("PerceiveSignals", network);
  }

  template <class S>
  class Sight;
  template <class S>
  class Change;
  template <class S>
  class Spread;

 private:
  template <class S>
  class Signals;
  template <class S>
  using Params = std::span<const S, param_count>;
  template <class S>
  using Map = typename NetworkActivations<S>::Map;
  template <class S>
  using ConstMap = typename NetworkActivations<S>::ConstMap;

  static constexpr double size_factor = 0.2, error_factor = 0.3;  // of logarithms, so that they are of size one

  template <class S>
  static auto of_neurons(Params<S> theta) {
    return theta.template subspan<emit_params + back_params>();
  }
  static Shape neuron_shape(int features, Index count) { return {features, {1, 1, 1}, count}; }
};

}  // namespace basin

#include "basin/meta/perceive_signals_sight.hpp"
#include "basin/meta/perceive_signals_spread.hpp"
