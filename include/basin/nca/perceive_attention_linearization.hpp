#pragma once

// The change of what cells see that attend to their neighbours, and its transpose. Along a change t of the state,
//
//   ds(d) = (da . z(p + d) + a . t(p + d)) / sqrt(D),   da = K^T Q t(p),
//   dw(d) = w(d) (ds(d) - sum w ds),   dm = sum_d dw(d) z(p + d) + w(d) t(p + d),   do = V dm.
//
// The transpose is in nca/perceive_attention.hpp, which includes this.

#include <algorithm>

#include "basin/nca/perceive_attention.hpp"

namespace basin {

template <int C, Boundary OfEdge, int Heads, int D, Stencil Cells>
template <class S>
class PerceiveAttention<C, OfEdge, Heads, D, Cells>::Change {
 public:
  Change(const PerceiveAttention&, Theta<S, param_count> theta, View<const S> z, View<const S> t, Scratch& scratch)
      : theta_(theta.data()),
        attended_(theta, z, scratch),
        along_(t.data(), t.shape(), detail::line_of_zeros<C, S>(t.shape(), scratch), scratch),
        own_(scratch.take<S>(block * C)),
        dq_(scratch.take<S>(block * D)),
        da_(scratch.take<S>(block * C)),
        dm_(scratch.take<S>(block * C)) {}

  /// seen: count columns of seen_features, the change along t.
  void operator()(const Index* cells, Index count, S* seen) {
    for (Index first = 0; first < count; first += block, seen += block * seen_features) {
      const Index size = std::min(block, count - first);
      attended_.go_to(cells + first, size);
      along_.go_to(cells + first, size);
      for (Index i = 0; i < size; ++i) {
        std::copy_n(along_.itself(cells[first + i]), C, own_ + i * C);
        std::copy_n(own_ + i * C, C, seen + i * seen_features);
      }
      for (int h = 0; h < Heads; ++h) {
        attended_.look(h, size);
        attended_.scores_of(h, own_, size, dq_, da_);
        for (Index i = 0; i < size; ++i) push(i);
        multiply<C, D, C, seen_features>(weights(theta_, 2, h), static_cast<const S*>(dm_), size, seen + C + h * D);
      }
    }
  }

 private:
  void push(Index i) const {
    const S scale = PerceiveAttention::scale<S>();
    const S* share = attended_.w + i * places;
    S* dm = dm_ + i * C;
    S change[places], mean = S(0);
    for (int d = 0; d < places; ++d) {
      change[d] = scale * (dot(da_ + i * C, attended_.around.at(i, d)) + dot(attended_.a + i * C, along_.at(i, d)));
    }
    for (int d = 0; d < places; ++d) mean += share[d] * change[d];
    std::fill_n(dm, C, S(0));
    for (int d = 0; d < places; ++d) {
      add(share[d] * (change[d] - mean), attended_.around.at(i, d), dm);
      add(share[d], along_.at(i, d), dm);
    }
  }

  const S* theta_;
  Attended<S> attended_;
  Around<S, const S> along_;
  S *own_, *dq_, *da_, *dm_;
};

template <int C, Boundary OfEdge, int Heads, int D, Stencil Cells>
template <class S>
class PerceiveAttention<C, OfEdge, Heads, D, Cells>::Spread {
 public:
  Spread(const PerceiveAttention&, Theta<S, param_count> theta, View<const S> z, View<S> dz, S* dtheta,
         Scratch& scratch)
      : theta_(theta.data()),
        attended_(theta, z, scratch),
        to_(dz.data(), z.shape(), scratch.take<S>(z.shape().space[0] * C), scratch),
        wanted_(dz),
        dtheta_(dtheta),
        queries_turned_(turned(theta.data(), 0, scratch)),
        values_turned_(turned(theta.data(), 2, scratch)),
        g_(scratch.take<S>(block * D)),
        dq_(scratch.take<S>(block * D)),
        da_(scratch.take<S>(block * C)),
        dm_(scratch.take<S>(block * C)) {}

  /// g: count columns of seen_features.
  void operator()(const Index* cells, Index count, const S* g) {
    for (Index first = 0; first < count; first += block, g += block * seen_features) {
      spread(cells + first, std::min(block, count - first), g);
    }
  }

 private:
  void spread(const Index* cells, Index count, const S* g) {
    attended_.go_to(cells, count);
    if (wanted_) {
      to_.go_to(cells, count);
      for (Index i = 0; i < count; ++i) add(S(1), g + i * seen_features, to_.itself(cells[i]));
    }
    for (int h = 0; h < Heads; ++h) {
      attended_.look(h, count);
      for (Index i = 0; i < count; ++i) std::copy_n(g + i * seen_features + C + h * D, D, g_ + i * D);
      multiply<D, C>(values_turned_ + h * C * D, static_cast<const S*>(g_), count, dm_);
      for (Index i = 0; i < count; ++i) pull(h, i);
      multiply<C, D>(weights(theta_, 1, h), static_cast<const S*>(da_), count, dq_);
      if (dtheta_ != nullptr) {
        kernels::outer<C, D>(count, attended_.m, g_, weights(dtheta_, 2, h));
        kernels::outer<C, D>(count, da_, attended_.q, weights(dtheta_, 1, h));
        kernels::outer<C, D>(count, attended_.own, dq_, weights(dtheta_, 0, h));
      }
      if (!wanted_) continue;
      multiply<D, C>(queries_turned_ + h * C * D, static_cast<const S*>(dq_), count, dm_);
      for (Index i = 0; i < count; ++i) add(S(1), dm_ + i * C, to_.itself(cells[i]));
    }
  }

  /// Of the i-th cell: da from dm, and what goes to the cells around and to the biases.
  void pull(int head, Index i) const {
    const S scale = PerceiveAttention::scale<S>();
    const S *share = attended_.w + i * places, *dm = dm_ + i * C;
    S change[places], mean = S(0);
    for (int d = 0; d < places; ++d) change[d] = dot(dm, attended_.around.at(i, d));
    for (int d = 0; d < places; ++d) mean += share[d] * change[d];
    for (int d = 0; d < places; ++d) change[d] = share[d] * (change[d] - mean);
    if (dtheta_ != nullptr) {
      S* bias = biases(dtheta_, head);
      for (int d = 0; d < places; ++d) bias[d] += change[d];
    }
    S* da = da_ + i * C;
    std::fill_n(da, C, S(0));
    for (int d = 0; d < places; ++d) {
      change[d] *= scale;
      add(change[d], attended_.around.at(i, d), da);
    }
    if (!wanted_) return;
    const S* a = attended_.a + i * C;
    for (int d = 0; d < places; ++d) {
      S* to = to_.at(i, d);
      add(share[d], dm, to);
      add(change[d], a, to);
    }
  }

  const S* theta_;
  Attended<S> attended_;
  Around<S, S> to_;
  View<S> wanted_;  // dz, if it has memory
  S* dtheta_;
  const S *queries_turned_, *values_turned_;
  S *g_, *dq_, *da_, *dm_;
};

}  // namespace basin
