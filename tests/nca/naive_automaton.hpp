#pragma once

// Perception and the growing automaton by their definition, in double, cell by cell, with everything known at run time
// only. For tests to compare with.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/nca/fire.hpp"
#include "basin/stencil/stencil.hpp"
#include "stencil/naive_boundary.hpp"

namespace basin::test {

/// Boundary as a function of coordinate and extent.
using Source = Index (*)(Index, Index);

using Taps = std::vector<Tap>;

template <Stencil T>
Taps taps_of() {
  return Taps(T::taps.begin(), T::taps.end());
}

/// The number of the cell, within its sample, that stands at tap from `cell`; -1 for none.
inline Index neighbour(const Shape& shape, Source source, Index cell, const Tap& tap) {
  const std::array<Index, 3> at{cell % shape.space[0] + tap.x, cell / shape.space[0] % shape.space[1] + tap.y,
                                cell / (shape.space[0] * shape.space[1]) + tap.z};
  std::array<Index, 3> from{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    from[axis] = source(at[axis], shape.space[axis]);
    if (from[axis] < 0) return -1;
  }
  return from[0] + shape.space[0] * (from[1] + shape.space[1] * from[2]);
}

/// seen(k C + c, p, n) = sum over the taps of stencil k.
inline State<double> naive_perceive(const State<double>& z, const std::vector<Taps>& stencils, Source source) {
  const Index C = z.shape.features, cells = z.shape.cells_per_sample(), K = static_cast<Index>(stencils.size());
  State<double> seen(z.shape.with_features(K * C));
  for (Index n = 0; n < z.shape.samples; ++n) {
    for (Index p = 0; p < cells; ++p) {
      for (Index k = 0; k < K; ++k) {
        for (const Tap& tap : stencils[static_cast<std::size_t>(k)]) {
          const Index from = neighbour(z.shape, source, p, tap);
          if (from < 0) continue;
          for (Index c = 0; c < C; ++c) {
            seen.values[(n * cells + p) * K * C + k * C + c] += tap.weight * z.values[(n * cells + from) * C + c];
          }
        }
      }
    }
  }
  return seen;
}

/// Its transpose, for a state of the shape z.
inline State<double> naive_spread(const Shape& z, const State<double>& g, const std::vector<Taps>& stencils,
                                  Source source) {
  const Index C = z.features, cells = z.cells_per_sample(), K = static_cast<Index>(stencils.size());
  State<double> dz(z);
  for (Index n = 0; n < z.samples; ++n) {
    for (Index p = 0; p < cells; ++p) {
      for (Index k = 0; k < K; ++k) {
        for (const Tap& tap : stencils[static_cast<std::size_t>(k)]) {
          const Index from = neighbour(z, source, p, tap);
          if (from < 0) continue;
          for (Index c = 0; c < C; ++c) {
            dz.values[(n * cells + from) * C + c] += tap.weight * g.values[(n * cells + p) * K * C + k * C + c];
          }
        }
      }
    }
  }
  return dz;
}

/// Whether each cell of each sample fires, as the mask says when asked for whole samples.
inline std::vector<bool> fired(const RandomFire& fire, std::int64_t step, Index first_sample, const Shape& shape) {
  const Index cells = shape.cells_per_sample();
  std::vector<bool> all;
  for (Index n = 0; n < shape.samples; ++n) {
    std::vector<std::uint8_t> marks(static_cast<std::size_t>(cells), 1);
    fire.clear_idle({.step = step, .first_sample = first_sample}, n, 0, marks);
    for (const std::uint8_t mark : marks) all.push_back(mark != 0);
  }
  return all;
}

/// The growing automaton of Mordvintsev et al. 2020 on a plane: identity, Sobel along x and along y over 8; dense,
/// ReLU, dense; the update of cells that fire, not rescaled; and zero where the 3 x 3 maximum of feature 3 is not above
/// 0.1 both before and after the update, which all cells make that fire, dead ones too.
struct NaiveGrowing {
  Index features = 16, hidden = 128;
  Source source = naive_source<Zero>;
  double threshold = 0.1;
  bool hexagons = false;  ///< cells (x - 1, y - 1) and (x + 1, y + 1) are no neighbours that keep (x, y) alive

  struct Step {
    State<double> z;
    std::vector<bool> before, after;
    double margin = std::numeric_limits<double>::infinity();  ///< least distance of a maximum from the threshold
    Index cells_before = 0, cells_after = 0;
    Index held_by_dead = 0;  ///< cells that live because of nothing but neighbours that were dead before
  };

  /// theta: W (hidden, 3 features), column-major, its bias, W (features, hidden), its bias.
  Step step(const Vector<double>& theta, const State<double>& z, const std::vector<bool>& fires) const {
    static constexpr std::array<double, 3> smooth{1, 2, 1}, slope{-1, 0, 1};
    const Index C = features, cells = z.shape.cells_per_sample();
    const double* const w1 = theta.data();
    const double* const b1 = w1 + hidden * 3 * C;
    const double* const w2 = b1 + hidden;
    const double* const b2 = w2 + C * hidden;
    Step result;
    result.before = alive(z, result.margin);
    State<double> next = z;
    for (Index n = 0; n < z.shape.samples; ++n) {
      for (Index p = 0; p < cells; ++p) {
        if (!fires[static_cast<std::size_t>(n * cells + p)]) continue;
        std::vector<double> seen(static_cast<std::size_t>(3 * C), 0.0);
        for (int j = -1; j <= 1; ++j) {
          for (int i = -1; i <= 1; ++i) {
            const Index from = neighbour(z.shape, source, p, {i, j, 0, 1});
            if (from < 0) continue;
            const std::size_t column = static_cast<std::size_t>(i + 1), row = static_cast<std::size_t>(j + 1);
            for (Index c = 0; c < C; ++c) {
              const double value = z.values[(n * cells + from) * C + c];
              if (i == 0 && j == 0) seen[static_cast<std::size_t>(c)] = value;
              seen[static_cast<std::size_t>(C + c)] += slope[column] * smooth[row] / 8 * value;
              seen[static_cast<std::size_t>(2 * C + c)] += smooth[column] * slope[row] / 8 * value;
            }
          }
        }
        std::vector<double> inner(static_cast<std::size_t>(hidden));
        for (Index h = 0; h < hidden; ++h) {
          double sum = b1[h];
          for (Index i = 0; i < 3 * C; ++i) sum += w1[i * hidden + h] * seen[static_cast<std::size_t>(i)];
          inner[static_cast<std::size_t>(h)] = std::max(0.0, sum);
        }
        for (Index c = 0; c < C; ++c) {
          double sum = b2[c];
          for (Index h = 0; h < hidden; ++h) sum += w2[h * C + c] * inner[static_cast<std::size_t>(h)];
          next.values[(n * cells + p) * C + c] += sum;
        }
      }
    }
    result.after = alive(next, result.margin);
    State<double> without_dead = next;
    for (Index i = 0; i < z.shape.cells(); ++i) {
      if (!result.before[static_cast<std::size_t>(i)]) without_dead.values.segment(i * C, C).setZero();
    }
    const std::vector<bool> held = alive(without_dead, result.margin);
    for (Index i = 0; i < z.shape.cells(); ++i) {
      const bool was = result.before[static_cast<std::size_t>(i)], is = result.after[static_cast<std::size_t>(i)];
      result.cells_before += was ? 1 : 0;
      result.cells_after += was && is ? 1 : 0;
      result.held_by_dead += was && is && !held[static_cast<std::size_t>(i)] ? 1 : 0;
      if (!was || !is) next.values.segment(i * C, C).setZero();
    }
    result.z = next;
    return result;
  }

 private:
  std::vector<bool> alive(const State<double>& z, double& margin) const {
    const Index cells = z.shape.cells_per_sample();
    std::vector<bool> lives;
    for (Index i = 0; i < z.shape.cells(); ++i) {
      double most = -std::numeric_limits<double>::infinity();
      for (int y = -1; y <= 1; ++y) {
        for (int x = -1; x <= 1; ++x) {
          if (hexagons && x * y == 1) continue;
          const Index from = neighbour(z.shape, source, i % cells, {x, y, 0, 1});
          if (from >= 0) most = std::max(most, z.values[(i / cells * cells + from) * features + 3]);
        }
      }
      lives.push_back(most > threshold);
      margin = std::min(margin, std::abs(most - threshold));
    }
    return lives;
  }
};

}  // namespace basin::test
