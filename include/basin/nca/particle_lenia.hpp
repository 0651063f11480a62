#pragma once

// Particle Lenia (A. Mordvintsev, E. Niklasson, E. Randazzo, "Particle Lenia and the energy-based formulation", 2022):
// a Lenia without a grid. Particles at p_1 ... p_N make fields in space,
//
//   U(x) = sum over i of K(|x - p_i|),   K(r) = w exp(-((r - mu_K) / sigma_K)^2),
//   G = exp(-((U - mu_G) / sigma_G)^2),   R(x) = (c / 2) sum over i, not where x is, of max(0, 1 - |x - p_i|)^2,
//   E = R - G,
//
// and go downhill, either each in the field that all together make at that moment,
//
//   p_i' = p_i - dt grad E(p_i):   each lowers its own energy, and the sum of all may rise, or
//   p_i' = p_i - dt d/dp_i sum over j of E(p_j):   which falls where dt is small enough.
//
// Particles are the cells of an automaton whose perception is of whole samples (nca/perception.hpp): a state is
// (D, N, 1, 1, samples). All gradients are written by hand. The derivative is that of one branch where two particles
// are 1 apart, and two at the same place do not push each other. The second rule has fixed points; they may be shifted
// and turned, so that I - J is singular there.

#include <cmath>
#include <string>

#include "basin/kernels/elementwise.hpp"
#include "basin/layers/activation.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perception.hpp"

namespace basin {

/// The defaults are the article's, for 2 axes and about 200 particles.
struct ParticleOptions {
  double kernel_weight = 0.022;  ///< w
  double kernel_centre = 4;      ///< mu_K
  double kernel_width = 1;       ///< sigma_K, positive
  double growth_centre = 0.6;    ///< mu_G
  double growth_width = 0.15;    ///< sigma_G, positive
  double repulsion = 1;          ///< c
  bool total = false;            ///< downhill in the energy of all, not each in its own
};

namespace detail {

/// Distances and directions from one particle to all of a sample, and the kernel there.
template <class S, int D>
class PairRow {
 public:
  PairRow(const ParticleOptions& options, View<const S> z, Scratch& scratch)
      : options_(options), z_(z.data()), count_(z.shape().space[0]), numbers_(scratch.take<S>((D + 3) * count_)) {}

  void go_to(Index i) {
    const S centre = static_cast<S>(options_.kernel_centre), width = static_cast<S>(options_.kernel_width);
    for (Index j = 0; j < count_; ++j) {
      S squares = S(0);
      for (int d = 0; d < D; ++d) {
        const S far = z_[i * D + d] - z_[j * D + d];
        numbers_[d * count_ + j] = far;
        squares += far * far;
      }
      const S r = std::sqrt(squares);
      distances()[j] = r;
      inverses()[j] = r != S(0) ? S(1) / r : S(0);
      for (int d = 0; d < D; ++d) numbers_[d * count_ + j] *= inverses()[j];
    }
    kernels::elementwise(
        count_, kernels(),
        [&](const auto& r) {
          return (-((r - centre) / width).square()).exp() * static_cast<S>(options_.kernel_weight);
        },
        static_cast<const S*>(distances()));
  }

  [[nodiscard]] Index count() const { return count_; }
  /// From j to the particle, of length 1; 0 where there is no distance.
  [[nodiscard]] S direction(Index j, int d) const { return numbers_[d * count_ + j]; }
  /// Along it.
  [[nodiscard]] S along(Index j, const S* vector) const {
    S sum = S(0);
    for (int d = 0; d < D; ++d) sum += direction(j, d) * vector[d];
    return sum;
  }
  [[nodiscard]] S inverse(Index j) const { return inverses()[j]; }
  /// K and its derivatives.
  [[nodiscard]] S kernel_slope(Index j) const { return S(-2) * off(j) * kernels()[j]; }
  [[nodiscard]] S kernel_bend(Index j) const {
    const S width = static_cast<S>(options_.kernel_width);
    return (S(4) * off(j) * off(j) - S(2) / (width * width)) * kernels()[j];
  }
  /// The first two derivatives of (c / 2) max(0, 1 - r)^2, as often as it counts: in the energies of one or of two.
  [[nodiscard]] S repulsion_slope(Index j) const { return -push() * std::max(S(0), S(1) - distances()[j]); }
  [[nodiscard]] S repulsion_bend(Index j) const { return distances()[j] < S(1) ? push() : S(0); }

  /// U at the particle.
  [[nodiscard]] S field() const {
    S sum = S(0);
    for (Index j = 0; j < count_; ++j) sum += kernels()[j];
    return sum;
  }
  /// The first two derivatives of G.
  [[nodiscard]] S growth_slope(S field) const { return S(-2) * grown(field) * bell(field); }
  [[nodiscard]] S growth_bend(S field) const {
    const S width = static_cast<S>(options_.growth_width);
    return (S(4) * grown(field) * grown(field) - S(2) / (width * width)) * bell(field);
  }

 private:
  [[nodiscard]] S* distances() const { return numbers_ + D * count_; }
  [[nodiscard]] S* inverses() const { return numbers_ + (D + 1) * count_; }
  [[nodiscard]] S* kernels() const { return numbers_ + (D + 2) * count_; }
  [[nodiscard]] S push() const { return static_cast<S>(options_.total ? 2 * options_.repulsion : options_.repulsion); }
  [[nodiscard]] S off(Index j) const {
    return (distances()[j] - static_cast<S>(options_.kernel_centre)) /
           static_cast<S>(options_.kernel_width * options_.kernel_width);
  }
  [[nodiscard]] S grown(S field) const {
    return (field - static_cast<S>(options_.growth_centre)) /
           static_cast<S>(options_.growth_width * options_.growth_width);
  }
  [[nodiscard]] S bell(S field) const {
    const S off = (field - static_cast<S>(options_.growth_centre)) / static_cast<S>(options_.growth_width);
    return std::exp(-off * off);
  }

  const ParticleOptions& options_;
  const S* z_;
  Index count_;
  S* numbers_;
};

}  // namespace detail

/// What a particle sees: the direction downhill, -grad. A perception as nca/perception.hpp describes them, without
/// parameters.
template <int D>
struct PerceiveParticles {
  static_assert(D > 0, "PerceiveParticles: the number of axes must be positive");
  static constexpr int state_features = D, seen_features = D;
  static constexpr bool whole_samples = true;

  ParticleOptions options{};  ///< of the fields; particle_lenia() checks the widths, this does not

  /// Throws std::invalid_argument unless z is (D, N, 1, 1, samples).
  void check_shape(const Shape& z) const {
    check_features("PerceiveParticles", z.features, D);
    if (z.space[1] == 1 && z.space[2] == 1) return;
    check(false, "PerceiveParticles: extents of a sample beyond its one line", z.space[1] * z.space[2], 1);
  }

  template <class S>
  class Sight;
  template <class S>
  class Change;
  template <class S>
  class Spread;

 private:
  template <class S>
  using Row = detail::PairRow<S, D>;

  /// Of every particle, if the energy is that of all: dG/dU, and how it changes along t, if that has memory.
  template <class S>
  void growths(View<const S> z, View<const S> t, S* slopes, S* changes, Scratch& scratch) const {
    Row<S> row(options, z, scratch);
    for (Index i = 0; i < row.count(); ++i) {
      row.go_to(i);
      const S field = row.field();
      slopes[i] = row.growth_slope(field);
      if (t) changes[i] = row.growth_bend(field) * field_change(row, i, t.data());
    }
  }
  template <class S>
  static S field_change(const Row<S>& row, Index i, const S* t) {
    S sum = S(0);
    for (Index j = 0; j < row.count(); ++j) sum += row.kernel_slope(j) * nearing(row, i, j, t);
    return sum;
  }
  /// How the distance of i and j changes along t.
  template <class S>
  static S nearing(const Row<S>& row, Index i, Index j, const S* t) {
    return row.along(j, t + i * D) - row.along(j, t + j * D);
  }
};

/// The particles move dt times what they see.
struct TimesFunction {
  double factor = 0.1;  ///< dt, the time step

  template <class A>
  auto map(const A& x) const {
    return static_cast<typename A::Scalar>(factor) * x;
  }
  template <class A, class B>
  auto slope(const A& x, const B&) const {
    return A::PlainObject::Constant(x.rows(), x.cols(), static_cast<typename A::Scalar>(factor));
  }
};

/// States are (D, N, 1, 1, samples): N particles. Made by particle_lenia(options, dt).
template <int D = 2>
using ParticleLenia = Automaton<PerceiveParticles<D>, Activation<TimesFunction>, EveryCell, Everywhere, Increment>;

/// Throws std::invalid_argument for a width or a time step that is not positive.
template <int D = 2>
[[nodiscard]] ParticleLenia<D> particle_lenia(const ParticleOptions& options = {}, double time_step = 0.1) {
  check(options.kernel_width > 0, "ParticleLenia: width of the kernel", options.kernel_width, "above 0");
  check(options.growth_width > 0, "ParticleLenia: width of the growth", options.growth_width, "above 0");
  check(time_step > 0, "ParticleLenia: time step", time_step, "above 0");
  ParticleLenia<D> automaton;
  automaton.perception.options = options;
  automaton.rule.function.factor = time_step;
  return automaton;
}

/// The fields at a place.
struct ParticleFields {
  double density = 0, growth = 0, repulsion = 0;  ///< U, G, R
  /// E = R - G at the place.
  [[nodiscard]] double energy() const { return repulsion - growth; }
};

/// place: D numbers; z: one sample, of which particle `but`, if any, is at that place.
template <class S>
[[nodiscard]] ParticleFields particle_fields(const ParticleOptions& options, View<const S> z, const S* place,
                                             Index but = nothing) {
  ParticleFields fields;
  const Index axes = z.shape().features;
  for (Index j = 0; j < z.shape().space[0]; ++j) {
    double squares = 0;
    for (Index d = 0; d < axes; ++d) {
      const double far = static_cast<double>(place[d]) - static_cast<double>(z.data()[j * axes + d]);
      squares += far * far;
    }
    const double r = std::sqrt(squares), off = (r - options.kernel_centre) / options.kernel_width;
    fields.density += options.kernel_weight * std::exp(-off * off);
    if (j != but && r < 1) fields.repulsion += options.repulsion / 2 * (1 - r) * (1 - r);
  }
  const double off = (fields.density - options.growth_centre) / options.growth_width;
  fields.growth = std::exp(-off * off);
  return fields;
}

/// The sum of E(p_i) over the particles of one sample.
template <class S>
[[nodiscard]] double particle_energy(const ParticleOptions& options, View<const S> z) {
  double sum = 0;
  for (Index i = 0; i < z.shape().space[0]; ++i) {
    sum += particle_fields(options, z, z.data() + i * z.shape().features, i).energy();
  }
  return sum;
}

}  // namespace basin

#include "basin/nca/particle_sights.hpp"
