#pragma once

// What a map needs to know beyond its state: which samples these are, which step this is, where the cells lie.
//
// It is an argument of apply and linearize of every layer and cell, and containers hand it on as it came, so that a
// random mask is a function of (seed, draw, step, sample, cell) however deep its layer is nested, whoever cut the batch
// into parts, and whichever samples of a solve are still there. A layer that does not depend on it leaves it unnamed.

#include <cstdint>
#include <vector>

#include "basin/core/overwritten.hpp"
#include "basin/core/solve_log.hpp"
#include "basin/core/state.hpp"

namespace basin {

/// Which part of a computation a state is. The default is all of it: the whole batch, from its first sample on.
struct Context {
  std::int64_t step =
      0;  ///< of a rollout, or of steps under Unrolled; a solve has one map, so it keeps the step it was given
  std::uint64_t draw = 0;  ///< which random masks: another number (of the training iteration, say), other masks
  Index first_sample = 0;  ///< number, in its batch, of the state's first sample; the others follow it
  /// If not null, sample i of the state has number samples[i] instead: of a solve from which some have left. The list
  /// has to live as long as the call: linearizations copy it.
  const Index* samples = nullptr;
  Index first_cell = 0;  ///< number, in its sample, of the first cell: of a grid that is split along its last axis
  /// If not 0, the cells of the whole grid, after which numbers begin anew: where a part of a torus reaches over its
  /// seam.
  Index cells_around = 0;
  /// If not null, takes how each sample of each equilibrium ended. A linearization keeps it: it outlives that too.
  SolveLog* log = nullptr;
  /// If not null, takes what is overwritten where equilibria leave what they found, for who may call once more. As
  /// `log`.
  Overwritten* overwritten = nullptr;
  /// False where states are computed more than once, or several have one number, as the cells of an automaton: nothing
  /// can be kept by number there.
  bool keeps = true;

  /// The number in its batch of sample i of the state.
  [[nodiscard]] Index sample(Index i) const { return samples != nullptr ? samples[i] : first_sample + i; }

  /// Whether a cell of the state has another number in its sample than in the state.
  [[nodiscard]] bool renumbers_cells() const { return first_cell != 0 || cells_around != 0; }
  /// The number in its sample of cell i of the state.
  [[nodiscard]] Index cell(Index i) const {
    const Index number = first_cell + i;
    return cells_around == 0 ? number : number % cells_around;
  }

  /// The context of a state that begins at sample i of this one.
  [[nodiscard]] Context from_sample(Index i) const {
    Context part = *this;
    if (samples != nullptr) {
      part.samples += i;
    } else {
      part.first_sample += i;
    }
    return part;
  }

  /// The same context at another step.
  [[nodiscard]] Context at_step(std::int64_t number) const {
    Context other = *this;
    other.step = number;
    return other;
  }

  /// The same context with this log; null: without one.
  [[nodiscard]] Context with_log(SolveLog* other_log) const {
    Context other = *this;
    other.log = other_log;
    return other;
  }
};

/// The context for what outlives the caller's memory, as linearizations may: with a copy of the numbers of `count`
/// samples, if it has a list of them. They stay in `numbers`, which may be moved.
[[nodiscard]] inline Context with_own_samples(Context context, Index count, std::vector<Index>& numbers) {
  if (context.samples != nullptr) {
    numbers.assign(context.samples, context.samples + count);
    context.samples = numbers.data();
  }
  return context;
}

/// Whether a map asks for context.step, so that it is another map at each step: it has no fixed point, and what solves
/// does not take it, but for steps (Unrolled). A layer says so by `static constexpr bool changes_with_step = true`, a
/// container by that of what it contains.
template <class L>
inline constexpr bool changes_with_step = [] {
  if constexpr (requires { L::changes_with_step; }) {
    return static_cast<bool>(L::changes_with_step);
  } else {
    return false;
  }
}();

}  // namespace basin
