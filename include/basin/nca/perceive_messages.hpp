#pragma once

// What a cell of a graph sees through a learned layer L on each edge that leads to it (nca/graph.hpp):
//
//   PerceiveMessages     seen(i) = [z_i; sum over j of L([z_i; z_j])]
//   PerceiveEquivariant  of a state z = (p, h) of a place p in D dimensions and H other features,
//                        (m_ij; w_ij) = L([h_i; h_j; |p_i - p_j|^2]),
//                        seen(i) = [h_i; sum over j of m_ij; sum over j of (p_i - p_j) w_ij]
//
// or the sums over the number of edges: means, zeros without edges. The first is a graph neural cellular automaton
// (D. Grattarola, L. Livi, C. Alippi, "Learning graph cellular automata", 2021). The second is the perception of G.
// Gala, D. Grattarola, E. Quaeghebeur, "E(n)-equivariant graph neural cellular automata", 2023 (arXiv 2301.10497),
// after V. G. Satorras, E. Hoogeboom, M. Welling 2021 (equations 3 to 5), where L is their edge network with the one
// for places behind it. If the rule adds the last D numbers to p as they are, and makes the change of h of the others,
// then places that are moved, turned or mirrored have the future that is moved, turned or mirrored:
//
//   using See  = PerceiveEquivariant<D, H, L>;
//   using Rule = Concat<Split<See::seen_features, H + M, H + M + D>,
//                       Sequential<Split<See::seen_features, 0, H + M>, Dense<H + M, 32>, Relu, Dense<32, H>>>;
//
// L takes 2 C, or 2 H + 1, features and gives as many as one likes, or M + 1. It must not be random; what solves inside
// it report is lost. theta are its parameters, with leaves "message.".
//
// These are perceptions as nca/perception.hpp describes them. Messages of a sample go backward on one thread.

#include <algorithm>

#include "basin/nca/edge_messages.hpp"

namespace basin {

namespace detail {

/// Both cells whole, and all that the layer gives.
template <int C, int M>
struct WholePairs {
  static constexpr int state_features = C, own = 0, pair_features = 2 * C, answers = M, told = M;

  template <class S>
  static void pair(const S* zi, const S* zj, S* x) {
    std::copy_n(zi, C, x);
    std::copy_n(zj, C, x + C);
  }
  template <class S>
  static void push_pair(const S* /*zi*/, const S* /*zj*/, const S* ti, const S* tj, S* tx) {
    pair(ti, tj, tx);
  }
  template <class S>
  static void pull_pair(const S* /*zi*/, const S* /*zj*/, const S* gx, S* dzi, S* dzj) {
    for (int c = 0; c < C; ++c) dzi[c] += gx[c];
    for (int c = 0; c < C; ++c) dzj[c] += gx[C + c];
  }

  template <class S>
  static void tell(const S* /*zi*/, const S* /*zj*/, const S* y, S* told_now) {
    std::copy_n(y, M, told_now);
  }
  template <class S>
  static void push_tell(const S* /*zi*/, const S* /*zj*/, const S* /*y*/, const S* /*ti*/, const S* /*tj*/, const S* ty,
                        S* change) {
    std::copy_n(ty, M, change);
  }
  template <class S>
  static void pull_tell(const S* /*zi*/, const S* /*zj*/, const S* /*y*/, const S* g, S* gy, S* /*dzi*/, S* /*dzj*/) {
    std::copy_n(g, M, gy);
  }
};

/// Of places, D features, and H others: these and the squared distance; M numbers, and a factor of the way.
template <int D, int H, int M>
struct EquivariantPairs {
  static constexpr int state_features = D + H, own = D, pair_features = 2 * H + 1, answers = M + 1, told = M + D;

  template <class S>
  static void pair(const S* zi, const S* zj, S* x) {
    std::copy_n(zi + D, H, x);
    std::copy_n(zj + D, H, x + H);
    x[2 * H] = S(0);
    for (int d = 0; d < D; ++d) x[2 * H] += (zi[d] - zj[d]) * (zi[d] - zj[d]);
  }
  template <class S>
  static void push_pair(const S* zi, const S* zj, const S* ti, const S* tj, S* tx) {
    std::copy_n(ti + D, H, tx);
    std::copy_n(tj + D, H, tx + H);
    tx[2 * H] = S(0);
    for (int d = 0; d < D; ++d) tx[2 * H] += 2 * (zi[d] - zj[d]) * (ti[d] - tj[d]);
  }
  template <class S>
  static void pull_pair(const S* zi, const S* zj, const S* gx, S* dzi, S* dzj) {
    for (int c = 0; c < H; ++c) dzi[D + c] += gx[c];
    for (int c = 0; c < H; ++c) dzj[D + c] += gx[H + c];
    for (int d = 0; d < D; ++d) add_way(d, 2 * gx[2 * H] * (zi[d] - zj[d]), dzi, dzj);
  }

  template <class S>
  static void tell(const S* zi, const S* zj, const S* y, S* told_now) {
    std::copy_n(y, M, told_now);
    for (int d = 0; d < D; ++d) told_now[M + d] = (zi[d] - zj[d]) * y[M];
  }
  template <class S>
  static void push_tell(const S* zi, const S* zj, const S* y, const S* ti, const S* tj, const S* ty, S* change) {
    std::copy_n(ty, M, change);
    for (int d = 0; d < D; ++d) change[M + d] = (ti[d] - tj[d]) * y[M] + (zi[d] - zj[d]) * ty[M];
  }
  template <class S>
  static void pull_tell(const S* zi, const S* zj, const S* y, const S* g, S* gy, S* dzi, S* dzj) {
    std::copy_n(g, M, gy);
    gy[M] = S(0);
    for (int d = 0; d < D; ++d) gy[M] += g[M + d] * (zi[d] - zj[d]);
    for (int d = 0; d < D; ++d) add_way(d, g[M + d] * y[M], dzi, dzj);
  }

 private:
  /// What comes for number d of p_i - p_j.
  template <class S>
  static void add_way(int d, S come, S* dzi, S* dzj) {
    dzi[d] += come;
    dzj[d] -= come;
  }
};

}  // namespace detail

/// Of C features, through a layer that takes 2 C.
template <int C, class L, GraphSum Of = GraphSum::mean>
using PerceiveMessages = detail::EdgeMessages<detail::WholePairs<C, detail::features_after<L, 2 * C>>, L, Of>;

/// Of places in D dimensions and H other features, through a layer that takes 2 H + 1 and gives one or more, the last
/// of which is the factor of the way.
template <int D, int H, class L, GraphSum Of = GraphSum::mean>
using PerceiveEquivariant =
    detail::EdgeMessages<detail::EquivariantPairs<D, H, detail::features_after<L, 2 * H + 1> - 1>, L, Of>;

}  // namespace basin
