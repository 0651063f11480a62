#pragma once

// A rollout: an automaton run for a number of steps,
//
//   z_{t+1} = f_t(z_t),   t = 0 ... T - 1,
//
// where f_t differs from step to step only by its random mask and noise: it is the automaton at step context.step + t
// (core/context.hpp). So a rollout is one map wherever it stands, in the cell of an equilibrium too. It is a layer z_0
// -> z_T; of an automaton whose cells are told something (nca/conditioned.hpp) it is a cell f(z_0, u), with the same u
// at every step. Who changes u while an automaton lives makes one rollout after another.
//
// A loss that looks at more than z_T has pullback_along, which takes its gradients on the way.

#include "basin/nca/rollout_linearization.hpp"

namespace basin {

/// As a layer, of an automaton whose cells are told nothing.
template <class A, class Tape = Recomputed>
struct Rollout {
  static constexpr int in_features = A::state_features;
  static constexpr int out_features = A::state_features;
  static constexpr std::size_t param_count = A::param_count;

  A automaton{};     ///< whose steps they are
  Index steps = 64;  ///< T, 0 or more; with 0, z_T = z_0
  Tape tape{};       ///< what is kept for the way back (core/tape.hpp)

  static void leaves(LeafList& list) {
    if constexpr (param_count > 0) A::leaves(list);
  }

  [[nodiscard]] Shape out_shape(const Shape& z) const {
    check_features("Rollout", z.features, in_features);
    detail::check_steps(steps);
    return automaton.state_shape(z.with_features(0));
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> start, View<S> end, const Context& context = {}) const {
    return run<S>(
        theta, start, end, [](Index, View<const S>) {}, context);
  }

  /// The same; observe(t, z_t) sees every state, z_0 and z_T too.
  template <class S, class Observer>
  Report run(Theta<S, param_count> theta, In<S> start, View<S> end, Observer&& observe,
             const Context& context = {}) const {
    check_output<Rollout, S>("Rollout", *this, start, end);
    return detail::run_steps<A, S>(automaton, steps, theta, start, View<const S>{}, end, observe, context);
  }

  template <class S>
  using Linearization = detail::RolloutLinearization<A, Tape, S>;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> start, View<S> end, const Context& context = {}) const {
    check_output<Rollout, S>("Rollout", *this, start, end);
    return Linearization<S>(automaton, steps, tape, theta, start, View<const S>{}, end, context);
  }
};

/// As a cell, of an automaton whose cells are told something. An equilibrium finds the space of its state in u, so
/// there each cell is told something of its own.
template <class A, class Tape>
requires(A::input_features > 0) struct Rollout<A, Tape> {
  static_assert(detail::ToldAtSteps<A>,
                "Rollout: what takes an injection must be an automaton whose cells are told it (Conditioned)");
  static constexpr int state_features = A::state_features;
  static constexpr int input_features = A::input_features;
  static constexpr std::size_t param_count = A::param_count;

  A automaton{};     ///< whose steps they are
  Index steps = 64;  ///< T, 0 or more; with 0, z_T = z_0
  Tape tape{};       ///< what is kept for the way back (core/tape.hpp)

  static void leaves(LeafList& list) {
    if constexpr (param_count > 0) A::leaves(list);
  }

  /// For a u that has something for each cell.
  [[nodiscard]] Shape state_shape(const Shape& u) const {
    detail::check_steps(steps);
    return automaton.state_shape(u);
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> start, In<S> u, View<S> end, const Context& context = {}) const {
    return run<S>(
        theta, start, u, end, [](Index, View<const S>) {}, context);
  }

  /// The same; observe(t, z_t) sees every state, z_0 and z_T too.
  template <class S, class Observer>
  Report run(Theta<S, param_count> theta, In<S> start, In<S> u, View<S> end, Observer&& observe,
             const Context& context = {}) const {
    check_shapes(start.shape(), u.shape(), end.shape());
    return detail::run_steps<A, S>(automaton, steps, theta, start, u, end, observe, context);
  }

  template <class S>
  using Linearization = detail::RolloutLinearization<A, Tape, S>;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> start, In<S> u, View<S> end,
                             const Context& context = {}) const {
    check_shapes(start.shape(), u.shape(), end.shape());
    return Linearization<S>(automaton, steps, tape, theta, start, u, end, context);
  }

 private:
  void check_shapes(const Shape& start, const Shape& u, const Shape& end) const {
    detail::check_steps(steps);
    check_features("Rollout", start.features, state_features);
    detail::check_told(u, start, input_features);
    check_shape("Rollout", "end", end, start);
  }
};

}  // namespace basin
