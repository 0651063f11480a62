#pragma once

// What a cell sees that chooses where to look: itself, and for each of H heads a mean over the cells around it, with
// weights that follow from what it and they are,
//
//   seen = [z; o_1; ... o_H],   o_h(p) = V_h sum_d w_h(d) z(p + d),
//   w_h(d) = exp(s_h(d)) / sum over d of the same,   s_h(d) = (Q_h z(p)) . (K_h z(p + d)) / sqrt(D) + b_h(d),
//
// where d runs over the cells that a stencil reads, whatever its weights: BoxMean<2>, the nine of the 3 x 3 box, unless
// another is given. This is the attention of M. Tesfaldet, D. Nowrouzezahrai, C. Pal, "Attention-based neural cellular
// automata", 2022 (arXiv 2211.01233), which has b = 0: there cells learn by codes of their positions where left and
// right are. With b = 0 the cells around are exchangeable, and the automaton is isotropic. b begins at 0. (A bias for
// each place is that of Z. Liu et al., "Swin transformer", 2021, equation 4.) What there makes of the heads one vector
// again is for the rule to do, whose first layer may be dense, and so is a norm of the state, which comes before.
//
// Beyond a Zero edge stand cells of zeros, which are looked at like others, as in the published code.
//
// It is a perception as nca/perception.hpp describes them. theta: Q_1 ... Q_H, K_1 ... K_H, V_1 ... V_H, each (D, C),
// and b, a number for each place of each head. Keys and values are never made: with a = K^T Q z(p) and m = sum_d w(d)
// z(p + d) the score is a . z(p + d), and o = V m, so that a cell takes three products of D x C a head whatever its
// neighbours do. Backward, for g at o, with all sums over d,
//
//   dm = V^T g,   r(d) = w(d) (dm . z(p + d) - sum w dm . z),   da = sum r z / sqrt(D),   dq = K da,
//   dz(p + d) += w(d) dm + r(d) a / sqrt(D),   dz(p) += Q^T dq,
//   dV += g m^T,   dK += q da^T,   dQ += dq z(p)^T,   db(d) += r(d).

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "basin/kernels/elementwise.hpp"
#include "basin/kernels/product.hpp"
#include "basin/kernels/transpose.hpp"
#include "basin/nca/perceive.hpp"

namespace basin {

/// C: features. Heads, and D, numbers of a query: heads of D numbers each.
template <int C, Boundary OfEdge, int Heads, int D, Stencil Cells = BoxMean<2>>
struct PerceiveAttention {
  static_assert(C > 0, "PerceiveAttention: the number of features must be positive");
  static_assert(Heads > 0 && D > 0, "PerceiveAttention: the numbers of heads and of their features must be positive");

  using Edge = OfEdge;
  static constexpr std::array<int, 3> reach = detail::reach_of<Cells>;
  static constexpr int places = static_cast<int>(Cells::taps.size());  ///< cells that a cell looks at
  static constexpr int state_features = C, seen_features = C + Heads * D;
  static constexpr std::size_t head_weights = std::size_t{C} * D;  ///< numbers of a Q_h, K_h or V_h
  static constexpr std::size_t param_count = 3 * Heads * head_weights + std::size_t{Heads} * places;

  static void leaves(LeafList& list) {
    for (const char* name : {"query", "key", "value"}) {
      for (int h = 0; h < Heads; ++h) list.weight(name + std::to_string(h), {D, C}, C, D);
    }
    list.bias("places", Index{Heads} * places);
  }

  void check_shape(const Shape& z) const { detail::check_grid<C, Edge>("PerceiveAttention", z, reach); }

  [[nodiscard]] Index band_cells(const Shape& z, Index least) const { return detail::grid_band_cells(z, least, reach); }

  template <class S>
  class Sight;
  template <class S>
  class Change;
  template <class S>
  class Spread;

 private:
  static constexpr Index block = 32;  // cells whose numbers stay in the nearest caches
  template <class S>
  static S scale() {
    return static_cast<S>(1 / std::sqrt(double{D}));
  }

  template <class S, class N>
  class Around;
  template <class S>
  class Attended;

  /// Of theta, (D, C) column-major: which = 0, 1, 2 for Q, K, V.
  template <class S>
  static S* weights(S* theta, int which, int head) {
    return theta + static_cast<std::size_t>(which * Heads + head) * head_weights;
  }
  template <class S>
  static S* biases(S* theta, int head) {
    return weights(theta, 3, 0) + head * places;
  }
  /// A matrix of each head transposed, (C, D).
  template <class S>
  static const S* turned(const S* theta, int which, Scratch& scratch) {
    S* all = scratch.take<S>(Heads * static_cast<Index>(head_weights));
    for (int h = 0; h < Heads; ++h) {
      kernels::transpose(weights(theta, which, h), Index{D}, Index{C}, Index{D}, all + h * C * D, Index{C});
    }
    return all;
  }

  /// Products of a (rows, columns) matrix, column-major, with the columns of x, which are `step` numbers apart; those
  /// of y are as well `to_step` apart.
  template <int columns, int rows, int step = columns, int to_step = rows, class S>
  static void multiply(const S* matrix, const S* x, Index count, S* y) {
    kernels::gather<columns, step, rows, to_step>(count, 1, &x, matrix, static_cast<const S*>(nullptr), y);
  }

  template <class S>
  static S dot(const S* a, const S* b) {
    constexpr int lanes = kernels::lanes_for<S>(C);
    kernels::Lanes<S, lanes> sum{};
    for (int c = 0; c + lanes <= C; c += lanes) sum += kernels::load<lanes>(a + c) * kernels::load<lanes>(b + c);
    S total = S(0);
    for (int l = 0; l < lanes; ++l) total += sum[l];
    for (int c = C / lanes * lanes; c < C; ++c) total += a[c] * b[c];
    return total;
  }
  /// to += factor from.
  template <class S>
  static void add(S factor, const S* from, S* to) {
    for (int c = 0; c < C; ++c) to[c] += factor * from[c];
  }
};

/// The cells around some cells of a sample. N is S or const S.
template <int C, Boundary OfEdge, int Heads, int D, Stencil Cells>
template <class S, class N>
class PerceiveAttention<C, OfEdge, Heads, D, Cells>::Around {
 public:
  Around(N* sample, const Shape& z, N* elsewhere, Scratch& scratch)
      : sample_(sample), lines_(sample, z.space, elsewhere), near_(scratch.take<N*>(block * places)) {}

  void go_to(const Index* cells, Index count) {
    for (Index i = 0; i < count; ++i) {
      lines_.go_to(cells[i]);
      if (lines_.inside()) {
        collect<true>(near_ + i * places, std::make_index_sequence<std::size_t{places}>{});
      } else {
        collect<false>(near_ + i * places, std::make_index_sequence<std::size_t{places}>{});
      }
    }
  }
  /// The features of place d around the i-th of the cells; of the cell with that number.
  [[nodiscard]] N* at(Index i, int d) const { return near_[i * places + d]; }
  [[nodiscard]] N* itself(Index cell) const { return sample_ + cell * C; }

 private:
  template <bool inside, std::size_t... d>
  void collect(N** to, std::index_sequence<d...>) const {
    ((to[d] = lines_.template at<inside>(Cells::taps[d].x, Cells::taps[d].y, Cells::taps[d].z)), ...);
  }

  N* sample_;
  Lines<N, Edge, C, reach[0], reach[1], reach[2]> lines_;
  N** near_;
};

/// What cells attend to: all numbers of a head up to m, for a block of cells.
template <int C, Boundary OfEdge, int Heads, int D, Stencil Cells>
template <class S>
class PerceiveAttention<C, OfEdge, Heads, D, Cells>::Attended {
 public:
  Attended(Theta<S, param_count> theta, View<const S> z, Scratch& scratch)
      : around(z.data(), z.shape(), detail::line_of_zeros<C, S>(z.shape(), scratch), scratch),
        theta_(theta.data()),
        keys_turned_(turned(theta.data(), 1, scratch)),
        own(scratch.take<S>(block * C)),
        q(scratch.take<S>(block * D)),
        a(scratch.take<S>(block * C)),
        w(scratch.take<S>(block * places)),
        m(scratch.take<S>(block * C)) {}

  void go_to(const Index* cells, Index count) {
    around.go_to(cells, count);
    for (Index i = 0; i < count; ++i) std::copy_n(around.itself(cells[i]), C, own + i * C);
  }

  /// a (C) of x (C), for q of another state as well; q (D) on the way.
  void scores_of(int head, const S* x, Index count, S* to_q, S* to_a) const {
    multiply<C, D>(weights(theta_, 0, head), x, count, to_q);
    multiply<D, C>(keys_turned_ + head * C * D, to_q, count, to_a);
  }

  void look(int head, Index count) {
    scores_of(head, own, count, q, a);
    const S* bias = biases(theta_, head);
    const S scale = PerceiveAttention::scale<S>();
    for (Index i = 0; i < count; ++i) {
      S* score = w + i * places;
      for (int d = 0; d < places; ++d) score[d] = scale * dot(a + i * C, around.at(i, d)) + bias[d];
      S most = score[0];
      for (int d = 1; d < places; ++d) most = most < score[d] ? score[d] : most;
      for (int d = 0; d < places; ++d) score[d] -= most;
    }
    kernels::elementwise(
        count * places, w, [](const auto& x) { return x.exp(); }, static_cast<const S*>(w));
    for (Index i = 0; i < count; ++i) {
      S *share = w + i * places, *mean = m + i * C;
      S sum = S(0);
      for (int d = 0; d < places; ++d) sum += share[d];
      sum = S(1) / sum;
      for (int d = 0; d < places; ++d) share[d] *= sum;
      std::fill_n(mean, C, S(0));
      for (int d = 0; d < places; ++d) add(share[d], around.at(i, d), mean);
    }
  }

  Around<S, const S> around;

 private:
  const S *theta_, *keys_turned_;

 public:
  S *own, *q, *a, *w, *m;  // z of the cells; then, of the head that was looked at, as above, a column for each cell
};

template <int C, Boundary OfEdge, int Heads, int D, Stencil Cells>
template <class S>
class PerceiveAttention<C, OfEdge, Heads, D, Cells>::Sight {
 public:
  Sight(const PerceiveAttention&, Theta<S, param_count> theta, View<const S> z, Scratch& scratch)
      : theta_(theta.data()), attended_(theta, z, scratch) {}

  /// seen: count columns of seen_features.
  void operator()(const Index* cells, Index count, S* seen) {
    for (Index first = 0; first < count; first += block, seen += block * seen_features) {
      const Index size = std::min(block, count - first);
      attended_.go_to(cells + first, size);
      for (Index i = 0; i < size; ++i) std::copy_n(attended_.own + i * C, C, seen + i * seen_features);
      for (int h = 0; h < Heads; ++h) {
        attended_.look(h, size);
        multiply<C, D, C, seen_features>(weights(theta_, 2, h), static_cast<const S*>(attended_.m), size,
                                         seen + C + h * D);
      }
    }
  }

 private:
  const S* theta_;
  Attended<S> attended_;
};

}  // namespace basin

#include "basin/nca/perceive_attention_linearization.hpp"
