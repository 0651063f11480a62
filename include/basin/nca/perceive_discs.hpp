#pragma once

// What a cell sees of several discs around it, each of one feature, with a radius and weights of its own:
//
//   seen(k, p) = sum over |d| <= R_k of w_k(|d| / R_k) z(s_k, p + d) / sum over |d| <= R_k of w_k(|d| / R_k),
//
// k = 0 ... K - 1, d in Z^2, for a state z (C, X, Y, 1, N), where s_k is the feature that disc k is of. The kernels of
// a Lenia of several channels (nca/expanded_lenia.hpp).

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "basin/nca/disc.hpp"
#include "basin/nca/perception.hpp"

namespace basin {

/// One of the discs.
struct DiscOptions {
  int source = 0;                           ///< s_k, the feature, from 0
  double radius = 1;                        ///< R_k, in cells, 0 to 1000
  std::function<double(double)> profile{};  ///< w_k, on [0, 1], but for a factor; 1 if there is none
};

/// A perception as nca/perception.hpp describes them, without parameters. Copies share the weights.
template <int C, int K, Boundary OfEdge>
class PerceiveDiscs {
  static_assert(C > 0 && K > 0, "PerceiveDiscs: the numbers of features and of discs must be positive");

 public:
  using Edge = OfEdge;
  static constexpr int state_features = C;
  static constexpr int seen_features = K;

  /// Each of feature 0 of the cell itself.
  PerceiveDiscs() : PerceiveDiscs(std::vector<DiscOptions>(K, DiscOptions{.radius = 0})) {}

  /// K discs. Throws std::invalid_argument for another number of them, features and radii out of range, and weights
  /// whose sum is not a positive number.
  explicit PerceiveDiscs(const std::vector<DiscOptions>& options) {
    check(options.size() == std::size_t{K}, "PerceiveDiscs: number of discs", options.size(), K);
    std::vector<detail::Disc> discs;
    for (const DiscOptions& one : options) {
      check(one.source >= 0 && one.source < C, "PerceiveDiscs: feature of a disc", one.source,
            "0 to " + std::to_string(C - 1));
      sources_[discs.size()] = one.source;
      discs.emplace_back("PerceiveDiscs", one.radius, [&](double r) { return one.profile ? one.profile(r) : 1.0; });
      radius_ = std::max(radius_, discs.back().radius);
    }
    discs_ = std::make_shared<const std::vector<detail::Disc>>(std::move(discs));
  }

  /// The largest of them, in whole cells.
  [[nodiscard]] Index radius() const { return radius_; }
  [[nodiscard]] std::array<Index, 3> reach() const { return {radius_, radius_, 0}; }

  void check_shape(const Shape& z) const {
    check_features("PerceiveDiscs", z.features, C);
    detail::check_plane<Edge>("PerceiveDiscs", z, radius_);
  }

  [[nodiscard]] Index band_cells(const Shape& z, Index least) const {
    return detail::disc_band_cells(z, least, radius_);
  }

  template <class S>
  class Sight {
   public:
    Sight(const PerceiveDiscs& perception, Theta<S, 0>, View<const S> z, Scratch& scratch)
        : Sight(perception, z, scratch, std::make_index_sequence<K>{}) {}

    /// seen: count columns of seen_features.
    void operator()(const Index* cells, Index count, S* seen) const {
      for (std::size_t k = 0; k < K; ++k) sums_[k](cells, count, sources_[k], seen + k, K);
    }

   private:
    template <std::size_t... k>
    Sight(const PerceiveDiscs& perception, View<const S> z, Scratch& scratch, std::index_sequence<k...>)
        : sums_{detail::DiscSum<S, C, Edge>((*perception.discs_)[k], z, scratch)...}, sources_(perception.sources_) {}

    std::array<detail::DiscSum<S, C, Edge>, K> sums_;
    std::array<int, K> sources_;
  };

  template <class S>
  class Spread {
   public:
    Spread(const PerceiveDiscs& perception, Theta<S, 0>, View<const S> /*z*/, View<S> dz, S* /*dtheta*/,
           Scratch& scratch)
        : Spread(perception, dz, scratch, std::make_index_sequence<K>{}) {}

    /// g: count columns of seen_features.
    void operator()(const Index* cells, Index count, const S* g) const {
      for (std::size_t k = 0; k < K; ++k) spreads_[k](cells, count, sources_[k], g + k, K);
    }

   private:
    template <std::size_t... k>
    Spread(const PerceiveDiscs& perception, View<S> dz, Scratch& scratch, std::index_sequence<k...>)
        : spreads_{detail::DiscSpread<S, C, Edge>((*perception.discs_)[k], dz, scratch)...},
          sources_(perception.sources_) {}

    std::array<detail::DiscSpread<S, C, Edge>, K> spreads_;
    std::array<int, K> sources_;
  };

 private:
  std::shared_ptr<const std::vector<detail::Disc>> discs_;
  std::array<int, K> sources_{};
  Index radius_ = 0;
};

}  // namespace basin
