#pragma once

// What deq_sums measures: strings that are right, and certified, when their states are left to settle.

#include <algorithm>
#include <vector>

#include "model.hpp"
#include "settings.hpp"
#include "trainer.hpp"

namespace deq_sums {

inline Problems test_strings(const Settings& settings, Index length, Index count) {
  return random_strings(length, count, {settings.test_seed, test_stream});
}

/// For strings of one length.
inline Settler settler(const Settings& settings, const Theta& theta, Index length) {
  const Index most = settings.max_evaluations > 0 ? settings.max_evaluations : 100 + 4 * length;
  return {theta, static_cast<int>(most)};
}

/// Lengths that are tested: of training, four and sixteen times as long, and what the user asks for.
inline std::vector<Index> tested_lengths(const Settings& settings) {
  std::vector<Index> lengths;
  for (const Index times : {1, 4, 16}) {
    if (times * settings.bits < settings.test_bits) lengths.push_back(times * settings.bits);
  }
  lengths.push_back(settings.test_bits);
  return lengths;
}

}  // namespace deq_sums
