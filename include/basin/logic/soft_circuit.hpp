#pragma once

// A circuit of layers of gates whose functions are learned, as a layer on the features of each cell:
//
//   Inputs features -> Sizes... gates, each layer on the one before it; the gates of the last are the outputs,
//
// numbers from 0 to 1, which stay there. logic/gate.hpp says what a gate with logits answers, logic/wires.hpp what it
// reads; P. Miotti et al. 2025 (arXiv 2506.04912) make the rule of an automaton of it. theta are 16 logits a gate.
//
// A linearization keeps x alone: the values of the gates, of which there are thousands a cell, are made again where
// they are needed, for as few cells as stay in cache.

#include <array>

#include "basin/core/layer.hpp"
#include "basin/kernels/transpose.hpp"
#include "basin/logic/gate_rows.hpp"

namespace basin {

template <int Inputs, int... Sizes>
struct SoftCircuit {
  static_assert(sizeof...(Sizes) > 0, "SoftCircuit: there must be at least one layer of gates");
  static_assert(Inputs > 1 && ((Sizes > 0) && ...), "SoftCircuit: it needs two inputs, and each layer a gate");

  /// The number of inputs, and of the gates of each layer.
  static constexpr std::array<int, sizeof...(Sizes) + 1> sizes{Inputs, Sizes...};
  static_assert(have_wires(sizes),
                "SoftCircuit: a layer needs half as many gates as the layer before it, or more, and "
                "at most one for each pair of its values");
  static constexpr int in_features = Inputs, out_features = sizes.back();
  static constexpr int gates = (Sizes + ...);  ///< of all layers
  static constexpr std::size_t param_count = std::size_t{gate_functions} * gates;

  static constexpr bool prepares_to_apply = true;  ///< apply uses what prepare gives, too (core/layer.hpp)

  CircuitWires wires;  ///< not to be exchanged for those of other sizes

  /// The seed of the wires.
  explicit SoftCircuit(std::uint64_t seed = 0)
      : wires(std::make_shared<const std::vector<GateWires>>(layered_wires(sizes, {seed, detail::wire_streams}))) {}

  static void leaves(LeafList& list) { list.weight("logits", {gate_functions, gates}, 2, 1); }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("SoftCircuit", x.features, Inputs);
    return x.with_features(out_features);
  }

  /// Weights of the functions, and coefficients, of all gates.
  template <class S>
  struct Prepared {
    /// One gate behind the other: 16 weights w of each, and 4 coefficients c0 to c3 of each (logic/gate.hpp).
    Buffer<S> weights{gate_functions * gates}, coefficients{4 * gates};
  };
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    Prepared<S> made;
    detail::SoftGates<S>::prepare(theta.data(), gates, made.weights.data(), made.coefficients.data());
    return made;
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
             IfPrepared<Prepared<S>> prepared = {}) const {
    if (!prepared) {
      const Prepared<S> made = prepare<S>(theta);
      return apply<S>(theta, x, y, context, made);
    }
    check_output<SoftCircuit, S>("SoftCircuit", *this, x, y);
    Scratch scratch;
    S* values = scratch.take<S>(row_numbers<S>);
    Blocks<S>{x.shape().cells()}.each([&](Index first, Index count) {
      take<S>(x, first, count, values);
      detail::GateRows<S>::forward(*wires, prepared->coefficients.data(), Inputs, values);
      give<S>(values + outputs_at<S>, first, count, y);
    });
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    auto linear = prepared ? Linearization<S>(*this, x, *prepared) : Linearization<S>(*this, x, prepare<S>(theta));
    apply<S>(theta, x, y, context, linear.prepared());
    return linear;
  }

 private:
  template <class S>
  static constexpr Index width = detail::GateRows<S>::width;
  template <class S>
  static constexpr Index row_numbers = (Inputs + gates) * width<S>;
  template <class S>
  static constexpr Index outputs_at = (Inputs + gates - out_features) * width<S>;

  /// The cells of a state, as many at a time as a row has.
  template <class S>
  struct Blocks {
    Index cells;

    template <class Body>
    void each(const Body& body) const {
      for (Index first = 0; first < cells; first += width<S>) body(first, std::min(width<S>, cells - first));
    }
  };

  /// Features of some cells become rows, the first of `rows`.
  template <class S>
  static void take(View<const S> from, Index first, Index count, S* rows) {
    const Index features = from.shape().features;
    if (count < width<S>) std::fill_n(rows, features * width<S>, S(0));
    kernels::transpose(from.data() + first * features, features, count, features, rows, width<S>);
  }
  template <class S>
  static void give(const S* rows, Index first, Index count, View<S> to) {
    const Index features = to.shape().features;
    kernels::transpose(rows, width<S>, features, count, to.data() + first * features, features);
  }
};

/// Refers to x and to what was prepared, or owns that.
template <int Inputs, int... Sizes>
template <class S>
class SoftCircuit<Inputs, Sizes...>::Linearization {
 public:
  Linearization(const SoftCircuit& circuit, View<const S> x, const Prepared<S>& prepared)
      : wires_(circuit.wires), x_(x), given_(&prepared), own_{Buffer<S>(0), Buffer<S>(0)} {}
  Linearization(const SoftCircuit& circuit, View<const S> x, Prepared<S>&& prepared)
      : wires_(circuit.wires), x_(x), own_(std::move(prepared)) {}

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("SoftCircuit", x_.shape(), y_shape(), t, out);
    Scratch scratch;
    S *values = scratch.take<S>(row_numbers<S>), *along = scratch.take<S>(row_numbers<S>);
    Blocks<S>{x_.shape().cells()}.each([&](Index first, Index count) {
      forward(first, count, values);
      take<S>(t, first, count, along);
      Rows::push(*wires_, coefficients(), Inputs, values, along);
      give<S>(along + outputs_at<S>, first, count, out);
    });
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp("SoftCircuit", x_.shape(), y_shape(), w, dx);
    pull(w, dx, nullptr);
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    Scratch scratch;
    S* dcoefficients = scratch.take<S>(4 * gates);
    std::fill_n(dcoefficients, 4 * gates, S(0));
    pull(w, dx, dcoefficients);
    detail::SoftGates<S>::pull(prepared().weights.data(), gates, dcoefficients, dtheta.data());
  }

 private:
  friend SoftCircuit;
  using Rows = detail::GateRows<S>;

  [[nodiscard]] const Prepared<S>& prepared() const { return given_ != nullptr ? *given_ : own_; }
  [[nodiscard]] const S* coefficients() const { return prepared().coefficients.data(); }
  [[nodiscard]] Shape y_shape() const { return x_.shape().with_features(out_features); }

  void forward(Index first, Index count, S* values) const {
    take<S>(x_, first, count, values);
    Rows::forward(*wires_, coefficients(), Inputs, values);
  }

  void pull(View<const S> w, View<S> dx, S* dcoefficients) const {
    check_pullback("SoftCircuit", x_.shape(), y_shape(), w, dx);
    Scratch scratch;
    S *values = scratch.take<S>(row_numbers<S>), *gradients = scratch.take<S>(row_numbers<S>);
    Blocks<S>{x_.shape().cells()}.each([&](Index first, Index count) {
      forward(first, count, values);
      std::fill_n(gradients, outputs_at<S>, S(0));
      take<S>(w, first, count, gradients + outputs_at<S>);
      Rows::pull(*wires_, coefficients(), Inputs, values, gradients, dcoefficients);
      if (dx) give<S>(gradients, first, count, dx);
    });
  }

  CircuitWires wires_;
  View<const S> x_;
  const Prepared<S>* given_ = nullptr;
  Prepared<S> own_;
};

}  // namespace basin
