#pragma once

// Means over a disc whose weights depend on the distance alone, of a radius that is known when the program runs: what
// PerceiveRadial (nca/perceive_radial.hpp) and PerceiveDiscs (nca/perceive_discs.hpp) see, and its transpose. The taps
// are many (about pi R^2), and the mean is computed for runs of cells along x: rows that lie equally far above and
// below are added first, which halves the products, and each product is one with a vector of neighbouring cells.

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/kernels/vector.hpp"
#include "basin/stencil/boundary.hpp"

namespace basin::detail {

/// The weights of a disc; they sum to 1.
struct Disc {
  Index radius = 0;              ///< of the square that it lies in
  std::vector<double> quadrant;  ///< (x, y) from 0 to radius, x first
  std::vector<Index> reach;      ///< of each row, the largest x with a weight; -1 if there is none

  /// radius: in cells, 0 to 1000; profile(r): the weight at distance r radius, 0 <= r <= 1, but for a factor. Throws
  /// std::invalid_argument in the name of `who` for another radius, and for weights whose sum is not positive.
  template <class Profile>
  Disc(std::string_view who, double radius_in_cells, const Profile& profile) {
    check(radius_in_cells >= 0 && radius_in_cells <= 1000, std::string(who) + ": radius", radius_in_cells, "0 to 1000");
    radius = static_cast<Index>(radius_in_cells);
    const std::size_t side = static_cast<std::size_t>(radius) + 1;
    quadrant.resize(side * side);
    reach.assign(side, Index{-1});
    double sum = 0;
    for (Index y = 0; y <= radius; ++y) {
      for (Index x = 0; x <= radius; ++x) {
        const double distance = std::hypot(static_cast<double>(x), static_cast<double>(y));
        if (distance > radius_in_cells) continue;
        const double weight = profile(radius_in_cells == 0 ? 0.0 : distance / radius_in_cells);
        quadrant[static_cast<std::size_t>(y) * side + static_cast<std::size_t>(x)] = weight;
        if (weight != 0) reach[static_cast<std::size_t>(y)] = x;
        sum += weight * (x == 0 ? 1 : 2) * (y == 0 ? 1 : 2);
      }
    }
    check(sum > 0 && std::isfinite(sum), std::string(who) + ": sum of the weights", sum, "a positive number");
    for (double& weight : quadrant) weight /= sum;
  }

  /// 0 <= x, y <= radius
  [[nodiscard]] double at(Index x, Index y) const { return quadrant[static_cast<std::size_t>(y * (radius + 1) + x)]; }
};

/// Throws std::invalid_argument in the name of `who` for a grid on which a disc of this radius cannot lie.
template <Boundary Edge>
void check_plane(std::string_view who, const Shape& z, Index radius) {
  for (std::size_t axis = 0; axis < 2; ++axis) {
    if (z.space[axis] < 1) check(false, std::string(who) + ": extent of an axis of space", z.space[axis], "at least 1");
    if (radius > 0) Edge::check_border(radius, z.space[axis]);
  }
  if (z.space[2] != 1) check(false, std::string(who) + ": extent of the third axis of space", z.space[2], 1);
}

/// Bands of lines, as a perception says them (nca/perception.hpp), for cells that see as far as `radius`.
[[nodiscard]] inline Index disc_band_cells(const Shape& z, Index least, Index radius) {
  const Index line = z.space[1] > 1 ? z.space[0] : 1;
  return line * std::max<Index>({1, 2 * radius, (least + line - 1) / line});
}

/// The mean over a disc around cells of a sample of C features.
template <class S, int C, Boundary Edge>
class DiscSum {
 public:
  DiscSum(const Disc& disc, View<const S> z, Scratch& scratch)
      : weights_(disc),
        z_(z),
        row_(longest_run + 2 * weights_.radius),
        rows_(scratch.take<S>((weights_.radius + 1) * row_)),
        taps_(scratch.take<S>((weights_.radius + 1) * (2 * weights_.radius + 1))),
        beyond_(scratch.take<Index>(2 * weights_.radius)) {
    const Index width = z.shape().space[0];
    for (Index i = 0; i < weights_.radius; ++i) {
      beyond_[i] = Edge::source(i - weights_.radius, width);
      beyond_[weights_.radius + i] = Edge::source(width + i, width);
    }
    S* tap = taps_;
    for (Index y = 0; y <= weights_.radius; ++y) {
      const Index reach = weights_.reach[static_cast<std::size_t>(y)];
      for (Index x = -reach; x <= reach; ++x) *tap++ = static_cast<S>(weights_.at(std::abs(x), y));
    }
  }

  /// seen[i stride] = the mean of one feature around cells[i].
  void operator()(const Index* cells, Index count, int feature, S* seen, Index stride) const {
    const Index width = z_.shape().space[0];
    for (Index i = 0; i < count;) {
      const Index run = run_length(cells + i, count - i, width, longest_run);
      add_rows(cells[i] % width, cells[i] / width, run, feature);
      for (Index first = 0; first < run; first += wide) {
        filter(first, std::min<Index>(wide, run - first), seen + (i + first) * stride, stride);
      }
      i += run;
    }
  }

 private:
  static constexpr int lanes = kernels::lanes_for<S>(64), vectors = 4, wide = lanes * vectors;
  static constexpr Index longest_run = 64;
  static_assert(longest_run % wide == 0);

  /// How many cells, from cells[0] on, follow one another on one line; at most `most`.
  static Index run_length(const Index* cells, Index count, Index width, Index most) {
    const Index limit = std::min({count, most, width - cells[0] % width});
    Index run = 1;
    while (run < limit && cells[run] == cells[0] + run) ++run;
    return run;
  }

  /// rows(y, i) = z(x + i - R, line - y) + z(x + i - R, line + y), for row 0 only once; zeros to the end of the row.
  void add_rows(Index x, Index line, Index run, int feature) const {
    const Index height = z_.shape().space[1], length = run + 2 * weights_.radius;
    for (Index y = 0; y <= weights_.radius; ++y) {
      S* row = rows_ + y * row_;
      std::fill_n(row, row_, S(0));
      for (int side = 0; side < (y == 0 ? 1 : 2); ++side) {
        const Index from = Edge::source(side == 0 ? line - y : line + y, height);
        if (from != nothing) add_row(from, x - weights_.radius, length, feature, row);
      }
    }
  }

  /// to[i] += z(feature, first + i, line)
  void add_row(Index line, Index first, Index count, int feature, S* to) const {
    const Index width = z_.shape().space[0];
    const S* from = z_.data() + line * width * C + feature;
    const Index inside = std::clamp<Index>(-first, 0, count), outside = std::clamp<Index>(width - first, inside, count);
    const auto beyond = [&](Index i) {
      const Index x = first + i, source = beyond_[x < 0 ? weights_.radius + x : weights_.radius + x - width];
      if (source != nothing) to[i] += from[source * C];
    };
    for (Index i = 0; i < inside; ++i) beyond(i);
    for (Index i = inside; i < outside; ++i) to[i] += from[(first + i) * C];
    for (Index i = outside; i < count; ++i) beyond(i);
  }

  /// The weighted sums of `count` cells, from cell `first` of the run on.
  void filter(Index first, Index count, S* seen, Index stride) const {
    kernels::Lanes<S, lanes> sums[vectors]{};
    const S* tap = taps_;
    for (Index y = 0; y <= weights_.radius; ++y) {
      const Index reach = weights_.reach[static_cast<std::size_t>(y)];
      const S* row = rows_ + y * row_ + first + weights_.radius - reach;
      for (Index x = -reach; x <= reach; ++x, ++row) {
        const auto weight = kernels::broadcast<lanes>(*tap++);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) sums[v] += weight * kernels::load<lanes>(row + v * lanes);
      }
    }
    S values[wide];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) kernels::store<lanes>(values + v * lanes, sums[v]);
    for (Index i = 0; i < count; ++i) seen[i * stride] = values[i];
  }

  const Disc& weights_;
  View<const S> z_;
  Index row_;  // numbers of a row
  S* rows_;
  S* taps_;
  Index* beyond_;  // which columns stand in the R before the grid, and in the R behind it
};

/// Its transpose: adds to a sample of C features what comes for their means.
template <class S, int C, Boundary Edge>
class DiscSpread {
 public:
  DiscSpread(const Disc& disc, View<S> dz) : weights_(disc), dz_(dz) {}

  /// g[i stride] comes for the mean of one feature around cells[i].
  void operator()(const Index* cells, Index count, int feature, const S* g, Index stride) const {
    const Index width = dz_.shape().space[0], height = dz_.shape().space[1];
    for (Index i = 0; i < count; ++i, g += stride) {
      const Index x = cells[i] % width, line = cells[i] / width;
      for (Index dy = -weights_.radius; dy <= weights_.radius; ++dy) {
        const Index to_line = Edge::source(line + dy, height);
        if (to_line == nothing) continue;
        const Index reach = weights_.reach[static_cast<std::size_t>(std::abs(dy))];
        for (Index dx = -reach; dx <= reach; ++dx) {
          const Index to = Edge::source(x + dx, width);
          if (to == nothing) continue;
          dz_.data()[(to_line * width + to) * C + feature] +=
              static_cast<S>(weights_.at(std::abs(dx), std::abs(dy))) * *g;
        }
      }
    }
  }

 private:
  const Disc& weights_;
  View<S> dz_;
};

}  // namespace basin::detail
