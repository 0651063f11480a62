#pragma once

// BiCGStab for A w = g, one small problem a sample, all samples of a tile in lockstep: two applications of A a step,
// and six vectors of memory however many steps it takes, where GMRES keeps one more a step.
//
// With r = g - A w, a shadow q = r of the start and p = r, a step is
//
//   v = A p        alpha = (q, r) / (q, v)        s = r - alpha v
//   t = A s        omega = (t, s) / (t, t)        r' = s - omega t,  w' = w + alpha p + omega s
//                  beta = (q, r') / (q, r) alpha / omega             p' = r' + beta (p - omega v)
//
// H. A. van der Vorst 1992, SIAM J. Sci. Stat. Comput. 13(2), the unpreconditioned algorithm. A recurrence runs on
// numbers of about length 1, r divided by its length at the start, so that the size of g does not matter.
//
// The r of the recurrence drifts away from g - A w, and its length goes up and down. So the w of its lowest length is
// kept, and that one's true residual is measured where the recurrence meets the tolerance, falls below rounding, grows
// by 1 / epsilon or runs out of evaluations: that decides and is reported, and from there the next recurrence begins.
//
// Where (q, r) or omega vanishes, the recurrence begins anew with q = p = r. Where (q, v) vanishes though q = r, which
// is a breakdown that would come again, it takes the shadow r / |r| + v / |v|, whose products with r and v are their
// lengths. On a skew A no step ever shortens r; that, and other A whose eigenvalues lie close to the imaginary axis,
// are for GMRES. (I - J of a cell is such an A only if J has eigenvalues far above 1.)
//
// Status: converged; max_iterations (if only one evaluation is allowed, the residual is that of the recurrence);
// stalled, if A r = 0 (A is singular), or a recurrence brought the true residual down by less than a thousandth;
// non_finite. The w of the lowest residual that was measured is returned always, as by Gmres: where nothing brings it
// down that is the start. Where g, or A v before there is a w to return, is not finite, w is NaN and its residual
// infinite.

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "basin/core/scratch.hpp"
#include "basin/linear/lockstep.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

struct BiCgStab {
  static constexpr std::string_view name = "bicgstab";

  /// See linear/linear_solver.hpp. Throws std::invalid_argument if shapes differ or stop makes no sense.
  template <class S, class Op>
  void solve_tile(const Op& op, std::type_identity_t<View<const S>> g, std::type_identity_t<View<S>> w,
                  const LinearStop& stop, std::span<SampleResult> results) const {
    detail::solve_in_lockstep<Sample<S>, S>(
        op, g, w, stop, results,
        [](Sample<S>& s, SampleResult& result, Scratch& scratch) {
          const Index stride = detail::column_stride<S>(s.size);
          for (S** const vector : {&s.change, &s.kept, &s.r, &s.shadow, &s.p, &s.v}) *vector = scratch.take<S>(stride);
          if (detail::begins_at_zero(s, result)) begin(s, s.g, s.g_norm);
        },
        [&](Sample<S>& s, SampleResult& result, Scratch&) {
          if (s.phase == Phase::direction) {
            direct(s, stop, result);
          } else if (s.phase == Phase::stabilizing) {
            stabilize(s, stop, result);
          } else {
            judge(s, stop, result);
          }
        });
  }

 private:
  enum class Phase {
    direction,    ///< A is applied to p
    stabilizing,  ///< A is applied to s
    residual,     ///< A is applied to a candidate w
  };

  /// Vectors of a recurrence are in units of `unit`, the length of the residual where it began.
  template <class S>
  struct Sample : detail::LockstepSample<S> {
    S *change = nullptr, *kept = nullptr;  // of w since the recurrence began; that of the lowest |r|, if another
    S *r = nullptr, *shadow = nullptr, *p = nullptr, *v = nullptr;
    double unit = 0;
    double rho = 0, alpha = 0;               // (q, r); the step along p
    double shadow_length = 0, lowest = 0;    // |q|; |r| of the change that is to be kept
    bool keeps = false;                      // `kept` holds it, not `change`
    bool fresh = false;                      // q = p = r
    Status ending = Status::max_iterations;  // of a recurrence whose end is measured
    Phase phase = Phase::residual;
  };

  template <class S>
  static constexpr double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());

  /// Whether a product of two vectors of these lengths is rounding.
  template <class S>
  [[nodiscard]] static bool vanishes(double product, double a, double b) {
    return !(std::abs(product) > 10 * epsilon<S> * a * b);
  }

  template <class S>
  static void apply_to(Sample<S>& s, const S* vector, Phase phase) {
    std::copy_n(vector, s.size.here(), s.in);
    s.phase = phase;
  }

  /// A recurrence from the w held, with this residual.
  template <class S>
  static void begin(Sample<S>& s, const S* residual, double length) {
    s.unit = length;
    std::copy_n(residual, s.size.here(), s.r);
    detail::divide(s.r, length, s.size);
    std::fill_n(s.change, s.size.here(), S(0));
    s.keeps = false;
    s.lowest = 1;
    begin_anew(s);
  }

  /// q = p = r.
  template <class S>
  static void begin_anew(Sample<S>& s) {
    s.rho = detail::dot(s.r, s.r, s.size);
    s.shadow_length = std::sqrt(s.rho);
    std::copy_n(s.r, s.size.here(), s.shadow);
    std::copy_n(s.r, s.size.here(), s.p);
    s.fresh = true;
    apply_to(s, s.p, Phase::direction);
  }

  /// out = A p.
  template <class S>
  static void direct(Sample<S>& s, const LinearStop& stop, SampleResult& result) {
    ++result.iterations;
    std::copy_n(s.out, s.size.here(), s.v);
    const double v_length = detail::norm(s.v, s.size);
    if (!std::isfinite(v_length)) return end(s, Status::non_finite, stop, result);
    if (result.evaluations + 2 > stop.max_evaluations) {  // half a step: the one along p that leaves the least
      const double step = v_length > 0 ? detail::dot(s.v, s.r, s.size) / v_length / v_length : 0;
      shorten(s, step, s.v);
      move(s, detail::norm(s.r, s.size), step, 0);
      return end(s, Status::max_iterations, stop, result);
    }
    double along = detail::dot(s.shadow, s.v, s.size);
    if (vanishes<S>(along, s.shadow_length, v_length)) {
      if (!s.fresh) return begin_anew(s);
      if (v_length == 0) return end(s, Status::stalled, stop, result);
      detail::VectorMap<S>(s.shadow, s.size) =
          detail::ConstVectorMap<S>(s.r, s.size) / static_cast<S>(s.shadow_length) +
          detail::ConstVectorMap<S>(s.v, s.size) / static_cast<S>(v_length);
      s.shadow_length = detail::norm(s.shadow, s.size);
      s.rho = detail::dot(s.shadow, s.r, s.size);
      along = detail::dot(s.shadow, s.v, s.size);
    }
    s.alpha = s.rho / along;
    shorten(s, s.alpha, s.v);
    const double length = detail::norm(s.r, s.size);
    if (length > enough(s, stop)) return apply_to(s, s.r, Phase::stabilizing);
    move(s, length, s.alpha, 0);
    end(s, Status::max_iterations, stop, result);
  }

  /// out = A s, and s is both in r and in `in`.
  template <class S>
  static void stabilize(Sample<S>& s, const LinearStop& stop, SampleResult& result) {
    const double s_length = detail::norm(s.r, s.size), t_length = detail::norm(s.out, s.size);
    if (!std::isfinite(s_length) || !std::isfinite(t_length)) return end(s, Status::non_finite, stop, result);
    const double product = detail::dot(s.out, s.r, s.size);
    const double omega = vanishes<S>(product, s_length, t_length) ? 0 : product / t_length / t_length;
    shorten(s, omega, s.out);
    const double length = detail::norm(s.r, s.size);
    move(s, length, s.alpha, omega);
    if (length <= enough(s, stop) || !(length < 1 / epsilon<S>) || result.evaluations + 2 > stop.max_evaluations) {
      return end(s, Status::max_iterations, stop, result);
    }
    const double rho = detail::dot(s.shadow, s.r, s.size), beta = rho / s.rho * (s.alpha / omega);
    if (omega == 0 || vanishes<S>(rho, s.shadow_length, length) || !std::isfinite(beta)) return begin_anew(s);
    s.rho = rho;
    s.fresh = false;
    detail::VectorMap<S> p(s.p, s.size);
    p = detail::ConstVectorMap<S>(s.r, s.size) +
        static_cast<S>(beta) * (p - static_cast<S>(omega) * detail::ConstVectorMap<S>(s.v, s.size));
    apply_to(s, s.p, Phase::direction);
  }

  /// The |r| where a recurrence ends.
  template <class S>
  [[nodiscard]] static double enough(const Sample<S>& s, const LinearStop& stop) {
    return std::max(stop.tolerance * (s.g_norm / s.unit), epsilon<S>);
  }

  /// r -= step * image.
  template <class S>
  static void shorten(Sample<S>& s, double step, const S* image) {
    detail::VectorMap<S>(s.r, s.size) -= static_cast<S>(step) * detail::ConstVectorMap<S>(image, s.size);
  }

  /// The change by alpha p + omega s, with s in `in`, which leaves an r of this length.
  template <class S>
  static void move(Sample<S>& s, double length, double alpha, double omega) {
    if (length < s.lowest) {
      s.lowest = length;
      s.keeps = false;
    } else if (!s.keeps) {
      std::copy_n(s.change, s.size.here(), s.kept);
      s.keeps = true;
    }
    detail::VectorMap<S> change(s.change, s.size);
    change += static_cast<S>(alpha) * detail::ConstVectorMap<S>(s.p, s.size);
    if (omega != 0) change += static_cast<S>(omega) * detail::ConstVectorMap<S>(s.in, s.size);
  }

  /// A recurrence has ended: the w of its lowest |r| is measured, unless that is the one held.
  template <class S>
  static void end(Sample<S>& s, Status status, const LinearStop& stop, SampleResult& result) {
    if (!(s.lowest < 1)) {
      if (s.best <= stop.tolerance * s.g_norm) return detail::end_sample(s, Status::converged, result);
      const bool last = result.evaluations + 2 > stop.max_evaluations;
      return detail::end_sample(s, status == Status::max_iterations && !last ? Status::stalled : status, result);
    }
    detail::VectorMap<S>(s.in, s.size) =
        detail::ConstVectorMap<S>(s.w, s.size) +
        static_cast<S>(s.unit) * detail::ConstVectorMap<S>(s.keeps ? s.kept : s.change, s.size);
    s.phase = Phase::residual;
    s.ending = status;
    if (result.evaluations >= stop.max_evaluations) {  // nothing is left to measure with
      s.best = s.lowest * s.unit;
      s.empty = false;
      std::copy_n(s.in, s.size.here(), s.w);
      detail::end_sample(s, status, result);
    }
  }

  /// out = A in, for a candidate or the start.
  template <class S>
  static void judge(Sample<S>& s, const LinearStop& stop, SampleResult& result) {
    const double before = s.best, residual = detail::measure_residual(s, result);
    if (s.ended) return;
    const bool last = result.evaluations + 2 > stop.max_evaluations, stuck = s.judged && residual > 0.999 * before;
    if (!s.judged || residual <= s.best) {
      s.best = residual;
      s.empty = false;
      std::copy_n(s.in, s.size.here(), s.w);
    }
    s.judged = true;
    if (s.best <= stop.tolerance * s.g_norm) return detail::end_sample(s, Status::converged, result);
    if (s.ending != Status::max_iterations) return detail::end_sample(s, s.ending, result);
    if (last) return detail::end_sample(s, Status::max_iterations, result);
    if (stuck) return detail::end_sample(s, Status::stalled, result);
    begin(s, s.out, residual);
  }
};

}  // namespace basin
