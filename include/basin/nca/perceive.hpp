#pragma once

// What a cell sees: fixed stencils on each of its features,
//
//   seen(k C + c, p) = sum over taps of stencil k of weight * z(c, p + tap),      k = 0 ... K - 1,
//
// for a state z of C features on a grid of one to three axes with the boundary Edge. The order, all features of the
// first stencil, then all of the second, is that of Mordvintsev et al. 2020.
//
// It is a perception as nca/perception.hpp describes them, without parameters.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "basin/nca/perception.hpp"
#include "basin/stencil/lines.hpp"
#include "basin/stencil/stencil.hpp"

namespace basin {

namespace detail {

/// Throws std::invalid_argument unless z has C features, and axes on which a cell can see so far.
template <int C, Boundary Edge>
void check_grid(std::string_view name, const Shape& z, const std::array<int, 3>& reach) {
  check_features(name, z.features, C);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (z.space[axis] <= 0) {  // before the message takes memory: this is on hot paths
      check(false, std::string(name) + ": extent of an axis of space", z.space[axis], "at least 1");
    }
    if (reach[axis] > 0) Edge::check_border(reach[axis], z.space[axis]);
  }
}

/// Bands of so many cells each (the last may be shorter), at least `least`, can spread side by side if no two of them
/// are neighbours. They are whole lines, or planes, of the sample.
inline Index grid_band_cells(const Shape& z, Index least, const std::array<int, 3>& reach) {
  const std::size_t axis = z.space[2] > 1 ? 2 : z.space[1] > 1 ? 1 : 0;
  Index slice = 1;
  for (std::size_t below = 0; below < axis; ++below) slice *= z.space[below];
  return slice * std::max<Index>({1, 2 * reach[axis], (least + slice - 1) / slice});
}

/// A line of zeros, for what stands beyond a Zero edge.
template <int C, class S>
const S* line_of_zeros(const Shape& z, Scratch& scratch) {
  const Index count = z.space[0] * C;
  S* line = scratch.take<S>(count);
  std::fill_n(line, count, S(0));
  return line;
}

/// to += from, for C numbers that do not overlap, which the compiler need not find out.
template <int C, class S>
void add_features(const S* from, S* to) {
  S value[C];
  for (int c = 0; c < C; ++c) value[c] = to[c] + from[c];
  for (int c = 0; c < C; ++c) to[c] = value[c];
}

}  // namespace detail

template <int C, Boundary OfEdge, Stencil... Stencils>
struct Perceive {
  static_assert(C > 0, "Perceive: the number of features must be positive");
  static_assert(sizeof...(Stencils) > 0, "Perceive: there must be at least one stencil");

  using Edge = OfEdge;
  static constexpr int state_features = C;
  static constexpr int seen_features = C * static_cast<int>(sizeof...(Stencils));

  /// How far the stencils reach along x, y, z.
  static constexpr std::array<int, 3> reach = [] {
    std::array<int, 3> most{0, 0, 0};
    for (const auto& one : {detail::reach_of<Stencils>...}) {
      for (std::size_t axis = 0; axis < 3; ++axis) most[axis] = std::max(most[axis], one[axis]);
    }
    return most;
  }();

  void check_shape(const Shape& z) const { detail::check_grid<C, Edge>("Perceive", z, reach); }

  [[nodiscard]] Index band_cells(const Shape& z, Index least) const { return detail::grid_band_cells(z, least, reach); }

  template <class S>
  class Sight {
   public:
    Sight(const Perceive&, Theta<S, 0>, View<const S> z, Scratch& scratch)
        : lines_(z.data(), z.shape().space, detail::line_of_zeros<C, S>(z.shape(), scratch)) {}

    /// seen: count columns of seen_features.
    void operator()(const Index* cells, Index count, S* seen) {
      for (Index i = 0; i < count; ++i, seen += seen_features) {
        lines_.go_to(cells[i]);
        if (lines_.inside()) {
          look<true>(seen, std::index_sequence_for<Stencils...>{});
        } else {
          look<false>(seen, std::index_sequence_for<Stencils...>{});
        }
      }
    }

   private:
    template <bool inside, std::size_t... k>
    void look(S* seen, std::index_sequence<k...>) const {
      (filter<inside, Stencils>(seen + k * C, std::make_index_sequence<Stencils::taps.size()>{}), ...);
    }

    template <bool inside, class T, std::size_t... i>
    void filter(S* out, std::index_sequence<i...>) const {
      const std::array<const S*, sizeof...(i)> from{
          lines_.template at<inside>(T::taps[i].x, T::taps[i].y, T::taps[i].z)...};
      alignas(detail::Arena::alignment) S value[C];  // of its own, so that the compiler knows that nothing overlaps
      for (int c = 0; c < C; ++c) value[c] = (S(0) + ... + (static_cast<S>(T::taps[i].weight) * from[i][c]));
      for (int c = 0; c < C; ++c) out[c] = value[c];
    }

    Lines<const S, Edge, C, reach[0], reach[1], reach[2]> lines_;
  };

  template <class S>
  class Spread {
   public:
    Spread(const Perceive&, Theta<S, 0>, View<const S> /*z*/, View<S> dz, S* /*dtheta*/, Scratch& scratch)
        : lines_(dz.data(), dz.shape().space, scratch.take<S>(dz.shape().space[0] * C)) {}

    /// g: count columns of seen_features.
    void operator()(const Index* cells, Index count, const S* g) {
      for (Index i = 0; i < count; ++i, g += seen_features) {
        lines_.go_to(cells[i]);
        if (lines_.inside()) {
          hand_out<true>(g, std::make_index_sequence<box>{});
        } else {
          hand_out<false>(g, std::make_index_sequence<box>{});
        }
      }
    }

   private:
    static constexpr int width = 2 * reach[0] + 1, height = 2 * reach[1] + 1, depth = 2 * reach[2] + 1;
    static constexpr std::size_t box = std::size_t{width} * height * depth;

    template <bool inside, std::size_t... i>
    void hand_out(const S* g, std::index_sequence<i...>) const {
      (to_neighbour<inside, static_cast<int>(i) % width - reach[0], static_cast<int>(i) / width % height - reach[1],
                    static_cast<int>(i) / (width * height) - reach[2]>(g, std::index_sequence_for<Stencils...>{}),
       ...);
    }

    /// All that the stencils read from one neighbour, added to it at once.
    template <bool inside, int x, int y, int z, std::size_t... k>
    void to_neighbour(const S* g, std::index_sequence<k...>) const {
      if constexpr (((detail::weight_at<Stencils>(x, y, z) != 0) || ...)) {
        S* to = lines_.template at<inside>(x, y, z);
        alignas(detail::Arena::alignment) S value[C];
        for (int c = 0; c < C; ++c) {
          S sum = to[c];
          (add<detail::weight_at<Stencils>(x, y, z) != 0>(sum, detail::weight_at<Stencils>(x, y, z),
                                                          g[k * C + static_cast<std::size_t>(c)]),
           ...);
          value[c] = sum;
        }
        for (int c = 0; c < C; ++c) to[c] = value[c];
      }
    }

    template <bool reads>
    static void add(S& sum, double weight, S g) {
      if constexpr (reads) sum += static_cast<S>(weight) * g;
    }

    Lines<S, Edge, C, reach[0], reach[1], reach[2]> lines_;
  };
};

namespace detail {

template <int C, class Edge, class Cells, class Indices>
struct EachOf;
template <int C, class Edge, class Cells, std::size_t... i>
struct EachOf<C, Edge, Cells, std::index_sequence<i...>> {
  using type = Perceive<C, Edge, Shift<Cells::taps[i].x, Cells::taps[i].y, Cells::taps[i].z>...>;
};

}  // namespace detail

/// The cells that a stencil reads, each by itself, in the order of its taps and whatever their weights: followed by a
/// dense layer, a learned kernel. Of a BoxMean it is a convolution, with the theta of a Conv. The code grows with the
/// square of the number of cells, so that more than about 50 take long to compile.
template <int C, Boundary Edge, Stencil Cells>
using PerceiveEach = typename detail::EachOf<C, Edge, Cells, std::make_index_sequence<Cells::taps.size()>>::type;

/// The cell and the two that are beside it on a line; the nine of the box around it in the plane.
template <int C, Boundary Edge>
using PerceiveBox1 = PerceiveEach<C, Edge, BoxMean<1>>;
template <int C, Boundary Edge>
using PerceiveBox2 = PerceiveEach<C, Edge, BoxMean<2>>;

}  // namespace basin
