#pragma once

// A tissue that grows by chance, which nca_tissue records and learns from. Each place of a grid is empty or has a cell:
// a stem cell, a dividing cell or a mature one. At each step all places change at once, each by itself, with
// probabilities that follow from what it is and from its eight neighbours:
//
//   an empty place picks one of its neighbours. A stem cell there divides into it with probability .8: the new cell is
//   a stem cell in three of ten cases, else a dividing one. A dividing cell does so with .8: the new one is a dividing
//   cell in six of ten cases, else a mature one.
//   A stem cell matures with .05, a dividing cell with .1; a mature cell dies with .04, and leaves the place empty.
//
// So a tissue whose only stem cells mature early stays small or dies out, and others grow large: the tissues of one
// kind differ, and what they are on average is none of them. The probabilities of what a place becomes are known, so
// that a rule that has learned them can be measured by them. Beyond the grid there is nothing.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/core/state.hpp"

namespace nca_tissue {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

enum Kind : std::uint8_t { empty, stem, dividing, mature };
inline constexpr int kinds = 4;

/// Kinds of the places of a square, row by row.
struct Tissue {
  Index side = 0;
  std::vector<std::uint8_t> kind{};

  friend bool operator==(const Tissue&, const Tissue&) = default;
};

/// One stem cell in the middle.
inline Tissue seed_of(Index side) {
  Tissue tissue{side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side), empty)};
  tissue.kind[static_cast<std::size_t>(side / 2 * side + side / 2)] = stem;
  return tissue;
}

using Probabilities = std::array<double, kinds>;  ///< of what a place becomes

/// Of the place (x, y).
inline Probabilities next_of(const Tissue& tissue, Index x, Index y) {
  const auto at = [&](Index i, Index j) { return tissue.kind[static_cast<std::size_t>(j * tissue.side + i)]; };
  switch (at(x, y)) {
    case stem:
      return {0, 0.95, 0, 0.05};
    case dividing:
      return {0, 0, 0.9, 0.1};
    case mature:
      return {0.04, 0, 0, 0.96};
    default:
      break;
  }
  double stems = 0, divides = 0;
  for (Index j = y - 1; j <= y + 1; ++j) {
    for (Index i = x - 1; i <= x + 1; ++i) {
      if (i < 0 || j < 0 || i >= tissue.side || j >= tissue.side) continue;
      stems += at(i, j) == stem ? 1 : 0;
      divides += at(i, j) == dividing ? 1 : 0;
    }
  }
  const double from_stem = 0.8 * stems / 8, from_dividing = 0.8 * divides / 8;
  return {1 - from_stem - from_dividing, 0.3 * from_stem, 0.7 * from_stem + 0.6 * from_dividing, 0.4 * from_dividing};
}

/// The tissue a step later: place i becomes what number first + i of `random` says.
inline Tissue step_of(const Tissue& tissue, const basin::Random& random, std::uint64_t first) {
  Tissue next = tissue;
  for (Index y = 0; y < tissue.side; ++y) {
    for (Index x = 0; x < tissue.side; ++x) {
      const Index place = y * tissue.side + x;
      const Probabilities p = next_of(tissue, x, y);
      double number = random.uniform(first + static_cast<std::uint64_t>(place));
      std::uint8_t kind = 0;
      while (kind + 1 < kinds && number >= p[kind]) number -= p[kind++];
      // Rounding must not make what has no probability.
      if (p[kind] > 0) next.kind[static_cast<std::size_t>(place)] = kind;
    }
  }
  return next;
}

/// The tissue at steps 0 ... steps, from one stem cell: number `number` of those of a seed and a stream.
inline std::vector<Tissue> recording(Index side, Index steps, std::uint64_t seed, std::uint64_t stream,
                                     std::uint64_t number) {
  const basin::Random random{basin::fold_in(seed, number), stream};
  std::vector<Tissue> all{seed_of(side)};
  for (Index t = 0; t < steps; ++t) {
    all.push_back(step_of(all.back(), random, static_cast<std::uint64_t>(t) << 32));
  }
  return all;
}

/// The surroundings of place number `place`, as far as they weigh: its kind, and which kinds of cells there are among
/// its eight neighbours. A number below `contexts`.
inline constexpr std::size_t contexts = 8 * kinds;
inline std::size_t context_of(const Tissue& tissue, std::size_t place) {
  const Index x = static_cast<Index>(place) % tissue.side, y = static_cast<Index>(place) / tissue.side;
  const auto at = [&](Index i, Index j) -> std::size_t {
    return tissue.kind[static_cast<std::size_t>(j * tissue.side + i)];
  };
  std::size_t around = 0;
  for (Index j = std::max<Index>(0, y - 1); j <= std::min(y + 1, tissue.side - 1); ++j) {
    for (Index i = std::max<Index>(0, x - 1); i <= std::min(x + 1, tissue.side - 1); ++i) {
      if ((i != x || j != y) && at(i, j) != empty) around |= std::size_t{1} << (at(i, j) - 1);
    }
  }
  return 8 * at(x, y) + around;
}

/// A cell's four features: 1 for its kind, 0 for the others.
inline void write(const Tissue& tissue, View<float> sample) {
  sample.vector().setZero();
  for (std::size_t place = 0; place < tissue.kind.size(); ++place) {
    sample.data()[place * kinds + tissue.kind[place]] = 1;
  }
}

/// Of each place the kind whose feature is largest.
inline Tissue read(View<const float> sample) {
  Tissue tissue{sample.shape().space[0], {}};
  for (Index cell = 0; cell < sample.shape().cells_per_sample(); ++cell) {
    Index largest = 0;
    sample.matrix().col(cell).maxCoeff(&largest);
    tissue.kind.push_back(static_cast<std::uint8_t>(largest));
  }
  return tissue;
}

/// How many places have each kind.
inline std::array<Index, kinds> counts_of(const Tissue& tissue) {
  std::array<Index, kinds> counts{};
  for (const std::uint8_t kind : tissue.kind) ++counts[kind];
  return counts;
}
inline Index size_of(const Tissue& tissue) { return static_cast<Index>(tissue.kind.size()) - counts_of(tissue)[empty]; }

}  // namespace nca_tissue
