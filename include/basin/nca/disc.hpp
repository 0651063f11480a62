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

/// What both ways share: the weights as they are used, runs of cells, and columns beyond the edge.
template <class S, int C, Boundary Edge>
class DiscRows {
 protected:
  static constexpr int lanes = kernels::lanes_for<S>(64), vectors = 4, wide = lanes * vectors;
  static constexpr Index longest_run = 64;
  static_assert(longest_run % wide == 0);

  /// row_size: numbers of a row.
  DiscRows(const Disc& disc, const Shape& sample, Index row_size, Index rows, Scratch& scratch)
      : weights_(disc),
        width_(sample.space[0]),
        height_(sample.space[1]),
        row_(row_size),
        rows_(scratch.take<S>(rows * row_size)),
        taps_(scratch.take<S>((disc.radius + 1) * (2 * disc.radius + 1))),
        beyond_(scratch.take<Index>(2 * disc.radius)) {
    for (Index i = 0; i < disc.radius; ++i) {
      beyond_[i] = Edge::source(i - disc.radius, width_);
      beyond_[disc.radius + i] = Edge::source(width_ + i, width_);
    }
    S* tap = taps_;
    for (Index y = 0; y <= disc.radius; ++y) {
      for (Index x = -reach(y); x <= reach(y); ++x) *tap++ = static_cast<S>(disc.at(std::abs(x), y));
    }
  }

  [[nodiscard]] Index radius() const { return weights_.radius; }
  [[nodiscard]] Index reach(Index y) const { return weights_.reach[static_cast<std::size_t>(y)]; }

  /// How many cells, from cells[0] on, follow one another on one line; at most longest_run.
  [[nodiscard]] Index run_length(const Index* cells, Index count) const {
    const Index limit = std::min({count, longest_run, width_ - cells[0] % width_});
    Index run = 1;
    while (run < limit && cells[run] == cells[0] + run) ++run;
    return run;
  }

  /// body(y, line) for the lines that lie y above and y below a line, of those that there are; the line itself once.
  template <class Body>
  void each_line_at(Index line, Index y, const Body& body) const {
    for (int side = 0; side < (y == 0 ? 1 : 2); ++side) {
      const Index other = Edge::source(side == 0 ? line - y : line + y, height_);
      if (other != nothing) body(other);
    }
  }

  /// body(i, column) for i = 0 ... count - 1, where column first + i stands on the grid, or is seen beyond its edge.
  template <class Body>
  void each_column(Index first, Index count, const Body& body) const {
    const Index inside = std::clamp<Index>(-first, 0, count),
                outside = std::clamp<Index>(width_ - first, inside, count);
    const auto beyond = [&](Index i) {
      const Index x = first + i, source = beyond_[x < 0 ? radius() + x : radius() + x - width_];
      if (source != nothing) body(i, source);
    };
    for (Index i = 0; i < inside; ++i) beyond(i);
    for (Index i = inside; i < outside; ++i) body(i, first + i);
    for (Index i = outside; i < count; ++i) beyond(i);
  }

  /// Adds to the sums of `wide` neighbouring cells the taps of row y, from where `from` is the outermost to the left.
  /// `tap` goes on to the next row.
  void add_taps(Index y, const S* from, const S*& tap, kernels::Lanes<S, lanes> (&sums)[vectors]) const {
    for (Index x = -reach(y); x <= reach(y); ++x, ++from) {
      const auto weight = kernels::broadcast<lanes>(*tap++);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sums[v] += weight * kernels::load<lanes>(from + v * lanes);
    }
  }

  const Disc& weights_;
  Index width_, height_, row_;
  S* rows_;
  S* taps_;        // of the rows from 0 to the radius, one after the other
  Index* beyond_;  // which columns stand in the R before the grid, and in the R behind it
};

/// The mean over a disc around cells of a sample of C features.
template <class S, int C, Boundary Edge>
class DiscSum : DiscRows<S, C, Edge> {
  using Rows = DiscRows<S, C, Edge>;

 public:
  DiscSum(const Disc& disc, View<const S> z, Scratch& scratch)
      : Rows(disc, z.shape(), Rows::longest_run + 2 * disc.radius, disc.radius + 1, scratch), z_(z.data()) {}

  /// seen[i stride] = the mean of one feature around cells[i].
  void operator()(const Index* cells, Index count, int feature, S* seen, Index stride) const {
    for (Index i = 0; i < count;) {
      const Index run = this->run_length(cells + i, count - i);
      add_rows(cells[i] % this->width_, cells[i] / this->width_, run, feature);
      for (Index first = 0; first < run; first += Rows::wide) {
        filter(first, std::min<Index>(Rows::wide, run - first), seen + (i + first) * stride, stride);
      }
      i += run;
    }
  }

 private:
  /// rows(y, i) = z(x + i - R, line - y) + z(x + i - R, line + y), for row 0 only once; zeros to the end of the row.
  void add_rows(Index x, Index line, Index run, int feature) const {
    for (Index y = 0; y <= this->radius(); ++y) {
      S* row = this->rows_ + y * this->row_;
      std::fill_n(row, this->row_, S(0));
      this->each_line_at(line, y, [&](Index from_line) {
        const S* from = z_ + from_line * this->width_ * C + feature;
        this->each_column(x - this->radius(), run + 2 * this->radius(),
                          [&](Index i, Index column) { row[i] += from[column * C]; });
      });
    }
  }

  /// The weighted sums of `count` cells, from cell `first` of the run on.
  void filter(Index first, Index count, S* seen, Index stride) const {
    kernels::Lanes<S, Rows::lanes> sums[Rows::vectors]{};
    const S* tap = this->taps_;
    for (Index y = 0; y <= this->radius(); ++y) {
      this->add_taps(y, this->rows_ + y * this->row_ + first + this->radius() - this->reach(y), tap, sums);
    }
    S values[Rows::wide];
#pragma GCC unroll 4
    for (int v = 0; v < Rows::vectors; ++v) kernels::store<Rows::lanes>(values + v * Rows::lanes, sums[v]);
    for (Index i = 0; i < count; ++i) seen[i * stride] = values[i];
  }

  const S* z_;
};

/// Its transpose: adds to a sample of C features what comes for their means. What a run of cells hands to the line y
/// above it, it hands to the line y below it too, so that each row of the disc is made once.
template <class S, int C, Boundary Edge>
class DiscSpread : DiscRows<S, C, Edge> {
  using Rows = DiscRows<S, C, Edge>;

 public:
  DiscSpread(const Disc& disc, View<S> dz, Scratch& scratch)
      : Rows(disc, dz.shape(), 4 * disc.radius + Rows::longest_run + 2 * Rows::wide, 2, scratch), dz_(dz.data()) {}

  /// g[i stride] comes for the mean of one feature around cells[i].
  void operator()(const Index* cells, Index count, int feature, const S* g, Index stride) const {
    S* const given = this->rows_;  // the run, with zeros on both sides
    S* const row = given + this->row_;
    const Index radius = this->radius();
    for (Index i = 0; i < count;) {
      const Index run = this->run_length(cells + i, count - i), x = cells[i] % this->width_,
                  line = cells[i] / this->width_;
      std::fill_n(given, this->row_, S(0));
      for (Index k = 0; k < run; ++k) given[2 * radius + k] = g[(i + k) * stride];
      const S* tap = this->taps_;
      for (Index y = 0; y <= radius; ++y) {
        const S* next = tap;
        for (Index first = 0; first < run + 2 * radius; first += Rows::wide) {
          kernels::Lanes<S, Rows::lanes> sums[Rows::vectors]{};
          next = tap;
          this->add_taps(y, given + first + radius - this->reach(y), next, sums);
#pragma GCC unroll 4
          for (int v = 0; v < Rows::vectors; ++v) kernels::store<Rows::lanes>(row + first + v * Rows::lanes, sums[v]);
        }
        tap = next;
        this->each_line_at(line, y, [&](Index to_line) {
          S* to = dz_ + to_line * this->width_ * C + feature;
          this->each_column(x - radius, run + 2 * radius, [&](Index k, Index column) { to[column * C] += row[k]; });
        });
      }
      i += run;
    }
  }

 private:
  S* dz_;
};

}  // namespace basin::detail
