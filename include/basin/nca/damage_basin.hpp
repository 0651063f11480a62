#pragma once

// Whether a pattern heals: erases random circles of an attractor's first phase (fixed_point/attractor.hpp), and counts
// how often the same attractor is reached again.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/fixed_point/attractor.hpp"
#include "basin/nca/damage.hpp"

namespace basin {

/// What is damaged, how often, and when a state counts as returned.
struct DamageOptions {
  Index trials = 16;        ///< 1 or more
  Index steps = 1000;       ///< after the damage; 0 or more
  double tolerance = 1e-3;  ///< of every number of the state: returned
  std::uint64_t seed = 0;   ///< of the circles: nca/damage.hpp, random_circle of Random{seed, 0} at the trial's number
};

/// One circle erased.
struct DamageTrial {
  Circle circle{};        ///< which one
  double damage = 0;      ///< largest change of a number of the state; 0: the circle was empty
  double distance = 0;    ///< largest difference to the nearest phase after all steps; infinite if not finite
  bool returned = false;  ///< the distance is within DamageOptions::tolerance
};

struct [[nodiscard]] DamageBasin {
  std::vector<DamageTrial> trials;  ///< DamageOptions::trials of them, in the order of their numbers
  double returned = 0;              ///< share of the trials
};

/// How much of the basin of attraction random damage explores: erases a circle of the first phase, runs the map, and
/// measures how far the state is from the nearest phase. On a torus a pattern that heals at another place has not
/// returned. Trials run in parallel; results do not depend on the number of threads.
/// Throws std::invalid_argument if shapes do not fit or options make no sense.
template <class C, class S>
[[nodiscard]] DamageBasin basin_by_damage(const C& cell, Theta<S, C::param_count> theta, In<S> u,
                                          const Attractor<S>& attractor, const DamageOptions& options = {},
                                          const Context& context = {}) {
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
    advance<C, S>(cell, theta, u, z, options.steps, context);
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
