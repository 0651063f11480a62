#pragma once

// Newton's method for g(z) = f(z) - z = 0, its equations solved by GMRES with products by the Jacobian alone.
//
//   (I - J) s = g        J = df/dz at z, to |g - (I - J) s| <= eta |g|
//   z <- z + lambda s    lambda = 1 at first, shortened until |g| has fallen enough
//
// eta, the forcing term, is Eisenstat and Walker's choice 2: 0.9 (|g| / |g before|)^2, kept above 0.9 times the square
// of the eta before where that is above 0.1, and in [1e-8, max_forcing]. lambda is enough where
//
//   |g(z + lambda s)| <= (1 - 1e-4 lambda) m
//
// with m the largest |g| of the last `memory` iterates, as a search that insists on the last one alone ends in the
// first local minimum of |g|. Otherwise lambda becomes the minimum of the parabola through what is known, within [0.1,
// 0.5] of itself, or a tenth where f is not finite. When max_shortenings are used up, the best of the trials is taken.
//
// Dembo, Eisenstat and Steihaug 1982, SIAM J. Numer. Anal. 19(2); Eisenstat and Walker 1996, SIAM J. Sci. Comput.
// 17(1), section 2; the search: Kelley 1995, Iterative Methods for Linear and Nonlinear Equations, chapter 8, with
// memory: Grippo, Lampariello and Lucidi 1986, SIAM J. Numer. Anal. 23(4). All norms are Euclidean.
// Memory of a sample: 5 vectors, and restart + 5 while it steps. Derivatives: fixed_point/sample_map.hpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include "basin/core/scratch.hpp"
#include "basin/fixed_point/sample_map.hpp"
#include "basin/linear/gmres.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// restart: vectors in the basis of GMRES.
template <int restart = 20>
struct NewtonGmres {
  static constexpr std::string_view name = "newton_gmres";
  static constexpr int memory = 5;     ///< residuals that the line search looks back on
  static constexpr int patience = 10;  ///< steps without a tenth less, after which come leaps
  static constexpr int leaps = 5;      ///< full steps in a row

  double first_forcing = 0.1;  ///< eta of the first step, in (0, max_forcing]
  double max_forcing = 0.5;    ///< in (0, 1)
  int max_products = 60;       ///< with the Jacobian, in one step; 2 or more
  int max_shortenings = 12;    ///< of a step; 0 or more

  template <class S>
  struct Memory {
    S *step, *trial, *trial_value, *best, *best_value;  ///< the trial and the best one change places
    double forcing;
    int count;                           ///< steps so far
    std::array<double, memory> lengths;  ///< |g| of the last iterates, a ring
    double lowest;                       ///< |g| when it last fell by a tenth
    int since_lowest;                    ///< steps since then
  };

  template <class S>
  [[nodiscard]] Memory<S> start(Index size, Scratch& scratch) const {
    check(max_forcing > 0 && max_forcing < 1, "max_forcing of NewtonGmres", max_forcing, "a number between 0 and 1");
    check(first_forcing > 0 && first_forcing <= max_forcing, "first_forcing of NewtonGmres", first_forcing,
          "a number above 0, at most max_forcing");
    check(max_products >= 2, "max_products of NewtonGmres", max_products, "2 or more");
    check(max_shortenings >= 0, "max_shortenings of NewtonGmres", max_shortenings, "0 or more");
    return {scratch.take<S>(size),
            scratch.take<S>(size),
            scratch.take<S>(size),
            scratch.take<S>(size),
            scratch.take<S>(size),
            0,
            0,
            {},
            0,
            0};
  }

  template <class S, class Map>
  bool step(Memory<S>& m, std::span<S> z, std::span<S> f, const SampleMap<S, Map>& map) const {
    const Index size = static_cast<Index>(z.size());
    const double length = detail::residual_norms<S>(z.data(), f.data(), size).residual;
    set_forcing(m, length);
    if (map.left() < 4) {  // too few to linearize, solve and try
      std::copy_n(f.data(), size, z.data());
      return false;
    }
    ++m.since_lowest;
    if (m.count == 1 || length < 0.9 * m.lowest) {
      m.lowest = length;
      m.since_lowest = 0;
    }
    if (m.since_lowest == patience + leaps) m.since_lowest = 0;
    const bool leap = m.since_lowest >= patience;
    if (leap) m.forcing = 1e-8;
    solve_for_step(m, z, f, map);
    return search(m, z, f, map, length, leap);
  }

 private:
  template <class S>
  void set_forcing(Memory<S>& m, double length) const {
    if (m.count == 0) {
      m.forcing = first_forcing;
    } else {
      const double ratio = length / m.lengths[static_cast<std::size_t>((m.count - 1) % memory)];
      const double kept = 0.9 * m.forcing * m.forcing;
      m.forcing = 0.9 * ratio * ratio;
      if (kept > 0.1) m.forcing = std::max(m.forcing, kept);
    }
    m.forcing = std::isnan(m.forcing) ? max_forcing : std::clamp(m.forcing, 1e-8, max_forcing);
    m.lengths[static_cast<std::size_t>(m.count++ % memory)] = length;
  }

  /// m.step = s; g itself, the step of Picard, where GMRES found nothing.
  template <class S, class Map>
  void solve_for_step(Memory<S>& m, std::type_identity_t<std::span<const S>> z,
                      std::type_identity_t<std::span<const S>> f, const SampleMap<S, Map>& map) const {
    const Index size = static_cast<Index>(z.size());
    const Shape shape{size};
    Scratch scratch;
    const View<S> g = scratch.state<S>(shape), s(m.step, shape);
    g.vector() = detail::ConstVectorMap<S>(f.data(), size) - detail::ConstVectorMap<S>(z.data(), size);
    s.vector().setZero();
    const auto linear = map.linearize(z, f);
    const auto op = [&](View<const S> v, View<S> out) {
      if (!linear.jvp({v.data(), z.size()}, {out.data(), z.size()})) out.vector().setZero();
      out.vector() = v.vector() - out.vector();
    };
    SampleResult result;
    // One evaluation is kept for the line search.
    const LinearStop stop{.tolerance = m.forcing, .max_evaluations = std::min(max_products, map.left() - 1)};
    Gmres<restart>{}.template solve_tile<S>(op, View<const S>(g), s, stop, std::span<SampleResult>(&result, 1));
    const double found = detail::norm(m.step, size);
    if (!(found > 0) || !std::isfinite(found)) s.vector() = g.vector();
  }

  /// z and f become those of the end of the search. True if any trial was made.
  template <class S, class Map>
  bool search(Memory<S>& m, std::span<S> z, std::span<S> f, const SampleMap<S, Map>& map, double length,
              bool leap) const {
    const Index size = static_cast<Index>(z.size());
    double highest = 0;
    for (int i = 0; i < std::min(m.count, memory); ++i) {
      highest = std::max(highest, m.lengths[static_cast<std::size_t>(i)]);
    }
    const detail::ConstVectorMap<S> from(z.data(), size), along(m.step, size);
    double lambda = 1, best = std::numeric_limits<double>::infinity();
    for (int tries = 0; tries <= max_shortenings; ++tries) {
      detail::VectorMap<S>(m.trial, size) = from + static_cast<S>(lambda) * along;
      if (!map({m.trial, z.size()}, {m.trial_value, z.size()})) break;
      const ResidualNorms norms = detail::residual_norms<S>(m.trial, m.trial_value, size);
      const bool finite = norms.finite() && norms.residual < std::numeric_limits<double>::max();
      if (finite && norms.residual < best) {
        best = norms.residual;
        std::swap(m.trial, m.best);
        std::swap(m.trial_value, m.best_value);
      }
      if (finite && (leap || norms.residual <= (1 - 1e-4 * lambda) * highest)) break;
      if (!finite) {
        map.count_failed_trial();
        lambda *= 0.1;
      } else {  // the parabola of |g|^2 whose slope at 0 is that of an exact step, -2 |g|^2
        const double ratio = norms.residual / length;
        lambda = std::clamp(lambda / (ratio * ratio - 1 + 2 * lambda), 0.1, 0.5) * lambda;
      }
    }
    if (std::isinf(best)) return true;
    std::copy_n(m.best, size, z.data());  // not z + lambda s once more, which may be rounded otherwise
    std::copy_n(m.best_value, size, f.data());
    return true;
  }
};

}  // namespace basin
