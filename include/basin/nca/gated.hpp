#pragma once

// An automaton with a smooth gate in place of the alive mask, and a seed that is injected at every step:
//
//   f(z, u) = g(z) A(z) + rate u,    g = 1 / (1 + exp((threshold - a) / width)),
//
// where A is the step of an automaton without a mask and a is the mean of one feature of z over the 3 x 3 cells around
// (3 on a line, 27 in space; zeros beyond a zero edge). An alive mask cannot be differentiated, and with it 'all dead'
// always is a fixed point; this map is smooth, and wherever u is not zero it cannot stay dead. So it can be solved to
// its equilibrium and trained through it. u has the features of z.

#include <cmath>

#include "basin/nca/automaton.hpp"

namespace basin {

namespace detail {

/// mean[i] = the sum of the plane's numbers around cell i over the number of cells in the box: zeros beyond a zero
/// edge.
template <Boundary Edge, class S>
void mean_around(const S* plane, const std::array<Index, 3>& space, S* mean) {
  const Index width = space[0], lines = space[1] * space[2];
  const S share = S(1) / static_cast<S>((width > 1 ? 3 : 1) * (space[1] > 1 ? 3 : 1) * (space[2] > 1 ? 3 : 1));
  Scratch scratch;
  S* sum = scratch.take<S>(width + 2);
  each_line<Edge>(space, 0, lines, [&](Index number, const auto& around) {
    std::fill_n(sum, width + 2, S(0));
    around([&](Index neighbour) {
      for (Index x = 0; x < width; ++x) sum[x + 1] += plane[neighbour * width + x];
    });
    if (width > 1) {
      const Index before = Edge::source(-1, width), after = Edge::source(width, width);
      if (before != nothing) sum[0] = sum[before + 1];
      if (after != nothing) sum[width + 1] = sum[after + 1];
    }
    for (Index x = 0; x < width; ++x) mean[number * width + x] = share * (sum[x] + sum[x + 1] + sum[x + 2]);
  });
}

/// The transpose of mean_around: plane is overwritten.
template <Boundary Edge, class S>
void spread_mean(const S* mean, const std::array<Index, 3>& space, S* plane) {
  const Index width = space[0], lines = space[1] * space[2];
  const S share = S(1) / static_cast<S>((width > 1 ? 3 : 1) * (space[1] > 1 ? 3 : 1) * (space[2] > 1 ? 3 : 1));
  Scratch scratch;
  S* sum = scratch.take<S>(width + 2);
  std::fill_n(plane, width * lines, S(0));
  each_line<Edge>(space, 0, lines, [&](Index number, const auto& around) {
    std::fill_n(sum, width + 2, S(0));
    for (Index x = 0; x < width; ++x) {
      const S value = share * mean[number * width + x];
      sum[x] += value;
      sum[x + 1] += value;
      sum[x + 2] += value;
    }
    if (width > 1) {
      const Index before = Edge::source(-1, width), after = Edge::source(width, width);
      const S left = sum[0], right = sum[width + 1];
      if (before != nothing) sum[before + 1] += left;
      if (after != nothing) sum[after + 1] += right;
    }
    around([&](Index neighbour) {
      for (Index x = 0; x < width; ++x) plane[neighbour * width + x] += sum[x + 1];
    });
  });
}

}  // namespace detail

template <class A>
struct Gated {
  static_assert(!A::Alive::clears, "Gated: the automaton has a mask of its own");
  static_assert(A::input_features == 0, "Gated: the automaton must not take an injection of its own");
  static_assert(detail::PerceptionOf<typename A::Perception>::has_edge,
                "Gated: the gate looks at the neighbours in a grid, which the automaton's perception has not");
  static_assert(!changes_with_step<A>, "Gated: with a random mask there is no fixed point; take its mean field");

  static constexpr int state_features = A::state_features;
  static constexpr int input_features = A::state_features;
  static constexpr std::size_t param_count = A::param_count;

  A automaton{};           ///< A, without an alive mask and without random fire
  int feature = 3;         ///< that decides about life
  double threshold = 0.1;  ///< where the gate is half open
  double width = 0.02;     ///< positive; the gate is a step for 0
  double rate = 0.5;       ///< of the injection

  static void leaves(LeafList& list) {
    if constexpr (param_count > 0) A::leaves(list);
  }

  [[nodiscard]] Shape state_shape(const Shape& u) const {
    check_features("Gated: injection", u.features, input_features);
    check(feature >= 0 && feature < state_features, "Gated: feature", feature,
          "one of the state's, below " + std::to_string(state_features));
    check(width > 0, "Gated: width", width, "a positive number");
    return automaton.state_shape(u.with_features(0));
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {}) const {
    check_shapes(z.shape(), u.shape(), out.shape());
    Scratch scratch;
    const Report report =
        automaton.template apply<S>(theta, z, View<const S>(nullptr, z.shape().with_features(0)), out, context);
    S* gates = scratch.take<S>(z.shape().cells());
    each_gate(z, gates);
    finish(gates, u, out);
    return report;
  }

  template <class S>
  class Linearization;

  /// What the automaton prepares (core/layer.hpp).
  template <class S>
  using Prepared = typename A::template Prepared<S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return automaton.prepare(theta);
  }

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z.shape(), u.shape(), out.shape());
    return Linearization<S>(*this, theta, z, u, out, context, prepared.get());
  }

 private:
  using Edge = typename detail::PerceptionOf<typename A::Perception>::Edge;

  void check_shapes(const Shape& z, const Shape& u, const Shape& out) const {
    check_shape("Gated", "z", z, state_shape(u));
    check_shape("Gated", "out", out, z);
  }

  /// The mean of the deciding feature around each cell.
  template <class S>
  void mean(View<const S> z, S* means) const {
    Scratch scratch;
    const Index cells = z.shape().cells_per_sample();
    S* plane = scratch.take<S>(cells);
    for (Index n = 0; n < z.samples(); ++n) {
      detail::extract(z.sample(n).data(), state_features, feature, cells, plane);
      detail::mean_around<Edge>(plane, z.shape().space, means + n * cells);
    }
  }

  template <class S>
  void each_gate(View<const S> z, S* gates) const {
    mean(z, gates);
    const Index cells = z.shape().cells();
    for (Index i = 0; i < cells; ++i) {
      gates[i] = static_cast<S>(1 / (1 + std::exp((threshold - static_cast<double>(gates[i])) / width)));
    }
  }

  template <class S>
  void finish(const S* gates, View<const S> u, View<S> out) const {
    const S share = static_cast<S>(rate);
    for (Index i = 0; i < out.shape().cells(); ++i) {
      for (Index k = i * state_features; k < (i + 1) * state_features; ++k) {
        out.data()[k] = gates[i] * out.data()[k] + share * u.data()[k];
      }
    }
  }
};

/// J and its transposes. Refers to theta and z; owns what the automaton gave, the gates, and the automaton's
/// linearization.
template <class A>
template <class S>
class Gated<A>::Linearization {
 public:
  Linearization(const Gated& cell, std::span<const S, param_count> theta, View<const S> z, View<const S> u, View<S> out,
                const Context& context, const Prepared<S>* prepared)
      : cell_(cell),
        shape_(z.shape()),
        stepped_(shape_.size()),
        gates_(shape_.cells()),
        slopes_(shape_.cells()),
        linear_(detail::linearize_with<A, S>(cell.automaton, theta, prepared, context, z,
                                             View<const S>(nullptr, shape_.with_features(0)),
                                             View<S>(stepped_.data(), shape_))) {
    cell_.each_gate(z, gates_.data());
    slopes_.vector() = gates_.array() * (S(1) - gates_.array()) / static_cast<S>(cell_.width);
    out.vector() = stepped_.vector();
    cell_.finish(gates_.data(), u, out);
  }

  [[nodiscard]] Report report() const { return linear_.report(); }

  /// g J_A t + A(z) g' mean(t)
  Report jvp(View<const S> t, View<S> out) const {
    const Report report = linear_.jvp(t, out);  // checks the shapes
    Scratch scratch;
    S* means = scratch.take<S>(shape_.cells());
    cell_.mean(t, means);
    for (Index i = 0; i < shape_.cells(); ++i) {
      const S turn = slopes_[i] * means[i];
      for (Index k = i * state_features; k < (i + 1) * state_features; ++k) {
        out.data()[k] = gates_[i] * out.data()[k] + turn * stepped_[k];
      }
    }
    return report;
  }

  Report jvp_input(View<const S> t, View<S> out) const {
    check_jvp<S>("Gated", shape_, shape_, t, out);
    out.vector() = static_cast<S>(cell_.rate) * t.vector();
    return {};
  }

  Report vjp(View<const S> w, View<S> dz) const {
    check_vjp<S>("Gated", shape_, shape_, w, dz);
    Scratch scratch;
    const View<S> gated = scratch.state<S>(shape_);
    gate(w, gated);
    const Report report = linear_.vjp(View<const S>(gated), dz);
    add_turn(w, dz);
    return report;
  }

  Report vjp_input(View<const S> w, View<S> du) const {
    check_vjp<S>("Gated", shape_, shape_, w, du);
    du.vector() = static_cast<S>(cell_.rate) * w.vector();
    return {};
  }

  Report pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta) const {
    check_pullback<S>("Gated", shape_, shape_, w, dz);
    if (du) static_cast<void>(vjp_input(w, du));
    Scratch scratch;
    const View<S> gated = scratch.state<S>(shape_);
    gate(w, gated);
    const Report report = linear_.pullback(View<const S>(gated), dz, View<S>{}, dtheta);
    if (dz) add_turn(w, dz);
    return report;
  }

 private:
  void gate(View<const S> w, View<S> gated) const {
    for (Index i = 0; i < shape_.cells(); ++i) {
      for (Index k = i * state_features; k < (i + 1) * state_features; ++k) gated.data()[k] = gates_[i] * w.data()[k];
    }
  }

  /// The part of the gradient that passes through the gates.
  void add_turn(View<const S> w, View<S> dz) const {
    Scratch scratch;
    const Index cells = shape_.cells_per_sample();
    S* means = scratch.take<S>(cells);
    S* plane = scratch.take<S>(cells);
    for (Index n = 0; n < shape_.samples; ++n) {
      for (Index i = 0; i < cells; ++i) {
        S sum = S(0);
        for (Index k = (n * cells + i) * state_features; k < (n * cells + i + 1) * state_features; ++k) {
          sum += w.data()[k] * stepped_[k];
        }
        means[i] = slopes_[n * cells + i] * sum;
      }
      detail::spread_mean<Edge>(means, shape_.space, plane);
      for (Index i = 0; i < cells; ++i) dz.data()[(n * cells + i) * state_features + cell_.feature] += plane[i];
    }
  }

  Gated cell_;
  Shape shape_;
  Buffer<S> stepped_, gates_, slopes_;
  typename A::template Linearization<S> linear_;
};

}  // namespace basin
