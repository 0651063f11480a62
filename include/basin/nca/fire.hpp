#pragma once

// Which cells update at a step.
//
// A cell fires with probability `rate`, by a mask that is a function of (seed, draw, step, sample, cell) and is never
// stored. All but the seed are in the context of a step (core/context.hpp); another draw gives masks that are
// independent of those of the first, which is draw 0. The update is not rescaled (Mordvintsev et al. 2020), unless
// `rescaled` says so: it is then divided by the rate, as by dropout of whole cells (M. Faldor, A. Cully, "CAX: Cellular
// Automata Accelerated in JAX", 2024). With such a mask an automaton has no fixed point; MeanField replaces it by its
// mean, every cell at every step with the update times `rate`, and is a map that can be solved.
//
// clear_idle(context, i, first_cell, marks) sets marks[k] = 0 where cell first_cell + k of the state's sample i does
// not fire; the others stay as they are.

#include <algorithm>
#include <cstdint>
#include <span>

#include "basin/core/check.hpp"
#include "basin/core/context.hpp"
#include "basin/core/random.hpp"

namespace basin {

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp), one for each step.
inline constexpr std::uint64_t fire_streams = std::uint64_t{1} << 62;

}  // namespace detail

/// Every cell, with the whole update.
struct EveryCell {
  static constexpr bool random = false;
  [[nodiscard]] double factor() const { return 1; }
  static void clear_idle(const Context&, Index, Index, std::span<std::uint8_t>) {}
};

/// Every cell, with `rate` of the update: the mean of RandomFire, if that is not rescaled.
struct MeanField {
  static constexpr bool random = false;
  double rate = 0.5;  ///< 0 to 1
  /// The rate. Throws std::invalid_argument for one outside 0 to 1.
  [[nodiscard]] double factor() const {
    check(rate >= 0 && rate <= 1, "MeanField: rate", rate, "0 to 1");
    return rate;
  }
  static void clear_idle(const Context&, Index, Index, std::span<std::uint8_t>) {}
};

/// Each cell by itself, with the whole update, or with the update over the rate.
struct RandomFire {
  static constexpr bool random = true;
  double rate = 0.5;       ///< 0 to 1
  std::uint64_t seed = 0;  ///< of the masks; another seed gives independent ones
  bool rescaled = false;   ///< the update is divided by the rate, so that its mean is the whole update at any rate
  /// Of the update of a cell that fires: 1, or 1 / rate if it is rescaled. Throws std::invalid_argument if the rate is
  /// then not above 0 and at most 1.
  [[nodiscard]] double factor() const {
    if (!rescaled) return 1;
    check(rate > 0 && rate <= 1, "RandomFire: rate", rate, "above 0 and at most 1, as updates are divided by it");
    return 1 / rate;
  }

  void clear_idle(const Context& context, Index i, Index first_cell, std::span<std::uint8_t> marks) const {
    check(rate >= 0 && rate <= 1, "RandomFire: rate", rate, "0 to 1");
    if (rate == 1) return;
    const Index begin = context.cell(first_cell);  // not in the loop, which writes bytes that could be anything
    const auto before_seam = static_cast<std::size_t>(context.cells_around - begin);
    if (context.cells_around > 0 && before_seam < marks.size()) {
      clear_idle(context, i, first_cell, marks.first(before_seam));
      clear_idle(context, i, first_cell + static_cast<Index>(before_seam), marks.subspan(before_seam));
      return;
    }
    // A word of 32 bits a cell, four from each call of the generator; fires if below rate * 2^32.
    const std::uint64_t limit = static_cast<std::uint64_t>(rate * 0x1p32);
    // An index has 40 bits for the cell and the lowest 24 for the sample, whose others make a seed.
    const auto sample = static_cast<std::uint64_t>(context.sample(i));
    const Random random_words{fold_in(seed, fold_in(context.draw, sample >> 24)),
                              static_cast<std::uint64_t>(context.step) ^ detail::fire_streams};
    const std::uint64_t of_sample = sample << 40;
    const Index count = static_cast<Index>(marks.size());
    for (Index k = 0; k < count;) {
      const Index cell = begin + k, lane = cell % 4, end = std::min(count, k + 4 - lane);
      std::uint8_t* group = marks.data() + k;
      bool any = false;
      for (Index j = 0; j < end - k; ++j) any = any || group[j] != 0;
      if (any) {
        const PhiloxCounter words = random_words.words(of_sample | static_cast<std::uint64_t>(cell / 4));
        for (Index j = 0; j < end - k; ++j) {
          if (words[static_cast<std::size_t>(lane + j)] >= limit) group[j] = 0;
        }
      }
      k = end;
    }
  }
};

}  // namespace basin
