#pragma once

// What cells of a graph see through a learned layer on each edge (nca/perceive_messages.hpp). A way of talking W says
// what the layer takes of an edge from j to i, and what the edge tells i:
//
//   x = W::pair(z_i, z_j),   y = L(x),   seen(i) = [features W::own ... C - 1 of z_i; sum over j of W::tell(z_i, z_j,
//   y)].
//
// W has, for one edge,
//
//   static constexpr int state_features, own, pair_features, answers, told;   of z, of x, of y, of what is told
//   pair(zi, zj, x);   push_pair(zi, zj, ti, tj, tx);   pull_pair(zi, zj, gx, dzi, dzj)
//   tell(zi, zj, y, told);   push_tell(zi, zj, y, ti, tj, ty, change);   pull_tell(zi, zj, y, g, gy, dzi, dzj)
//
// Those that pull add to dzi and dzj, which may be the same cell, and set gy. Edges pass the layer in blocks.

#include <algorithm>
#include <span>

#include "basin/layers/join.hpp"
#include "basin/nca/graph.hpp"
#include "basin/nca/kept_spread.hpp"
#include "basin/nca/perceive_graph.hpp"
#include "basin/nca/perception.hpp"

namespace basin::detail {

template <class W, class L, GraphSum Of>
struct EdgeMessages {
  static_assert(Join<W::pair_features, L::in_features>::fits);
  static_assert(Join<features_after<L, W::pair_features>, W::answers>::fits);
  static_assert(!basin::changes_with_step<L>, "messages along edges: the layer must not be random");

  static constexpr int state_features = W::state_features, own_features = W::state_features - W::own;
  static constexpr int seen_features = own_features + W::told;
  static constexpr std::size_t param_count = L::param_count;
  static constexpr bool whole_samples = true;

  Graph graph{};  ///< of the cells of a sample, the same for all samples
  L message{};    ///< what passes along an edge

  static void leaves(LeafList& list) { list.nested<L>("message"); }

  void check_shape(const Shape& z) const { check_graph<state_features>("messages along edges", graph, z); }

  template <class S>
  class Sight;
  template <class S>
  class Change;
  template <class S>
  class SpreadAtOnce;
  template <class S>
  using Spread = KeptSpread<EdgeMessages, SpreadAtOnce<S>, S>;

 private:
  static constexpr int C = state_features, pairs = W::pair_features, answers = W::answers, told = W::told;
  static constexpr Index block = 256;  // edges at a time, as linearizing a layer has a cost of its own
  /// Of the layer: to it each edge is a sample. Nothing can be kept by their numbers, which are those in a block.
  static constexpr Context of_edges{.keeps = false};

  static Shape edges_shape(int features, Index edges) { return {features, {1, 1, 1}, edges}; }

  template <class S>
  static S share(const Graph& edges, Index cell) {
    return Of == GraphSum::sum ? S(1) : S(1) / static_cast<S>(edges.into(cell).size());
  }

  /// Calls body(edges, count) for blocks of the edges that lead to some cells: `to` is the place among `cells`.
  template <class Body>
  static void each_block(const Graph& all, const Index* cells, Index count, const Body& body) {
    GraphEdge edges[block];
    Index found = 0;
    for (Index i = 0; i < count; ++i) {
      for (const Index from : all.into(cells[i])) {
        edges[found++] = {from, i};
        if (found < block) continue;
        body(edges, found);
        found = 0;
      }
    }
    if (found > 0) body(edges, found);
  }

  /// Features of the cells themselves, and zeros for what they are told.
  template <class S>
  static void begin(const S* z, const Index* cells, Index count, S* seen) {
    for (Index i = 0; i < count; ++i, seen += seen_features) {
      std::copy_n(z + cells[i] * C + W::own, own_features, seen);
      std::fill_n(seen + own_features, told, S(0));
    }
  }
  template <class S>
  static void add(S factor, const S* told_now, S* seen) {
    for (int c = 0; c < told; ++c) seen[own_features + c] += factor * told_now[c];
  }

  /// What the layer takes of a block of edges.
  template <class S>
  static void pair_up(const S* z, const Index* cells, const GraphEdge* edges, Index count, S* x) {
    for (Index e = 0; e < count; ++e) W::pair(z + cells[edges[e].to] * C, z + edges[e].from * C, x + e * pairs);
  }
};

template <class W, class L, GraphSum Of>
template <class S>
class EdgeMessages<W, L, Of>::Sight {
 public:
  Sight(const EdgeMessages& perception, Theta<S, param_count> theta, View<const S> z, Scratch&)
      : perception_(perception), theta_(theta), z_(z.data()) {}

  /// seen: count columns of seen_features.
  void operator()(const Index* cells, Index count, S* seen) const {
    Scratch own;
    S *x = own.take<S>(block * pairs), *y = own.take<S>(block * answers);
    begin(z_, cells, count, seen);
    each_block(perception_.graph, cells, count, [&](const GraphEdge* edges, Index here) {
      pair_up(z_, cells, edges, here, x);
      static_cast<void>(apply_with<L, S>(perception_.message, theta_, nullptr, of_edges,
                                         View<const S>(x, edges_shape(pairs, here)),
                                         View<S>(y, edges_shape(answers, here))));
      for (Index e = 0; e < here; ++e) {
        const Index to = edges[e].to;
        S told_now[told];
        W::tell(z_ + cells[to] * C, z_ + edges[e].from * C, y + e * answers, told_now);
        add(share<S>(perception_.graph, cells[to]), told_now, seen + to * seen_features);
      }
    });
  }

 private:
  const EdgeMessages& perception_;
  std::span<const S, param_count> theta_;
  const S* z_;
};

/// The change of what is seen along a change t of the state.
template <class W, class L, GraphSum Of>
template <class S>
class EdgeMessages<W, L, Of>::Change {
 public:
  Change(const EdgeMessages& perception, Theta<S, param_count> theta, View<const S> z, View<const S> t, Scratch&)
      : perception_(perception), theta_(theta), z_(z.data()), t_(t.data()) {}

  /// seen: count columns of seen_features, the change along t.
  void operator()(const Index* cells, Index count, S* seen) const {
    Scratch own;
    S *x_numbers = own.take<S>(block * pairs), *y_numbers = own.take<S>(block * answers);
    S *tx_numbers = own.take<S>(block * pairs), *ty_numbers = own.take<S>(block * answers);
    begin(t_, cells, count, seen);
    each_block(perception_.graph, cells, count, [&](const GraphEdge* edges, Index here) {
      pair_up(z_, cells, edges, here, x_numbers);
      for (Index e = 0; e < here; ++e) {
        const Index i = cells[edges[e].to] * C, j = edges[e].from * C;
        W::push_pair(z_ + i, z_ + j, t_ + i, t_ + j, tx_numbers + e * pairs);
      }
      const View<const S> x(x_numbers, edges_shape(pairs, here)), tx(tx_numbers, x.shape());
      const View<S> y(y_numbers, edges_shape(answers, here)), ty(ty_numbers, y.shape());
      static_cast<void>(linearize_with<L, S>(perception_.message, theta_, nullptr, of_edges, x, y).jvp(tx, ty));
      for (Index e = 0; e < here; ++e) {
        const Index to = edges[e].to, i = cells[to] * C, j = edges[e].from * C;
        S change[told];
        W::push_tell(z_ + i, z_ + j, y_numbers + e * answers, t_ + i, t_ + j, ty_numbers + e * answers, change);
        add(share<S>(perception_.graph, cells[to]), change, seen + to * seen_features);
      }
    });
  }

 private:
  const EdgeMessages& perception_;
  std::span<const S, param_count> theta_;
  const S *z_, *t_;
};

template <class W, class L, GraphSum Of>
template <class S>
class EdgeMessages<W, L, Of>::SpreadAtOnce {
 public:
  SpreadAtOnce(const EdgeMessages& perception, Theta<S, param_count> theta, View<const S> z, View<S> dz, S* dtheta,
               Scratch& scratch)
      : perception_(perception),
        theta_(theta),
        z_(z.data()),
        dz_(dz.data()),
        dtheta_(dtheta),
        x_(scratch.take<S>(block * pairs)),
        y_(scratch.take<S>(block * answers)),
        gx_(scratch.take<S>(block * pairs)),
        gy_(scratch.take<S>(block * answers)),
        unwanted_(scratch.take<S>(C)) {
    std::fill_n(unwanted_, C, S(0));
  }

  /// g: count columns of seen_features.
  void operator()(const Index* cells, Index count, const S* g) const {
    if (dz_ != nullptr) {
      for (Index i = 0; i < count; ++i) {
        S* to = dz_ + cells[i] * C + W::own;
        for (int c = 0; c < own_features; ++c) to[c] += g[i * seen_features + c];
      }
    }
    each_block(perception_.graph, cells, count, [&](const GraphEdge* edges, Index here) {
      pair_up(z_, cells, edges, here, x_);
      const View<const S> x(x_, edges_shape(pairs, here)), gy(gy_, edges_shape(answers, here));
      const View<S> y(y_, gy.shape()), gx(gx_, x.shape());
      const auto linear = linearize_with<L, S>(perception_.message, theta_, nullptr, of_edges, x, y);
      for (Index e = 0; e < here; ++e) {
        const Index to = edges[e].to, i = cells[to], j = edges[e].from;
        const S factor = share<S>(perception_.graph, i);
        S come[told];
        for (int c = 0; c < told; ++c) come[c] = factor * g[to * seen_features + own_features + c];
        W::pull_tell(z_ + i * C, z_ + j * C, y_ + e * answers, come, gy_ + e * answers, dz_of(i), dz_of(j));
      }
      if (dtheta_ != nullptr) {
        static_cast<void>(
            linear.pullback(gy, dz_ != nullptr ? gx : View<S>{}, std::span<S, param_count>(dtheta_, param_count)));
      } else {
        static_cast<void>(linear.vjp(gy, gx));
      }
      if (dz_ == nullptr) return;
      for (Index e = 0; e < here; ++e) {
        const Index i = cells[edges[e].to], j = edges[e].from;
        W::pull_pair(z_ + i * C, z_ + j * C, gx_ + e * pairs, dz_of(i), dz_of(j));
      }
    });
  }

 private:
  [[nodiscard]] S* dz_of(Index cell) const { return dz_ != nullptr ? dz_ + cell * C : unwanted_; }

  const EdgeMessages& perception_;
  std::span<const S, param_count> theta_;
  const S* z_;
  S *dz_, *dtheta_;  // null if not wanted
  S *x_, *y_, *gx_, *gy_, *unwanted_;
};

}  // namespace basin::detail
