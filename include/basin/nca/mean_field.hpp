#pragma once

// The mean field of an automaton that fires at random: a map that can be solved.
//
// It is included by nca/automaton.hpp.

#include "basin/nca/automaton.hpp"

namespace basin {

/// The automaton in which every cell fires with the mean of the random update: a map with fixed points.
template <class A>
struct MeanFieldOf;
template <class P, class R, class A, class U>
struct MeanFieldOf<Automaton<P, R, RandomFire, A, U>> {
  using type = Automaton<P, R, MeanField, A, U>;
};

/// The mean field of an automaton with random fire. Noise, whose mean is zero, is left out.
template <class P, class R, class A, class U>
[[nodiscard]] Automaton<P, R, MeanField, A, U> mean_field(const Automaton<P, R, RandomFire, A, U>& automaton) {
  return {automaton.perception,
          automaton.rule,
          {.rate = automaton.fire.rescaled ? 1 : automaton.fire.rate},
          automaton.alive,
          detail::without_noise(automaton.update)};
}

}  // namespace basin
