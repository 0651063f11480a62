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
#include <type_traits>

#include "basin/kernels/product.hpp"
#include "basin/kernels/transpose.hpp"
#include "basin/nca/attention_rows.hpp"
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
  template <class S>
  using Rows = detail::AttentionRows<S, C, places>;
  static constexpr Index block = Rows<float>::width;  // cells at a time

  template <class S, class N>
  class Around;
  template <class S>
  class Attended;

  template <class S>
  static S scale() {
    return static_cast<S>(1 / std::sqrt(double{D}));
  }

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

  /// y = matrix x of columns that are `to_step` numbers apart; the matrix is (rows, columns), column-major.
  template <int columns, int rows, int to_step = rows, class S>
  static void multiply(const S* matrix, const std::type_identity_t<S>* x, Index count, S* y) {
    kernels::gather<columns, columns, rows, to_step>(count, 1, &x, matrix, static_cast<const S*>(nullptr), y);
  }

  /// Columns of C numbers as C rows, and back. What fills no row is zeros.
  template <class S>
  static void to_rows(const S* columns, Index step, Index count, S* rows) {
    if (count < block) std::fill_n(rows, C * block, S(0));
    kernels::transpose(columns, step, count, Index{C}, rows, block);
  }
  template <class S>
  static void to_columns(const S* rows, Index count, S* columns, Index step = C) {
    kernels::transpose(rows, block, Index{C}, count, columns, step);
  }
};

/// The cells around some cells of a sample. N is S or const S.
template <int C, Boundary OfEdge, int Heads, int D, Stencil Cells>
template <class S, class N>
class PerceiveAttention<C, OfEdge, Heads, D, Cells>::Around {
 public:
  Around(N* sample, const Shape& z, N* elsewhere, Scratch& scratch)
      : lines_(sample, z.space, elsewhere), patches_(scratch.take<S>(block * places * C)) {}

  /// C rows for each place.
  void look(const Index* cells, Index count, S* rows) {
    for (Index i = 0; i < count; ++i) {
      S* to = patches_ + i * places * C;
      each_place(cells[i], [&](int d, const S* from) { std::copy_n(from, C, to + d * C); });
    }
    for (int d = 0; d < places; ++d) to_rows(patches_ + d * C, Index{places} * C, count, rows + d * C * block);
  }

  /// Adds such rows to the cells.
  void add(const Index* cells, Index count, const S* rows) {
    for (int d = 0; d < places; ++d) to_columns(rows + d * C * block, count, patches_ + d * C, Index{places} * C);
    for (Index i = 0; i < count; ++i) {
      const S* from = patches_ + i * places * C;
      each_place(cells[i], [&](int d, S* to) { detail::add_features<C>(from + d * C, to); });
    }
  }

 private:
  template <class Visit>
  void each_place(Index cell, const Visit& visit) {
    lines_.go_to(cell);
    for (int d = 0; d < places; ++d) {
      const Tap& tap = Cells::taps[static_cast<std::size_t>(d)];
      visit(d, lines_.inside() ? lines_.template at<true>(tap.x, tap.y, tap.z)
                               : lines_.template at<false>(tap.x, tap.y, tap.z));
    }
  }

  Lines<N, Edge, C, reach[0], reach[1], reach[2]> lines_;
  S* patches_;
};

/// What a block of cells attends to.
template <int C, Boundary OfEdge, int Heads, int D, Stencil Cells>
template <class S>
class PerceiveAttention<C, OfEdge, Heads, D, Cells>::Attended {
 public:
  Attended(Theta<S, param_count> theta, View<const S> z, Scratch& scratch)
      : z_(z.data()),
        around_(z.data(), z.shape(), detail::line_of_zeros<C, S>(z.shape(), scratch), scratch),
        theta_(theta.data()),
        keys_turned_(turned(theta.data(), 1, scratch)),
        columns_(scratch.take<S>(block * C)),
        near(scratch.take<S>(block * places * C)),
        own(scratch.take<S>(block * C)),
        q(scratch.take<S>(block * D)),
        a(scratch.take<S>(block * C)),
        w(scratch.take<S>(block * places)),
        m(scratch.take<S>(block * C)) {}

  void go_to(const Index* cells, Index count) {
    around_.look(cells, count, near);
    for (Index i = 0; i < count; ++i) std::copy_n(z_ + cells[i] * C, C, own + i * C);
  }

  /// a, as rows, of columns x; q on the way.
  void score_by(int head, const S* x, Index count, S* to_q, S* to_a) const {
    multiply<C, D>(weights(theta_, 0, head), x, count, to_q);
    multiply<D, C>(keys_turned_ + head * C * D, to_q, count, columns_);
    to_rows(columns_, C, count, to_a);
  }

  void look(int head, Index count) {
    score_by(head, own, count, q, a);
    Rows<S>::look(a, near, biases(theta_, head), scale<S>(), w, m);
  }

  /// V of each of the C rows x of a head, into columns of what is seen.
  void tell(int head, const S* x, Index count, S* seen) const {
    to_columns(x, count, columns_);
    multiply<C, D, seen_features>(weights(theta_, 2, head), columns_, count, seen + C + head * D);
  }

 private:
  const S* z_;
  Around<S, const S> around_;
  const S *theta_, *keys_turned_;
  S* columns_;

 public:
  S *near, *own;     // z of all places, as rows; of the cells, as columns
  S *q, *a, *w, *m;  // of the head that was looked at: q as columns, the others as rows
};

template <int C, Boundary OfEdge, int Heads, int D, Stencil Cells>
template <class S>
class PerceiveAttention<C, OfEdge, Heads, D, Cells>::Sight {
 public:
  Sight(const PerceiveAttention&, Theta<S, param_count> theta, View<const S> z, Scratch& scratch)
      : attended_(theta, z, scratch) {}

  /// seen: count columns of seen_features.
  void operator()(const Index* cells, Index count, S* seen) {
    for (Index first = 0; first < count; first += block, seen += block * seen_features) {
      const Index size = std::min(block, count - first);
      attended_.go_to(cells + first, size);
      for (Index i = 0; i < size; ++i) std::copy_n(attended_.own + i * C, C, seen + i * seen_features);
      for (int h = 0; h < Heads; ++h) {
        attended_.look(h, size);
        attended_.tell(h, attended_.m, size, seen);
      }
    }
  }

 private:
  Attended<S> attended_;
};

}  // namespace basin

#include "basin/nca/perceive_attention_linearization.hpp"
