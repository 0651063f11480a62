#pragma once

// Cells that hear of the sets they are in: each set tells all of its cells the same, made of the mean and the maximum
// of what they show it.
//
//   p_i = P x_i                                    what cell i shows, `Pooled` numbers
//   m_s = [mean_{i in s} p_i; max_{i in s} p_i]    of each set s, feature by feature
//   y_i = W x_i + b + sum_{s with i in s} V_k(s) m_s
//
// A layer of M. Zaheer et al., "Deep sets", 2017 (equation 4), and of J. Hartford et al., "Deep models of interactions
// across sets", 2018, for overlapping sets of several kinds. What a set tells is computed once a set, not once a cell:
// nine cells that share a set of nine cost a ninth of what attention among them would.
//
// x is (Inputs, X, Y, Z, N), y is (Outputs, X, Y, Z, N), with as many cells a sample as `sets` has. theta: W (Outputs,
// Inputs), b (Outputs), P (Pooled, Inputs), V_0 ... V_{Kinds - 1}, each (Outputs, 2 Pooled). The derivative of a
// maximum goes to the first cell of the set that reaches it; a NaN in a set is no maximum, but makes the mean NaN.
//
//   g_s = sum_{i in s} w_i,   [dmean; dmax]_s = V^T g_s,   dp_i = sum_s dmean_s / |s| + [i first at the maximum] dmax_s
//   dx_i = W^T w_i + P^T dp_i,   dW = w x^T,   db = w,   dP = dp x^T,   dV_k = sum_s g_s m_s^T

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

#include "basin/core/layer.hpp"
#include "basin/kernels/product.hpp"
#include "basin/kernels/vector.hpp"
#include "basin/layers/cell_sets.hpp"

namespace basin {

template <int Inputs, int Pooled, int Outputs, int Kinds>
struct SetMessages {
  static_assert(Inputs > 0 && Pooled > 0 && Outputs > 0 && Kinds > 0,
                "SetMessages: the numbers of features and of kinds of sets must be positive");

  static constexpr int in_features = Inputs, out_features = Outputs;
  static constexpr std::size_t weight_count = std::size_t{Inputs} * Outputs;       ///< numbers of W
  static constexpr std::size_t pooled_count = std::size_t{Inputs} * Pooled;        ///< numbers of P
  static constexpr std::size_t message_count = std::size_t{2} * Pooled * Outputs;  ///< numbers of one V_k
  static constexpr std::size_t param_count = weight_count + Outputs + pooled_count + Kinds * message_count;

  /// As many kinds as `Kinds`.
  CellSets sets{};

  static void leaves(LeafList& list) {
    list.weight("weight", {Outputs, Inputs}, Inputs, Outputs);
    list.bias("bias", Outputs);
    list.weight("pooled", {Pooled, Inputs}, Inputs, Pooled);
    for (int k = 0; k < Kinds; ++k) {
      list.weight("message" + std::to_string(k), {Outputs, 2 * Pooled}, 2 * Pooled * Kinds, Outputs);
    }
  }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("SetMessages", x.features, Inputs);
    check_sets(x.cells_per_sample());
    return x.with_features(Outputs);
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply_then(theta, x, y, context, detail::NoThen{});
  }

  /// As apply, and then(block, offset, count) for each finished block of a few kilobytes.
  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then) const {
    check_output<SetMessages, S>("SetMessages", *this, x, y);
    Scratch scratch;
    S* const pooled = scratch.take<S>(pooled_numbers());
    for (Index n = 0; n < x.samples(); ++n) {
      run(theta.data(), x.sample(n).data(), pooled, y.sample(n).data(), nullptr,
          [&](S* block, Index offset, Index count) { then(block, n * y.shape().sample_size() + offset, count); });
    }
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& = {},
                             IfPrepared<Buffer<S>> prepared = {}) const {
    check_output<SetMessages, S>("SetMessages", *this, x, y);
    Linearization<S> j(*this, theta.data(), x, prepared ? prepared->data() : nullptr);
    for (Index n = 0; n < x.samples(); ++n) {
      run(theta.data(), x.sample(n).data(), j.pooled_.data() + n * pooled_numbers(), y.sample(n).data(),
          j.largest_.data() + n * Pooled * sets.count(), detail::NoThen{});
    }
    return j;
  }

  /// W^T, P^T and V_k^T, once for many linearizations at the same theta (core/layer.hpp).
  template <class S>
  [[nodiscard]] Buffer<S> prepare(std::span<const S, param_count> theta) const {
    Buffer<S> turned(static_cast<Index>(param_count) - Outputs);
    const S* from = theta.data();
    S* to = turned.data();
    const auto turn = [&](Index rows, Index columns) {
      Eigen::Map<Matrix<S>>(to, columns, rows) = Eigen::Map<const Matrix<S>>(from, rows, columns).transpose();
      from += rows * columns;
      to += rows * columns;
    };
    turn(Outputs, Inputs);
    from += Outputs;
    turn(Pooled, Inputs);
    for (int k = 0; k < Kinds; ++k) turn(Outputs, 2 * Pooled);
    return turned;
  }

 private:
  /// Of a cell in its sample: as wide as a number, so that comparisons of numbers choose among them.
  template <class S>
  using Place = std::conditional_t<sizeof(S) == 4, std::int32_t, std::int64_t>;
  static constexpr std::size_t pooled_at = weight_count + Outputs, messages_at = pooled_at + pooled_count;
  static constexpr Index block_cells = 56;  // four register tiles; some kilobytes of output

  [[nodiscard]] Index pooled_numbers() const { return 2 * Pooled * sets.count(); }

  void check_sets(Index cells) const {
    check(static_cast<bool>(sets), "SetMessages: sets", "none", "CellSets(cells, kinds)");
    if (cells != sets.cells()) check(false, "SetMessages: number of cells", cells, sets.cells());
    if (sets.kinds() != Kinds) check(false, "SetMessages: number of kinds of sets", sets.kinds(), Index{Kinds});
  }

  /// One sample: y, m of each set in `pooled`, and, if wanted, the cells where the maxima are.
  template <class S, class Then>
  void run(const S* theta, const S* x, S* pooled, S* y, Place<S>* largest, const Then& then) const {
    Scratch scratch;
    S* const shown = scratch.take<S>(Pooled * sets.cells());
    kernels::gather<Inputs, Pooled>(sets.cells(), x, theta + pooled_at, static_cast<const S*>(nullptr), shown);
    for (Index s = 0; s < sets.count(); ++s) {
      pool(sets.members(s), shown, pooled + 2 * Pooled * s, largest == nullptr ? nullptr : largest + Pooled * s);
    }
    S* const messages = scratch.take<S>(Outputs * sets.count());
    tell(theta, pooled, messages);
    add_own(theta, x, theta + weight_count, messages, y, then);
  }

  /// The mean and the maximum over the cells of a set, and, if wanted, where the maxima are.
  template <class S>
  static void pool(std::span<const Index> members, const S* shown, S* of_set, Place<S>* largest) {
    const S part = S(1) / static_cast<S>(members.size());
    by_registers<Pooled, S>([&]<int lanes>(Index c) {
      using Numbers = kernels::Lanes<S, lanes>;
      using Places = kernels::Lanes<Place<S>, lanes>;
      Numbers sum = kernels::load<lanes>(shown + members.front() * Pooled + c), most = sum;
      Places at = kernels::broadcast<lanes>(static_cast<Place<S>>(members.front()));
      for (const Index cell : members.subspan(1)) {
        const Numbers p = kernels::load<lanes>(shown + cell * Pooled + c);
        const Places more = p > most;
        sum += p;
        most = more ? p : most;
        at = more ? kernels::broadcast<lanes>(static_cast<Place<S>>(cell)) : at;
      }
      kernels::store<lanes>(of_set + c, Numbers(sum * kernels::broadcast<lanes>(part)));
      kernels::store<lanes>(of_set + Pooled + c, most);
      if (largest != nullptr) kernels::store<lanes>(largest + c, at);
    });
  }

  /// V m of each set.
  template <class S>
  void tell(const S* theta, const S* pooled, S* messages) const {
    for (Index k = 0; k < Kinds; ++k) {
      const Index first = sets.first(k);
      kernels::gather<2 * Pooled, Outputs>(sets.first(k + 1) - first, pooled + first * 2 * Pooled,
                                           theta + messages_at + static_cast<std::size_t>(k) * message_count,
                                           static_cast<const S*>(nullptr), messages + first * Outputs);
    }
  }

  /// y = W x + start + the messages of a cell's sets.
  template <class S, class Then>
  void add_own(const S* theta, const S* x, const S* start, const S* messages, S* y, const Then& then) const {
    for (Index first = 0; first < sets.cells(); first += block_cells) {
      const Index count = std::min(block_cells, sets.cells() - first);
      S* const block = y + first * Outputs;
      kernels::gather<Inputs, Outputs>(count, x + first * Inputs, theta, start, block);
      for (Index cell = 0; cell < count; ++cell) add_all(sets.sets_of(first + cell), messages, block + cell * Outputs);
      then(block, first * Outputs, count * Outputs);
    }
  }

  /// Adds what some cells or sets have, Outputs numbers each, to `to`.
  template <class S>
  static void add_all(std::span<const Index> from, const S* numbers, S* to) {
    by_registers<Outputs, S>([&]<int lanes>(Index c) {
      kernels::Lanes<S, lanes> sum = kernels::load<lanes>(to + c);
      for (const Index i : from) sum += kernels::load<lanes>(numbers + i * Outputs + c);
      kernels::store<lanes>(to + c, sum);
    });
  }

  /// Calls body.operator()<lanes>(c) for features c, c + 1, ..., c + lanes - 1, until all `C` have been.
  template <int C, class S, int first = 0, class Body>
  static void by_registers(const Body& body) {
    if constexpr (first < C) {
      constexpr int lanes = kernels::lanes_for<S>(C - first);
      body.template operator()<lanes>(first);
      by_registers<C, S, first + lanes>(body);
    }
  }
};

}  // namespace basin

#include "basin/layers/set_messages_linearization.hpp"
