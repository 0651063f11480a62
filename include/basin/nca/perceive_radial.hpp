#pragma once

// What a cell sees of the disc around it: on each feature a mean whose weights depend on the distance alone,
//
//   seen(c, p) = sum over |d| <= R of k(|d| / R) z(c, p + d) / sum over |d| <= R of k(|d| / R),   d in Z^2,
//
// for a state z (C, X, Y, 1, N) and a profile k on [0, 1]. Unlike those of nca/perceive.hpp, the radius R and the
// profile are known only when the program runs (nca/disc.hpp). Of several discs, nca/perceive_discs.hpp.

#include <algorithm>
#include <array>
#include <memory>

#include "basin/nca/disc.hpp"
#include "basin/nca/perception.hpp"

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
  PerceiveRadial(Index radius, const Profile& profile)
      : disc_(std::make_shared<const detail::Disc>("PerceiveRadial", static_cast<double>(radius), profile)) {}

  /// R, in cells.
  [[nodiscard]] Index radius() const { return disc_->radius; }
  [[nodiscard]] std::array<Index, 3> reach() const { return {radius(), radius(), 0}; }

  /// The weight of the cell at (x, y) from here; all of them sum to 1.
  [[nodiscard]] double weight(Index x, Index y) const {
    return std::max(std::abs(x), std::abs(y)) > radius() ? 0.0 : disc_->at(std::abs(x), std::abs(y));
  }

  void check_shape(const Shape& z) const {
    check_features("PerceiveRadial", z.features, C);
    detail::check_plane<Edge>("PerceiveRadial", z, radius());
  }

  [[nodiscard]] Index band_cells(const Shape& z, Index least) const {
    return detail::disc_band_cells(z, least, radius());
  }

  template <class S>
  class Sight {
   public:
    Sight(const PerceiveRadial& perception, Theta<S, 0>, View<const S> z, Scratch& scratch)
        : sum_(*perception.disc_, z, scratch) {}

    /// seen: count columns of seen_features.
    void operator()(const Index* cells, Index count, S* seen) const {
      for (int c = 0; c < C; ++c) sum_(cells, count, c, seen + c, C);
    }

   private:
    detail::DiscSum<S, C, Edge> sum_;
  };

  template <class S>
  class Spread {
   public:
    Spread(const PerceiveRadial& perception, Theta<S, 0>, View<const S> /*z*/, View<S> dz, S* /*dtheta*/,
           Scratch& scratch)
        : spread_(*perception.disc_, dz, scratch) {}

    /// g: count columns of seen_features.
    void operator()(const Index* cells, Index count, const S* g) const {
      for (int c = 0; c < C; ++c) spread_(cells, count, c, g + c, C);
    }

   private:
    detail::DiscSpread<S, C, Edge> spread_;
  };

 private:
  std::shared_ptr<const detail::Disc> disc_;
};

}  // namespace basin
