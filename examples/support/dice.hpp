#pragma once

// Random numbers of one thing that is drawn, one after the other.

#include <algorithm>
#include <cstdint>

#include "basin/core/random.hpp"

namespace basin::examples {

/// A function of (seed, stream, sample) alone; a sample has a thousand numbers.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t stream, std::uint64_t sample) : random_{seed, stream}, next_(sample << 10) {}

  double normal(double mean, double deviation) {
    // Cut, so that no sample is torn apart.
    return mean + deviation * std::clamp(random_.normal(next_++), -2.5, 2.5);
  }
  double uniform(double low, double high) { return random_.uniform(next_++, low, high); }
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(random_.below(next_++, count)); }

 private:
  Random random_;
  std::uint64_t next_;
};

}  // namespace basin::examples
