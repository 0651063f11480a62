#pragma once

// Where a cell's map settles, and how firmly. For a map f(z) = f(z, u) and one sample:
//
//   advance            follows z <- f(z)
//   find_attractor     does so, and finds a fixed point (period 1) or a cycle z_0 -> z_1 -> ... -> z_0
//   stability          linearizes there: M = J_{p-1} ... J_1 J_0, with J_i = df/dz at phase z_i, the derivative of p
//                      steps. Its spectral radius (the largest Floquet multiplier, below 1 if near states are drawn
//                      in), and the smallest singular value of I - M (0 where a fixed point may vanish or be one of
//                      a continuum; its reciprocal bounds how far a small push moves the fixed point)
//   basin_by_damage    erases random circles, and counts how often the same attractor is reached again
//
// A map needs no fixed point, and an automaton with a random mask has none: take its mean_field (nca/automaton.hpp).
// S. H. Strogatz, "Nonlinear Dynamics and Chaos", 2nd edition, 2015, sections 8.7 and 10.1, for multipliers.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/parallel.hpp"
#include "basin/linear/arnoldi.hpp"
#include "basin/linear/smallest_singular_value.hpp"
#include "basin/nca/damage.hpp"

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
  if constexpr (requires { C::Fire::random; }) {
    static_assert(!C::Fire::random,
                  "an attractor is one of a map: take the mean_field of an automaton that fires at "
                  "random");
  }
  check(z.samples == 1, "samples of an attractor", z.samples, 1);
  check(cell.state_shape(u) == z, "shape of an attractor's state", z, cell.state_shape(u));
}

}  // namespace detail

/// Follows the map: z <- f(z, u), `steps` times (0 or more). Memory: one more state.
/// Throws std::invalid_argument if shapes do not fit or there is more than one sample.
template <class C, class S>
void advance(const C& cell, Theta<S, C::param_count> theta, In<S> u, State<S>& z, Index steps) {
  detail::check_one_sample(cell, u.shape(), z.shape);
  check(steps >= 0, "steps of advance", steps, "0 or more");
  State<S> next(z.shape);
  for (Index t = 0; t < steps; ++t) {
    static_cast<void>(cell.template apply<S>(theta, z.view(), u, next.view()));
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
                                          const AttractorOptions& options = {}) {
  detail::check_one_sample(cell, u.shape(), z0.shape);
  check(options.settle >= 0, "settle of AttractorOptions", options.settle, "0 or more");
  check(options.max_period >= 1, "max_period of AttractorOptions", options.max_period, "1 or more");
  check(options.tolerance >= 0, "tolerance of AttractorOptions", options.tolerance, "0 or more");

  const Index last = 2 * options.max_period + 1;
  std::vector<State<S>> orbit(static_cast<std::size_t>(last + 1), z0);
  const auto at = [&](Index t) -> State<S>& { return orbit[static_cast<std::size_t>(t)]; };
  Attractor<S> found;
  for (Index made = 0, goal = options.settle;;) {
    advance<C, S>(cell, theta, u, orbit.front(), goal - made);
    for (Index t = 0; t < last; ++t) {
      static_cast<void>(cell.template apply<S>(theta, at(t).view(), u, at(t + 1).view()));
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

struct StabilityOptions {
  ArnoldiOptions arnoldi{};
  SingularValueOptions singular{};
  std::uint64_t seed = 0;  ///< of the vectors that both start from
};

/// Of M, the derivative of one period.
struct [[nodiscard]] Stability {
  SpectralRadius multiplier;       ///< the largest |eigenvalue| of M; its `period`-th root is the rate of a step
  SmallestSingularValue singular;  ///< of I - M
};

/// Linearizes a cell at an attractor: at all its phases, or at its one state, though that still moves, if no period was
/// found. In a basin where the map is not smooth (an alive mask) M is the derivative with the mask as a constant.
/// Memory: a linearization of the cell for each phase, and what linear/arnoldi.hpp and
/// linear/smallest_singular_value.hpp need. Throws std::invalid_argument if shapes do not fit or options make no sense.
template <class C, class S>
[[nodiscard]] Stability stability(const C& cell, Theta<S, C::param_count> theta, In<S> u, const Attractor<S>& attractor,
                                  const StabilityOptions& options = {}) {
  check(!attractor.phases.empty(), "number of an attractor's phases", attractor.phases.size(), "1 or more");
  const Shape shape = attractor.state().shape;
  detail::check_one_sample(cell, u.shape(), shape);
  std::vector<State<S>> images;  // what the linearizations may refer to
  images.reserve(attractor.phases.size());
  using Linearization = decltype(cell.template linearize<S>(theta, images[0].view(), u, images[0].view()));
  std::vector<Linearization> phases;
  phases.reserve(attractor.phases.size());
  for (const State<S>& z : attractor.phases) {
    images.emplace_back(shape);
    phases.push_back(cell.template linearize<S>(theta, z.view(), u, images.back().view()));
  }

  const auto period = [&](View<const S> t, View<S> out) {
    Scratch scratch;
    const View<S> between = scratch.state<S>(shape);
    between.vector() = t.vector();
    for (const Linearization& phase : phases) {
      static_cast<void>(phase.jvp(View<const S>(between), out));
      between.vector() = out.vector();
    }
  };
  const auto transposed = [&](View<const S> w, View<S> out) {
    Scratch scratch;
    const View<S> between = scratch.state<S>(shape);
    between.vector() = w.vector();
    for (auto phase = phases.rbegin(); phase != phases.rend(); ++phase) {
      static_cast<void>(phase->vjp(View<const S>(between), out));
      between.vector() = out.vector();
    }
  };
  const auto from_identity = [](const auto& m) {
    return [&m](View<const S> v, View<S> out) {
      m(v, out);
      out.vector() = v.vector() - out.vector();
    };
  };
  State<S> start(shape);
  const Random random{options.seed, 0};
  for (Index i = 0; i < start.values.size(); ++i) {
    start.values[i] = static_cast<S>(random.normal(static_cast<std::uint64_t>(i)));
  }
  return {spectral_radius(period, start, options.arnoldi),
          smallest_singular_value(from_identity(period), from_identity(transposed), start, options.singular)};
}

struct DamageOptions {
  Index trials = 16;        ///< 1 or more
  Index steps = 1000;       ///< after the damage; 0 or more
  double tolerance = 1e-3;  ///< of every number of the state: returned
  std::uint64_t seed = 0;   ///< of the circles: nca/damage.hpp, random_circle of Random{seed, 0} at the trial's number
};

/// One circle erased.
struct DamageTrial {
  Circle circle{};
  double damage = 0;    ///< largest change of a number of the state; 0: the circle was empty
  double distance = 0;  ///< largest difference to the nearest phase after all steps; infinite if not finite
  bool returned = false;
};

struct [[nodiscard]] DamageBasin {
  std::vector<DamageTrial> trials;
  double returned = 0;  ///< share of the trials
};

/// How much of the basin of attraction random damage explores: erases a circle of the first phase, runs the map, and
/// measures how far the state is from the nearest phase. On a torus a pattern that heals at another place has not
/// returned. Trials run in parallel; results do not depend on the number of threads.
/// Throws std::invalid_argument if shapes do not fit or options make no sense.
template <class C, class S>
[[nodiscard]] DamageBasin basin_by_damage(const C& cell, Theta<S, C::param_count> theta, In<S> u,
                                          const Attractor<S>& attractor, const DamageOptions& options = {}) {
  check(!attractor.phases.empty(), "number of an attractor's phases", attractor.phases.size(), "1 or more");
  detail::check_one_sample(cell, u.shape(), attractor.state().shape);
  check(options.trials >= 1, "trials of DamageOptions", options.trials, "1 or more");
  check(options.steps >= 0, "steps of DamageOptions", options.steps, "0 or more");
  check(options.tolerance >= 0, "tolerance of DamageOptions", options.tolerance, "0 or more");
  DamageBasin result;
  result.trials.resize(static_cast<std::size_t>(options.trials));
  parallel_for(options.trials, [&](Index n) {
    DamageTrial& trial = result.trials[static_cast<std::size_t>(n)];
    trial.circle = random_circle({options.seed, 0}, static_cast<std::uint64_t>(n));
    State<S> z = attractor.state();
    erase(z.view(), trial.circle);
    trial.damage = detail::largest_difference(z.values, attractor.state().values);
    advance<C, S>(cell, theta, u, z, options.steps);
    trial.distance = std::numeric_limits<double>::infinity();
    for (const State<S>& phase : attractor.phases) {
      trial.distance = std::min(trial.distance, detail::largest_difference(z.values, phase.values));
    }
    trial.returned = trial.distance <= options.tolerance;
  });
  const auto count =
      std::count_if(result.trials.begin(), result.trials.end(), [](const auto& t) { return t.returned; });
  result.returned = static_cast<double>(count) / static_cast<double>(options.trials);
  return result;
}

}  // namespace basin
