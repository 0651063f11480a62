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
      : attended_(theta, z, scratch),
        t_(t.data()),
        along_(t.data(), t.shape(), detail::line_of_zeros<C, S>(t.shape(), scratch), scratch),
        near_(scratch.take<S>(block * places * C)),
        own_(scratch.take<S>(block * C)),
        dq_(scratch.take<S>(block * D)),
        da_(scratch.take<S>(block * C)),
        dm_(scratch.take<S>(block * C)) {}

  /// seen: count columns of seen_features, the change along t.
  void operator()(const Index* cells, Index count, S* seen) {
    for (Index first = 0; first < count; first += block, seen += block * seen_features) {
      const Index size = std::min(block, count - first);
      attended_.go_to(cells + first, size);
      along_.look(cells + first, size, near_);
      for (Index i = 0; i < size; ++i) {
        std::copy_n(t_ + cells[first + i] * C, C, own_ + i * C);
        std::copy_n(own_ + i * C, C, seen + i * seen_features);
      }
      for (int h = 0; h < Heads; ++h) {
        attended_.look(h, size);
        attended_.score_by(h, own_, size, dq_, da_);
        Rows<S>::push(attended_.a, da_, attended_.near, near_, attended_.w, scale<S>(), dm_);
        attended_.tell(h, dm_, size, seen);
      }
    }
  }

 private:
  Attended<S> attended_;
  const S* t_;
  Around<S, const S> along_;
  S *near_, *own_, *dq_, *da_, *dm_;
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
        dz_(dz.data()),
        dtheta_(dtheta),
        queries_turned_(turned(theta.data(), 0, scratch)),
        values_turned_(turned(theta.data(), 2, scratch)),
        g_(scratch.take<S>(block * D)),
        dq_(scratch.take<S>(block * D)),
        columns_(scratch.take<S>(block * C)),
        da_(scratch.take<S>(block * C)),
        dm_(scratch.take<S>(block * C)),
        dnear_(scratch.take<S>(block * places * C)) {}

  /// g: count columns of seen_features.
  void operator()(const Index* cells, Index count, const S* g) {
    for (Index first = 0; first < count; first += block, g += block * seen_features) {
      spread(cells + first, std::min(block, count - first), g);
    }
  }

 private:
  void spread(const Index* cells, Index count, const S* g) {
    attended_.go_to(cells, count);
    if (dz_ != nullptr) {
      std::fill_n(dnear_, block * places * C, S(0));
      add(cells, count, g, seen_features);
    }
    for (int h = 0; h < Heads; ++h) {
      attended_.look(h, count);
      for (Index i = 0; i < count; ++i) std::copy_n(g + i * seen_features + C + h * D, D, g_ + i * D);
      multiply<D, C>(values_turned_ + h * C * D, g_, count, columns_);
      to_rows(columns_, C, count, dm_);
      Rows<S>::pull(attended_.a, attended_.near, attended_.w, scale<S>(), dm_, da_, dz_ != nullptr ? dnear_ : nullptr,
                    dtheta_ != nullptr ? biases(dtheta_, h) : nullptr);
      to_columns(da_, count, columns_);
      multiply<C, D>(weights(theta_, 1, h), columns_, count, dq_);
      if (dtheta_ != nullptr) {
        kernels::outer<C, D>(count, columns_, attended_.q, weights(dtheta_, 1, h));
        kernels::outer<C, D>(count, attended_.own, dq_, weights(dtheta_, 0, h));
        to_columns(attended_.m, count, columns_);
        kernels::outer<C, D>(count, columns_, g_, weights(dtheta_, 2, h));
      }
      if (dz_ == nullptr) continue;
      multiply<D, C>(queries_turned_ + h * C * D, dq_, count, columns_);
      add(cells, count, columns_, C);
    }
    if (dz_ != nullptr) to_.add(cells, count, dnear_);
  }

  /// Columns, `step` numbers apart, to dz of the cells themselves.
  void add(const Index* cells, Index count, const S* columns, int step) const {
    for (Index i = 0; i < count; ++i) detail::add_features<C>(columns + i * step, dz_ + cells[i] * C);
  }

  const S* theta_;
  Attended<S> attended_;
  Around<S, S> to_;
  S *dz_, *dtheta_;  // null if not wanted
  const S *queries_turned_, *values_turned_;
  S *g_, *dq_, *columns_, *da_, *dm_, *dnear_;
};

}  // namespace basin
