#pragma once

// What particles see, its change, and the transpose. With e_ij the direction from j to i, r_ij their distance, and g_i
// the slope of G at particle i,
//
//   -grad_i = sum over j of c_ij e_ij,   c_ij = -rho'(r_ij) + (g_i + g_j) K'(r_ij),
//
// where rho is the energy of the push of a pair, and g_j belongs to the energy of all alone. Along a change of the
// places, r changes by dr = e . (dp_i - dp_j), e by (dp_i - dp_j - e dr) / r, and g_i by G'' sum over j of K' dr. It is
// included by nca/particle_lenia.hpp.

#include <algorithm>

#include "basin/nca/particle_lenia.hpp"

namespace basin {

template <int D>
template <class S>
class PerceiveParticles<D>::Sight {
 public:
  Sight(const PerceiveParticles& perception, Theta<S, 0>, View<const S> z, Scratch& scratch)
      : perception_(perception), z_(z) {
    if (!perception.options.total) return;
    slopes_ = scratch.take<S>(z.shape().space[0]);
    Scratch own;
    perception.growths(z, View<const S>{}, slopes_, static_cast<S*>(nullptr), own);
  }

  /// seen: count columns of D numbers, -grad.
  void operator()(const Index* cells, Index count, S* seen) const {
    Scratch own;
    Row<S> row(perception_.options, z_, own);
    for (Index k = 0; k < count; ++k, seen += D) {
      row.go_to(cells[k]);
      const S slope = row.growth_slope(row.field());
      std::fill_n(seen, D, S(0));
      for (Index j = 0; j < row.count(); ++j) {
        const S both = slopes_ != nullptr ? slope + slopes_[j] : slope;
        const S push = both * row.kernel_slope(j) - row.repulsion_slope(j);
        for (int d = 0; d < D; ++d) seen[d] += push * row.direction(j, d);
      }
    }
  }

 private:
  const PerceiveParticles& perception_;
  View<const S> z_;
  S* slopes_ = nullptr;  // of all particles, for the energy of all
};

template <int D>
template <class S>
class PerceiveParticles<D>::Change {
 public:
  Change(const PerceiveParticles& perception, Theta<S, 0>, View<const S> z, View<const S> t, Scratch& scratch)
      : perception_(perception), z_(z), t_(t) {
    if (!perception.options.total) return;
    slopes_ = scratch.take<S>(z.shape().space[0]);
    changes_ = scratch.take<S>(z.shape().space[0]);
    Scratch own;
    perception.growths(z, t, slopes_, changes_, own);
  }

  /// seen: count columns of D numbers, the change of -grad along t.
  void operator()(const Index* cells, Index count, S* seen) const {
    Scratch own;
    Row<S> row(perception_.options, z_, own);
    const S* t = t_.data();
    for (Index k = 0; k < count; ++k, seen += D) {
      const Index i = cells[k];
      row.go_to(i);
      const S field = row.field(), slope = row.growth_slope(field);
      const S change = row.growth_bend(field) * field_change(row, i, t);
      std::fill_n(seen, D, S(0));
      for (Index j = 0; j < row.count(); ++j) {
        const S both = slopes_ != nullptr ? slope + slopes_[j] : slope;
        const S both_change = slopes_ != nullptr ? change + changes_[j] : change;
        const S near = nearing(row, i, j, t);
        const S push = both * row.kernel_slope(j) - row.repulsion_slope(j);
        const S push_change =
            (both * row.kernel_bend(j) - row.repulsion_bend(j)) * near + both_change * row.kernel_slope(j);
        for (int d = 0; d < D; ++d) {
          const S e = row.direction(j, d), turn = (t[i * D + d] - t[j * D + d] - e * near) * row.inverse(j);
          seen[d] += push_change * e + push * turn;
        }
      }
    }
  }

 private:
  const PerceiveParticles& perception_;
  View<const S> z_, t_;
  S *slopes_ = nullptr, *changes_ = nullptr;  // of all particles, for the energy of all
};

/// dz has everything only after finish().
template <int D>
template <class S>
class PerceiveParticles<D>::Spread {
 public:
  Spread(const PerceiveParticles& perception, Theta<S, 0>, View<const S> z, View<S> dz, Scratch& scratch)
      : perception_(perception), z_(z), dz_(dz.data()), growths_(zeros(count(), scratch)) {
    if (!perception.options.total) return;
    slopes_ = scratch.take<S>(count());
    Scratch own;
    perception.growths(z, View<const S>{}, slopes_, static_cast<S*>(nullptr), own);
  }

  class Part {
   public:
    /// w: what comes for what particles see, D numbers each.
    void operator()(const Index* cells, Index count, const S* w) {
      Scratch own;
      Row<S> row(whole_->perception_.options, whole_->z_, own);
      const S* slopes = whole_->slopes_;
      for (Index k = 0; k < count; ++k, w += D) {
        const Index i = cells[k];
        row.go_to(i);
        const S field = row.field(), slope = row.growth_slope(field);
        S growth = S(0);  // what comes for the slope of G at i
        for (Index j = 0; j < row.count(); ++j) {
          const S both = slopes != nullptr ? slope + slopes[j] : slope;
          const S push = both * row.kernel_slope(j) - row.repulsion_slope(j);
          const S pull = both * row.kernel_bend(j) - row.repulsion_bend(j);
          const S along = row.along(j, w), bend = row.kernel_slope(j) * along;
          growth += bend;
          if (slopes != nullptr) growths_[j] += bend;
          for (int d = 0; d < D; ++d) {
            const S e = row.direction(j, d), come = pull * along * e + push * (w[d] - e * along) * row.inverse(j);
            places_[i * D + d] += come;
            places_[j * D + d] -= come;
          }
        }
        if (slopes != nullptr) {
          growths_[i] += growth;
        } else {
          Spread::add_field(row, i, row.growth_bend(field) * growth, places_);
        }
      }
    }

   private:
    friend Spread;
    Part(const Spread& whole, S* places, S* growths) : whole_(&whole), places_(places), growths_(growths) {}

    const Spread* whole_;
    S *places_, *growths_;  // what comes for places, and for the slopes of G
  };

  /// A part that has all particles adds to what is here directly.
  Part part(Index first, Index last, S* /*dtheta*/, Scratch& scratch) const {
    if (first == 0 && last == count()) return Part(*this, dz_, growths_);
    return Part(*this, zeros(count() * D, scratch), zeros(count(), scratch));
  }

  /// Takes in what a part has; call it once for each part, in order.
  void add(const Part& part) {
    if (part.places_ == dz_) return;
    for (Index i = 0; i < count() * D; ++i) dz_[i] += part.places_[i];
    for (Index i = 0; i < count(); ++i) growths_[i] += part.growths_[i];
  }

  /// Adds to dz what comes through the slopes of G, if the energy is that of all; call it once, after all parts. There
  /// is no theta.
  void finish(S* /*dtheta*/) {
    if (slopes_ == nullptr) return;
    Scratch own;
    Row<S> row(perception_.options, z_, own);
    for (Index i = 0; i < count(); ++i) {
      row.go_to(i);
      add_field(row, i, row.growth_bend(row.field()) * growths_[i], dz_);
    }
  }

 private:
  [[nodiscard]] Index count() const { return z_.shape().space[0]; }

  static S* zeros(Index count, Scratch& scratch) {
    S* numbers = scratch.take<S>(count);
    std::fill_n(numbers, count, S(0));
    return numbers;
  }

  /// To the places, what comes for U at i.
  static void add_field(const Row<S>& row, Index i, S come, S* places) {
    for (Index j = 0; j < row.count(); ++j) {
      for (int d = 0; d < D; ++d) {
        const S part = come * row.kernel_slope(j) * row.direction(j, d);
        places[i * D + d] += part;
        places[j * D + d] -= part;
      }
    }
  }

  const PerceiveParticles& perception_;
  View<const S> z_;
  S* dz_;
  S* growths_;           // what comes for the slopes of G
  S* slopes_ = nullptr;  // these, for the energy of all
};

}  // namespace basin
