#pragma once

// Where a cell's map settles. For a map f(z) = f(z, u) and one sample:
//
//   advance            follows z <- f(z)
//   find_attractor     does so, and finds a fixed point (period 1) or a cycle z_0 -> z_1 -> ... -> z_0
//
// How firmly it settles there is for fixed_point/stability.hpp, and whether damage heals for nca/damage_basin.hpp.
//
// A map needs no fixed point, and an automaton with a random mask has none: take its mean_field (nca/automaton.hpp).
// The context (core/context.hpp) says which sample of a batch the one is, for a cell whose masks stay the same.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// What a state settled to.
template <class S>
struct [[nodiscard]] Attractor {
  /// Steps until it is back: 1 for a fixed point; 0 if no period was found, because the state still moves or its period
  /// is longer than was looked for.
  Index period = 0;
  std::vector<State<S>> phases{};  ///< the states of one period, in order; with period 0 the last state but one
  double residual = 0;             ///< |f(z) - z| of the first phase: its largest number
  double residual_rms = 0;         ///< the same: root of the mean square of its numbers
  double relative_residual = 0;    ///< the same: |f(z) - z| / |f(z)|, Euclidean norms
  Index steps = 0;                 ///< from z0 to the first of the states looked at
  /// The largest |z_t - phase| over the states looked at, each against the phase it should be; infinite with period 0.
  double cycle_residual = std::numeric_limits<double>::infinity();

  /// The first phase.
  [[nodiscard]] const State<S>& state() const { return phases.front(); }
};

/// How long find_attractor looks, and what counts as the same state.
struct AttractorOptions {
  Index settle = 2000;      ///< steps before looking for the first time; 0 or more
  Index max_steps = 16000;  ///< as long as nothing is found, it looks again after twice as many, up to so many
  Index max_period = 64;    ///< 1 or more
  double tolerance = 1e-5;  ///< of a number of the state, when two states count as the same
};

namespace detail {

/// The largest |a_i - b_i|; infinite if something is not finite.
template <class S>
[[nodiscard]] double largest_difference(const Vector<S>& a, const Vector<S>& b) {
  S largest = 0;
  for (Index i = 0; i < a.size(); ++i) {
    const S difference = std::abs(a[i] - b[i]);
    if (!(difference <= largest)) {
      if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
      largest = difference;
    }
  }
  return static_cast<double>(largest);
}

/// The largest difference of a state z_0 ... z_L from its phase among z_{L-p} ... z_{L-1}; less, but above the
/// tolerance, if it is above it.
template <class S>
[[nodiscard]] double distance_from_period(const std::vector<State<S>>& orbit, Index p, double tolerance) {
  const Index last = static_cast<Index>(orbit.size()) - 1;
  double worst = 0;
  for (Index t = last; t >= 0 && worst <= tolerance; --t) {
    // The phase z_{L-1-k} has k = (L - 1 - t) mod p, which is p - 1 for t = L.
    const Index k = t == last ? p - 1 : (last - 1 - t) % p;
    worst = std::max(worst, largest_difference(orbit[static_cast<std::size_t>(t)].values,
                                               orbit[static_cast<std::size_t>(last - 1 - k)].values));
  }
  return worst;
}

/// True for p = 1, and if a state of z_{L-p} ... z_{L-1} differs from the first of them by more than the tolerance:
/// else a state that creeps would have the period after which it has crept by no more than that.
template <class S>
[[nodiscard]] bool phases_differ(const std::vector<State<S>>& orbit, Index p, double tolerance) {
  const auto first = orbit.end() - 1 - p;
  return p == 1 || std::any_of(first, orbit.end() - 1, [&](const State<S>& z) {
           return largest_difference(z.values, first->values) > tolerance;
         });
}

template <class C>
void check_one_sample(const C& cell, const Shape& u, const Shape& z) {
  static_assert(!is_split<C>, "an attractor is one of a map whose samples are whole: not of a cell over processes");
  static_assert(!changes_with_step<C>,
                "an attractor is one of a map: take the mean_field of an automaton that fires at random");
  check(z.samples == 1, "samples of an attractor", z.samples, 1);
  check(cell.state_shape(u) == z, "shape of an attractor's state", z, cell.state_shape(u));
}

}  // namespace detail

/// Follows the map: z <- f(z, u), `steps` times (0 or more). Memory: one more state.
/// Throws std::invalid_argument if shapes do not fit or there is more than one sample.
template <class C, class S>
void advance(const C& cell, Theta<S, C::param_count> theta, In<S> u, State<S>& z, Index steps,
             const Context& context = {}) {
  detail::check_one_sample(cell, u.shape(), z.shape);
  check(steps >= 0, "steps of advance", steps, "0 or more");
  State<S> next(z.shape);
  for (Index t = 0; t < steps; ++t) {
    static_cast<void>(cell.template apply<S>(theta, z.view(), u, next.view(), context));
    z.values.swap(next.values);
  }
}

/// Runs the map from z0 and looks for a period.
///
/// After `settle` steps the next L = 2 max_period + 1 states z_0 ... z_L are kept. The period is the smallest p, at
/// most max_period, for which every one of them is within the tolerance, in every number, of that state among
/// z_{L-p} ... z_{L-1} (the phases) from which it is a whole number of periods away; if p > 1 some phase must differ
/// from the first by more than the tolerance. So a period has been seen twice at least, and a state that creeps on is
/// neither a fixed point nor a cycle if it creeps by more than the tolerance in L steps, even if it moves by far less
/// in one. Slower than that cannot be told from rest: `residual` says how fast it is.
///
/// Memory: 2 max_period + 4 states. A state that is not finite has period 0 and infinite residuals.
/// Throws std::invalid_argument if shapes do not fit, there is more than one sample, or options make no sense.
template <class C, class S>
[[nodiscard]] Attractor<S> find_attractor(const C& cell, Theta<S, C::param_count> theta, In<S> u, const State<S>& z0,
                                          const AttractorOptions& options = {}, const Context& context = {}) {
  detail::check_one_sample(cell, u.shape(), z0.shape);
  check(options.settle >= 0, "settle of AttractorOptions", options.settle, "0 or more");
  check(options.max_period >= 1, "max_period of AttractorOptions", options.max_period, "1 or more");
  check(options.tolerance >= 0, "tolerance of AttractorOptions", options.tolerance, "0 or more");

  const Index last = 2 * options.max_period + 1;
  std::vector<State<S>> orbit(static_cast<std::size_t>(last + 1), z0);
  const auto at = [&](Index t) -> State<S>& { return orbit[static_cast<std::size_t>(t)]; };
  Attractor<S> found;
  for (Index made = 0, goal = options.settle;;) {
    advance<C, S>(cell, theta, u, orbit.front(), goal - made, context);
    for (Index t = 0; t < last; ++t) {
      static_cast<void>(cell.template apply<S>(theta, at(t).view(), u, at(t + 1).view(), context));
    }
    found.steps = goal;
    made = goal + last;
    goal = std::max(2 * goal, made);
    for (Index p = 1; p <= options.max_period && found.period == 0; ++p) {
      const double worst = detail::distance_from_period(orbit, p, options.tolerance);
      if (!(worst <= options.tolerance) || !detail::phases_differ(orbit, p, options.tolerance)) continue;
      found.period = p;
      found.cycle_residual = worst;
    }
    if (found.period > 0 || goal > options.max_steps || !at(last).values.allFinite()) break;
    orbit.front().values = at(last).values;
  }

  const Index first = last - std::max<Index>(1, found.period);
  const Vector<S>&from = at(first).values, &to = at(first + 1).values;
  const double infinite = std::numeric_limits<double>::infinity();
  found.residual = detail::largest_difference(to, from);
  const auto norms = detail::residual_norms(from.data(), to.data(), from.size());
  const bool finite = std::isfinite(found.residual);
  found.residual_rms = finite ? norms.residual / std::sqrt(static_cast<double>(from.size())) : infinite;
  found.relative_residual = !finite ? infinite : norms.residual == 0 ? 0 : norms.residual / norms.value;
  for (Index t = first; t < last; ++t) found.phases.push_back(std::move(at(t)));
  return found;
}

}  // namespace basin
