#pragma once

// The steps of a rollout (nca/rollout.hpp), one after another.

#include <cstdint>
#include <span>

#include "basin/core/layer.hpp"
#include "basin/core/scratch.hpp"
#include "basin/nca/automaton.hpp"

namespace basin::detail {

inline void check_steps(Index steps) { check(steps >= 0, "Rollout: steps", steps, "0 or more"); }

/// One step of an automaton, and its marks; u is without memory where cells are told nothing.
template <class S, class A>
Report step_of(const A& automaton, std::span<const S, A::param_count> theta, View<const S> z, View<const S> u,
               View<S> next, std::uint8_t* marks, const Context& context) {
  if constexpr (A::input_features == 0) {
    return automaton.template step<S>(theta, z, next, marks, context);
  } else {
    return automaton.template step<S>(theta, z, u, next, marks, context);
  }
}

/// Whether an automaton's cells can be told something at a step; not so of mpi::Split, or of a cell that is none.
template <class A>
concept ToldAtSteps = requires(const A& automaton, std::span<const float, A::param_count> theta, View<const float> z,
                               View<float> next, std::uint8_t* marks) {
  automaton.template step<float>(theta, z, z, next, marks, Context{});
};

/// `steps` of an automaton from `start` to `end`; observe(t, z_t) sees every state.
template <class A, class S, class Observer>
Report run_steps(const A& automaton, Index steps, std::span<const S, A::param_count> theta, View<const S> start,
                 View<const S> u, View<S> end, Observer&& observe, const Context& context) {
  Scratch scratch;
  std::uint8_t* marks = scratch.take<std::uint8_t>(start.shape().cells());
  const View<S> other = scratch.state<S>(start.shape());
  observe(Index{0}, start);
  if (steps == 0) end.vector() = start.vector();
  Report report;
  LogOfSteps log(context.log);
  View<const S> z = start;
  for (Index t = 0; t < steps; ++t) {
    const View<S> next = (steps - t) % 2 == 1 ? end : other;  // the last is `end`
    report +=
        step_of<S>(automaton, theta, z, u, next, marks, context.at_step(context.step + t).with_log(log.of_step()));
    log.next();
    observe(t + 1, View<const S>(next));
    z = next;
  }
  log.finish();
  return report;
}

}  // namespace basin::detail
