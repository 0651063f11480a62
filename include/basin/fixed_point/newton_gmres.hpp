#pragma once

// Newton's method for g(z) = f(z) - z = 0, its equations solved by GMRES with products by the Jacobian alone.
//
//   (I - J) s = g        J = df/dz at z, to |g - (I - J) s| <= eta |g|
//   z <- z + lambda s    lambda = 1 at first, shortened until |g| has fallen enough
//
// eta, the forcing term, is Eisenstat and Walker's choice 2: 0.9 (|g| / |g before|)^2, kept above 0.9 times the square
// of the eta before where that is above 0.1, and in [1e-8, max_forcing]; and no less than half of what the stop test
// asks for, so that the last step does not solve further than anybody will look. lambda is enough where
//
//   |g(z + lambda s)| <= (1 - 1e-4 lambda) m
//
// with m the largest |g| of the last `memory` iterates, as a search that insists on the last one alone ends in the
// first local minimum of |g|. Otherwise lambda becomes the minimum of the parabola through what is known, within [0.1,
// 0.5] of itself, or a tenth where f is not finite. When max_shortenings are used up, the best of the trials is taken.
//
// With a trust region it is not a full step that is shortened, but the model |g - (I - J) s| that is minimised in a
// ball, nearly, over the Krylov space that GMRES has built: by a dogleg (fixed_point/dogleg.hpp), so that a shorter
// step also turns, towards the steepest descent of |g|, and costs an evaluation but no product. The radius is what the
// model was good for before: it shrinks to a quarter of the step where |g|^2 fell by less than a quarter of what the
// model said (a tenth where f is not finite), and becomes twice the step where it fell by three quarters; a step is
// taken where |g|^2 fell by 1e-4 of it, or where |g| is below m, and below 4 times what it was, all the same. The first
// step is full and sets the radius, and so does the one after a leap. A basis that was kept serves full steps alone, is
// made anew where they are too long, and is dropped once one is not worth what the model says.
//
// Where the map's linearization has a member precondition (fixed_point/sample_map.hpp), it is used from the right. So
// is, with `recycle`, what the Krylov space of an earlier step says of the inverse (linear/krylov_space.hpp).
//
// Dembo, Eisenstat and Steihaug 1982, SIAM J. Numer. Anal. 19(2); Eisenstat and Walker 1996, SIAM J. Sci. Comput.
// 17(1), section 2; the search: Kelley 1995, Iterative Methods for Linear and Nonlinear Equations, chapter 8, with
// memory: Grippo, Lampariello and Lucidi 1986, SIAM J. Numer. Anal. 23(4); the ball: Brown and Saad 1990, SIAM J. Sci.
// Stat. Comput. 11(3), section 5, with memory: Deng, Xiao and Zhou 1993, J. Optim. Theory Appl. 76(2). All norms are
// Euclidean. Memory of a sample: 5 vectors, restart + 1 more with `recycle`, and restart + 5 while it steps.
// Derivatives: fixed_point/sample_map.hpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include "basin/core/scratch.hpp"
#include "basin/fixed_point/dogleg.hpp"
#include "basin/fixed_point/newton_equation.hpp"
#include "basin/fixed_point/sample_map.hpp"
#include "basin/linear/krylov_space.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// How NewtonGmres keeps a step from leading astray.
enum class Globalization {
  line_search,   ///< a step after which |g| is too large is shortened
  trust_region,  ///< steps stay in a ball, whose radius adapts; shorter ones also turn
};

/// restart: vectors in the basis of GMRES; with a trust region, of the only basis of a step. A float state of a million
/// numbers takes 500 MB with 60 of them; fewer do for equations that take few products.
template <int restart = 60>
struct NewtonGmres {
  static constexpr std::string_view name = "newton_gmres";
  static constexpr bool may_be_moved = true;
  static constexpr int memory = 5;     ///< residuals that a search looks back on
  static constexpr double rise = 4;    ///< of a residual at most, in a ball
  static constexpr int patience = 10;  ///< steps without a tenth less, after which come leaps
  static constexpr int leaps = 5;      ///< full steps in a row

  double first_forcing = 0.1;                                 ///< eta of the first step, in (0, max_forcing]
  double max_forcing = 0.5;                                   ///< in (0, 1)
  int max_products = 60;                                      ///< with the Jacobian, for one basis; 2 or more
  int max_shortenings = 12;                                   ///< of a step; 0 or more
  Globalization globalization = Globalization::trust_region;  ///< how a step is kept from leading astray
  /// Of the trust region: the basis of one step preconditions the next ones, until one of these needs more than half as
  /// many products. Costs restart + 1 vectors more and a pass over them for each product, and saves products where they
  /// are many and J changes little (Bratu's problem: 240 instead of 393).
  bool recycle = true;

  template <class S>
  struct Memory {
    S* step;                             ///< s, the solution of Newton's equation
    S* trial;                            ///< the point that is tried; trial and best change places
    S* trial_value;                      ///< f there
    S* best;                             ///< of the trials of a step the one with the least |g|
    S* best_value;                       ///< f there
    double forcing;                      ///< eta of the last step
    int count;                           ///< steps so far
    std::array<double, memory> lengths;  ///< |g| of the last iterates, a ring
    double lowest;                       ///< |g| when it last fell by a tenth
    int since_lowest;                    ///< steps since then
    double radius;                       ///< of the ball that steps stay in
    detail::KrylovSpace<S> kept;         ///< of an earlier step; no columns: none
  };

  template <class S>
  [[nodiscard]] Memory<S> start(const Extent& size, Scratch& scratch) const {
    check(max_forcing > 0 && max_forcing < 1, "max_forcing of NewtonGmres", max_forcing, "a number between 0 and 1");
    check(first_forcing > 0 && first_forcing <= max_forcing, "first_forcing of NewtonGmres", first_forcing,
          "a number above 0, at most max_forcing");
    check(max_products >= 2, "max_products of NewtonGmres", max_products, "2 or more");
    check(max_shortenings >= 0, "max_shortenings of NewtonGmres", max_shortenings, "0 or more");
    const Memory<S> made{scratch.take<S>(size),
                         scratch.take<S>(size),
                         scratch.take<S>(size),
                         scratch.take<S>(size),
                         scratch.take<S>(size),
                         0,
                         0,
                         {},
                         0,
                         0,
                         std::numeric_limits<double>::infinity(),
                         detail::KrylovSpace<S>::make(size, recycles() ? restart : 0, scratch)};
    // The basis of a step is taken once, so that steps find the memory of the thread large enough.
    Scratch ahead;
    static_cast<void>(detail::KrylovSpace<S>::make(size, restart, ahead));
    static_cast<void>(ahead.take<S>(8 * size.here()));
    return made;
  }

  template <class S, class Map>
  bool step(Memory<S>& m, std::span<S> z, std::span<S> f, const SampleMap<S, Map>& map) const {
    const Index size = static_cast<Index>(z.size());
    const double length = detail::residual_norms<S>(z.data(), f.data(), map.extent()).residual;
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
    m.forcing = leap ? 1e-8 : map.forcing(m.forcing);
    if (globalization == Globalization::trust_region) return search_in_ball(m, z, f, map, length, leap);
    detail::solve_newton_equation<restart, S>(map, z, f, 0, m.forcing, max_products, m.step);
    return search(m, z, f, map, length, leap);
  }

 private:
  [[nodiscard]] bool recycles() const { return recycle && globalization == Globalization::trust_region; }

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

  /// |g| of the last iterates, the largest.
  template <class S>
  static double highest_of(const Memory<S>& m) {
    double highest = 0;
    for (int i = 0; i < std::min(m.count, memory); ++i) {
      highest = std::max(highest, m.lengths[static_cast<std::size_t>(i)]);
    }
    return highest;
  }

  /// z and f become those of the end of the search. True if any trial was made.
  template <class S, class Map>
  bool search(Memory<S>& m, std::span<S> z, std::span<S> f, const SampleMap<S, Map>& map, double length,
              bool leap) const {
    const Index size = static_cast<Index>(z.size());
    const double highest = highest_of(m);
    const detail::ConstVectorMap<S> from(z.data(), size), along(m.step, size);
    double lambda = 1, best = std::numeric_limits<double>::infinity();
    for (int tries = 0; tries <= max_shortenings; ++tries) {
      detail::VectorMap<S>(m.trial, size) = from + static_cast<S>(lambda) * along;
      double reached = 0;
      if (!attempt(m, z.size(), map, best, reached)) break;
      if (std::isinf(reached)) {
        lambda *= 0.1;
      } else if (leap || reached <= (1 - 1e-4 * lambda) * highest) {
        break;
      } else {  // the parabola of |g|^2 whose slope at 0 is that of an exact step, -2 |g|^2
        const double ratio = reached / length;
        lambda = std::clamp(lambda / (ratio * ratio - 1 + 2 * lambda), 0.1, 0.5) * lambda;
      }
    }
    return take_best(m, z, f, best);
  }

  /// The same, of dogleg steps within a ball.
  template <class S, class Map>
  bool search_in_ball(Memory<S>& m, std::span<S> z, std::span<S> f, const SampleMap<S, Map>& map, double length,
                      bool leap) const {
    const Index size = static_cast<Index>(z.size());
    const double highest = std::min(highest_of(m), rise * length);
    const detail::ConstVectorMap<S> from(z.data(), size);
    detail::VectorMap<S> s(m.step, size);
    Scratch scratch;
    const bool first = m.kept.columns == 0;
    auto space = recycles() && first ? m.kept : detail::KrylovSpace<S>::make(map.extent(), restart, scratch);
    S* const moved = scratch.take<S>(size);
    double *const y = scratch.take<double>(space.limit), *const p = scratch.take<double>(space.limit),
                  *const image = scratch.take<double>(space.limit);
    const auto linear = map.linearize(z, f);
    int products = 0;
    const auto op = [&](const S* v, S* out) {
      if (map.left() < 2 || products == max_products) return false;
      ++products;
      m.kept.approximate_inverse(v, moved);
      return detail::apply_newton_operator<S>(linear, 0, {moved, z.size()}, {out, z.size()});
    };
    detail::DoglegStep found{};
    // s is the step within a ball of y; returned is |s| / |g|.
    const auto step_within = [&](double radius) {
      found = detail::dogleg(space, radius, y, p, image);
      s.setZero();
      space.add(y, space.columns, length, m.step);
      m.kept.approximate_inverse(m.step, moved);
      std::copy_n(moved, size, m.step);
      detail::precondition<S>(linear, {m.step, z.size()});
      return detail::norm(m.step, map.extent()) / length;
    };
    double full = 0, stretch = 1;  // |s| / |g| of the full step, and |s| / |y| of it
    const auto build = [&] {
      products = 0;
      s = detail::ConstVectorMap<S>(f.data(), size) - from;
      space.build(op, m.step, length, m.forcing);
      if (space.columns == 0) return false;
      for (int j = 0; j <= space.columns; ++j) space.right[j] /= length;  // y is in units of |g|
      full = step_within(std::numeric_limits<double>::infinity());
      if (!(full > 0) || !std::isfinite(full) || !(found.residual < 1 - 1e-12)) return false;
      stretch = full / found.length;
      return true;
    };
    const auto build_anew = [&] { return m.kept.columns = 0, build(); };  // without what was kept
    bool built = build() || (!first && build_anew()), as_foreseen = false;
    double best = std::numeric_limits<double>::infinity();
    for (int tries = 0; built && tries <= max_shortenings; ++tries) {
      const double radius = leap && tries == 0 ? std::numeric_limits<double>::infinity() : m.radius / length;
      // What was kept knows little of the steepest descent that shorter steps turn to.
      if (full > radius && m.kept.columns > 0 && map.left() > 3 && !(built = build_anew())) break;
      const bool bounded = full > radius;
      double taken = bounded ? step_within(radius / stretch) : full;
      if (bounded && taken > 2 * radius) taken = step_within(radius / stretch * (radius / taken));  // another stretch
      detail::VectorMap<S>(m.trial, size) = from + s;
      double reached = 0;
      if (!attempt(m, z.size(), map, best, reached) || (leap && std::isfinite(reached))) break;
      // What |g|^2 lost, beside what the model said.
      const double ratio = reached / length, gain = (1 - ratio * ratio) / (1 - found.residual * found.residual);
      as_foreseen = tries == 0 && !bounded && gain >= 0.75;
      const double tried = std::min(radius, taken) * length;
      if (bounded || std::isinf(m.radius)) m.radius = (gain > 0.75 ? 2 : 1) * tried;
      if (!(gain >= 0.25)) m.radius = (std::isinf(reached) ? 0.1 : 0.25) * tried;
      if (gain >= 1e-4 || reached <= (1 - 1e-4) * highest) break;
    }
    if (leap && !std::isinf(best)) m.radius = std::numeric_limits<double>::infinity();  // learnt of another place
    if (recycles() && first) m.kept = space;
    if (!as_foreseen || (!first && 2 * space.columns > m.kept.columns)) m.kept.columns = 0;
    if (!built && !(best <= highest)) {  // nothing was found: the step of Picard
      std::copy_n(f.data(), size, z.data());
      return false;
    }
    return take_best(m, z, f, best);
  }

  /// Evaluates f at m.trial, which becomes m.best if |g| there, `reached`, is the least so far; infinity where f is not
  /// finite. False if no evaluation is left.
  template <class S, class Map>
  static bool attempt(Memory<S>& m, std::size_t size, const SampleMap<S, Map>& map, double& best, double& reached) {
    if (!map({m.trial, size}, {m.trial_value, size})) return false;
    const ResidualNorms norms = detail::residual_norms<S>(m.trial, m.trial_value, map.extent());
    const bool finite = norms.finite() && norms.residual < std::numeric_limits<double>::max();
    reached = finite ? norms.residual : std::numeric_limits<double>::infinity();
    if (!finite) map.count_failed_trial();
    if (reached < best) {
      best = reached;
      std::swap(m.trial, m.best);
      std::swap(m.trial_value, m.best_value);
    }
    return true;
  }

  /// z and f become the best of the trials, if there is one.
  template <class S>
  static bool take_best(const Memory<S>& m, std::span<S> z, std::span<S> f, double best) {
    if (std::isinf(best)) return true;
    const Index size = static_cast<Index>(z.size());
    std::copy_n(m.best, size, z.data());  // not z + lambda s once more, which may be rounded otherwise
    std::copy_n(m.best_value, size, f.data());
    return true;
  }
};

}  // namespace basin
