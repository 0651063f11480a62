#pragma once

// Which cells update at a step.
//
// A cell fires with probability `rate`, by a mask that is a function of (seed, step, sample, cell) and is never stored:
// the update is not rescaled (Mordvintsev et al. 2020). With such a mask an automaton has no fixed point; MeanField
// replaces it by its mean, every cell at every step with the update times `rate`, and is a map that can be solved.

#include <cstdint>
#include <span>

#include "basin/core/check.hpp"
#include "basin/core/random.hpp"
#include "basin/core/state.hpp"

namespace basin {

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp), one for each step.
inline constexpr std::uint64_t fire_streams = std::uint64_t{1} << 62;

}  // namespace detail

/// When and where a step is made: what random masks depend on beside their seed.
struct Moment {
  std::int64_t step = 0;
  Index first_sample = 0;  ///< number of the state's first sample in its batch
};

/// Every cell, with the whole update.
struct EveryCell {
  static constexpr bool random = false;
  [[nodiscard]] double factor() const { return 1; }
};

/// Every cell, with `rate` of the update: the mean of RandomFire.
struct MeanField {
  static constexpr bool random = false;
  double rate = 0.5;  ///< 0 to 1
  [[nodiscard]] double factor() const {
    check(rate >= 0 && rate <= 1, "MeanField: rate", rate, "0 to 1");
    return rate;
  }
};

/// Each cell by itself, with the whole update.
struct RandomFire {
  static constexpr bool random = true;
  double rate = 0.5;  ///< 0 to 1
  std::uint64_t seed = 0;
  [[nodiscard]] double factor() const { return 1; }

  /// marks[i] = 0 for those of the cells first_cell + i of a sample that do not fire; the others stay as they are.
  void clear_idle(std::int64_t step, Index sample, Index first_cell, std::span<std::uint8_t> marks) const {
    check(rate >= 0 && rate <= 1, "RandomFire: rate", rate, "0 to 1");
    if (rate == 1) return;
    // A word of 32 bits a cell, four from each call of the generator; fires if below rate * 2^32.
    const std::uint64_t limit = static_cast<std::uint64_t>(rate * 0x1p32);
    const Random random_words{seed, static_cast<std::uint64_t>(step) ^ detail::fire_streams};
    const std::uint64_t of_sample = static_cast<std::uint64_t>(sample) << 40;
    const Index count = static_cast<Index>(marks.size());
    Index i = 0;
    while (i < count) {
      const Index cell = first_cell + i, lane = cell % 4, end = std::min(count, i + 4 - lane);
      std::uint8_t* group = marks.data() + i;
      bool any = false;
      for (Index j = 0; j < end - i; ++j) any = any || group[j] != 0;
      if (any) {
        const PhiloxCounter words = random_words.words(of_sample | static_cast<std::uint64_t>(cell / 4));
        for (Index j = 0; j < end - i; ++j) {
          if (words[static_cast<std::size_t>(lane + j)] >= limit) group[j] = 0;
        }
      }
      i = end;
    }
  }
};

}  // namespace basin
