#pragma once

// What a cell sees of the disc around it: on each feature a mean whose weights depend on the distance alone,
//
//   seen(c, p) = sum over |d| <= R of k(|d| / R) z(c, p + d) / sum over |d| <= R of k(|d| / R),   d in Z^2,
//
// for a state z (C, X, Y, 1, N) and a profile k on [0, 1]. Unlike those of nca/perceive.hpp, the radius R and the
// profile are known only when the program runs, and the taps are many (about pi R^2). The mean is computed for runs of
// cells along x: rows that lie equally far above and below are added first, which halves the products, and each product
// is one with a vector of neighbouring cells.

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "basin/kernels/vector.hpp"
#include "basin/nca/perception.hpp"
#include "basin/stencil/boundary.hpp"

namespace basin {

/// A perception as nca/perception.hpp describes them, without parameters. Copies share the weights.
template <int C, Boundary OfEdge>
class PerceiveRadial {
  static_assert(C > 0, "PerceiveRadial: the number of features must be positive");

 public:
  using Edge = OfEdge;
  static constexpr int state_features = C;
  static constexpr int seen_features = C;

  /// The cell itself.
  PerceiveRadial() : PerceiveRadial(0, [](double) { return 1.0; }) {}

  /// radius: in cells, 0 to 1000; profile(r): weight at distance r R, 0 <= r <= 1. Throws std::invalid_argument for
  /// another radius and for weights whose sum is not a positive number.
  template <class Profile>
  PerceiveRadial(Index radius, const Profile& profile) {
    check(radius >= 0 && radius <= 1000, "PerceiveRadial: radius", radius, "0 to 1000");
    const std::size_t side = static_cast<std::size_t>(radius) + 1;
    Weights weights{radius, std::vector<double>(side * side), std::vector<Index>(side, Index{-1})};
    double sum = 0;
    for (Index y = 0; y <= radius; ++y) {
      for (Index x = 0; x <= radius; ++x) {
        const double distance = std::hypot(static_cast<double>(x), static_cast<double>(y));
        if (distance > static_cast<double>(radius)) continue;
        const double weight = profile(radius == 0 ? 0.0 : distance / static_cast<double>(radius));
        weights.quadrant[static_cast<std::size_t>(y) * side + static_cast<std::size_t>(x)] = weight;
        if (weight != 0) weights.reach[static_cast<std::size_t>(y)] = x;
        sum += weight * (x == 0 ? 1 : 2) * (y == 0 ? 1 : 2);
      }
    }
    check(sum > 0 && std::isfinite(sum), "PerceiveRadial: sum of the weights", sum, "a positive number");
    for (double& weight : weights.quadrant) weight /= sum;
    weights_ = std::make_shared<const Weights>(std::move(weights));
  }

  [[nodiscard]] Index radius() const { return weights_->radius; }
  [[nodiscard]] std::array<Index, 3> reach() const { return {radius(), radius(), 0}; }

  /// The weight of the cell at (x, y) from here; all of them sum to 1.
  [[nodiscard]] double weight(Index x, Index y) const {
    return std::max(std::abs(x), std::abs(y)) > radius() ? 0.0 : weights_->at(std::abs(x), std::abs(y));
  }

  void check_shape(const Shape& z) const {
    check_features("PerceiveRadial", z.features, C);
    for (std::size_t axis = 0; axis < 2; ++axis) {
      check(z.space[axis] > 0, "PerceiveRadial: extent of an axis of space", z.space[axis], "at least 1");
      if (radius() > 0) Edge::check_border(radius(), z.space[axis]);
    }
    check(z.space[2] == 1, "PerceiveRadial: extent of the third axis of space", z.space[2], 1);
  }

  [[nodiscard]] Index band_cells(const Shape& z, Index least) const {
    const Index line = z.space[1] > 1 ? z.space[0] : 1;
    return line * std::max<Index>({1, 2 * radius(), (least + line - 1) / line});
  }

  template <class S>
  class Sight;
  template <class S>
  class Spread;

 private:
  struct Weights {
    Index radius = 0;
    std::vector<double> quadrant;  // (x, y) from 0 to radius, x first
    std::vector<Index> reach;      // of each row, the largest x with a weight; -1 if there is none

    [[nodiscard]] double at(Index x, Index y) const { return quadrant[static_cast<std::size_t>(y * (radius + 1) + x)]; }
  };

  /// How many cells, from cells[0] on, follow one another on one line; at most `most`.
  static Index run_length(const Index* cells, Index count, Index width, Index most) {
    const Index limit = std::min({count, most, width - cells[0] % width});
    Index run = 1;
    while (run < limit && cells[run] == cells[0] + run) ++run;
    return run;
  }

  std::shared_ptr<const Weights> weights_;
};

template <int C, Boundary OfEdge>
template <class S>
class PerceiveRadial<C, OfEdge>::Sight {
 public:
  Sight(const PerceiveRadial& perception, Theta<S, 0>, View<const S> z, Scratch& scratch)
      : weights_(*perception.weights_),
        z_(z),
        row_(longest_run + 2 * weights_.radius),
        rows_(scratch.take<S>((weights_.radius + 1) * row_)),
        taps_(scratch.take<S>((weights_.radius + 1) * (2 * weights_.radius + 1))),
        beyond_(scratch.take<Index>(2 * weights_.radius)) {
    const Index width = z.shape().space[0];
    for (Index i = 0; i < weights_.radius; ++i) {
      beyond_[i] = OfEdge::source(i - weights_.radius, width);
      beyond_[weights_.radius + i] = OfEdge::source(width + i, width);
    }
    S* tap = taps_;
    for (Index y = 0; y <= weights_.radius; ++y) {
      const Index reach = weights_.reach[static_cast<std::size_t>(y)];
      for (Index x = -reach; x <= reach; ++x) *tap++ = static_cast<S>(weights_.at(std::abs(x), y));
    }
  }

  void operator()(const Index* cells, Index count, S* seen) const {
    const Index width = z_.shape().space[0];
    for (Index i = 0; i < count;) {
      const Index run = run_length(cells + i, count - i, width, longest_run);
      for (int c = 0; c < C; ++c) {
        add_rows(cells[i] % width, cells[i] / width, run, c);
        for (Index first = 0; first < run; first += wide) {
          filter(first, std::min<Index>(wide, run - first), seen + (i + first) * C + c);
        }
      }
      i += run;
    }
  }

 private:
  static constexpr int lanes = kernels::lanes_for<S>(64), vectors = 4, wide = lanes * vectors;
  static constexpr Index longest_run = 64;
  static_assert(longest_run % wide == 0);

  /// rows(y, i) = z(x + i - R, line - y) + z(x + i - R, line + y), for row 0 only once; zeros to the end of the row.
  void add_rows(Index x, Index line, Index run, int feature) const {
    const Index height = z_.shape().space[1], length = run + 2 * weights_.radius;
    for (Index y = 0; y <= weights_.radius; ++y) {
      S* row = rows_ + y * row_;
      std::fill_n(row, row_, S(0));
      for (int side = 0; side < (y == 0 ? 1 : 2); ++side) {
        const Index from = OfEdge::source(side == 0 ? line - y : line + y, height);
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
  void filter(Index first, Index count, S* seen) const {
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
    for (Index i = 0; i < count; ++i) seen[i * C] = values[i];
  }

  const Weights& weights_;
  View<const S> z_;
  Index row_;  // numbers of a row
  S* rows_;
  S* taps_;
  Index* beyond_;  // which columns stand in the R before the grid, and in the R behind it
};

template <int C, Boundary OfEdge>
template <class S>
class PerceiveRadial<C, OfEdge>::Spread {
 public:
  Spread(const PerceiveRadial& perception, Theta<S, 0>, View<const S> /*z*/, View<S> dz, S* /*dtheta*/, Scratch&)
      : weights_(*perception.weights_), dz_(dz) {}

  void operator()(const Index* cells, Index count, const S* g) const {
    const Index width = dz_.shape().space[0], height = dz_.shape().space[1];
    for (Index i = 0; i < count; ++i, g += C) {
      const Index x = cells[i] % width, line = cells[i] / width;
      for (Index dy = -weights_.radius; dy <= weights_.radius; ++dy) {
        const Index to_line = OfEdge::source(line + dy, height);
        if (to_line == nothing) continue;
        const Index reach = weights_.reach[static_cast<std::size_t>(std::abs(dy))];
        for (Index dx = -reach; dx <= reach; ++dx) {
          const Index to = OfEdge::source(x + dx, width);
          if (to == nothing) continue;
          const S weight = static_cast<S>(weights_.at(std::abs(dx), std::abs(dy)));
          S* cell = dz_.data() + (to_line * width + to) * C;
          for (int c = 0; c < C; ++c) cell[c] += weight * g[c];
        }
      }
    }
  }

 private:
  const Weights& weights_;
  View<S> dz_;
};

}  // namespace basin
