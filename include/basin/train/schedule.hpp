#pragma once

// How the rate of an optimizer changes with the step: functions from the number of the step, 0, 1, ..., to a scale of
// the rate. Optimizers take the scale as the last argument of step. p = step / total stays at 1 after `total` steps.
// All throw std::invalid_argument for options out of the range that stands beside them, and for a step below 0.
//
//   Constant        1
//   StepDecay       factor^floor(step / period)
//   MilestoneDecay  factor^(how many milestones are <= step)
//   Cosine          final + (1 - final) (1 + cos(pi p)) / 2                          Loshchilov & Hutter 2017, eq. 5
//   WarmUp          (step + 1) / steps of inner(0) for `steps` steps, then inner      Goyal et al. 2017, section 2.2
//   OneCycle        from start to 1 over the first warm_fraction of p, then to final, both along half a cosine
//                                                                                    Smith & Topin 2018

#include <algorithm>
#include <cmath>
#include <concepts>
#include <numbers>
#include <string_view>
#include <vector>

#include "basin/core/state.hpp"

namespace basin {

template <class F>
concept Schedule = requires(const F& schedule, Index step) {
  { schedule(step) } -> std::convertible_to<double>;
};

namespace detail {

/// From `a` at p = 0 to `b` at p = 1, level at both ends.
inline double half_cosine(double a, double b, double p) {
  return b + (a - b) * (1.0 + std::cos(std::numbers::pi * std::clamp(p, 0.0, 1.0))) / 2.0;
}

inline void check_step(Index step) { check(step >= 0, "step of a schedule", step, "0 or more"); }

/// Checks a scale of the rate.
inline void check_scale(std::string_view name, double value) {
  check(value >= 0 && std::isfinite(value), name, value, "0 or more, and finite");
}

inline double progress(Index step, Index total) {
  check_step(step);
  check(total > 0, "total number of steps of a schedule", total, "at least 1");
  return std::min(1.0, static_cast<double>(step) / static_cast<double>(total));
}

}  // namespace detail

struct Constant {
  /// 1, at every step from 0 on. Throws std::invalid_argument for a step below 0.
  [[nodiscard]] double operator()(Index step) const {
    detail::check_step(step);
    return 1.0;
  }
};

struct StepDecay {
  Index period = 1000;  ///< steps; at least 1
  double factor = 0.1;  ///< 0 or more

  /// The scale of the rate at a step from 0 on: factor^floor(step / period). Throws std::invalid_argument for a step
  /// below 0, and for options out of range.
  [[nodiscard]] double operator()(Index step) const {
    detail::check_step(step);
    check(period > 0, "period of StepDecay", period, "at least 1");
    detail::check_scale("factor of StepDecay", factor);
    return std::pow(factor, static_cast<double>(step / period));
  }
};

struct MilestoneDecay {
  std::vector<Index> milestones{};  ///< steps, in any order
  double factor = 0.1;              ///< 0 or more

  /// The scale of the rate at a step from 0 on: factor to the power of how many milestones are at most `step`. Throws
  /// std::invalid_argument for a step below 0, and for a factor out of range.
  [[nodiscard]] double operator()(Index step) const {
    detail::check_step(step);
    detail::check_scale("factor of MilestoneDecay", factor);
    const auto passed = std::count_if(milestones.begin(), milestones.end(), [&](Index at) { return at <= step; });
    return std::pow(factor, static_cast<double>(passed));
  }
};

struct Cosine {
  Index total = 1000;  ///< steps; at least 1
  double final = 0.0;  ///< scale at `total` and after; 0 or more

  /// The scale of the rate at a step from 0 on: 1 at step 0, `final` from step `total` on. Throws std::invalid_argument
  /// for a step below 0, and for options out of range.
  [[nodiscard]] double operator()(Index step) const {
    detail::check_scale("final scale of Cosine", final);
    return detail::half_cosine(1.0, final, detail::progress(step, total));
  }
};

template <Schedule Inner = Constant>
struct WarmUp {
  Index steps = 100;  ///< 0: no warm-up
  Inner inner{};      ///< its step 0 comes after the warm-up

  /// The scale of the rate at a step from 0 on: inner(0) (step + 1) / steps, and inner(step - steps) from step `steps`
  /// on. Throws std::invalid_argument for a step below 0, for steps below 0, and as inner does.
  [[nodiscard]] double operator()(Index step) const {
    detail::check_step(step);
    check(steps >= 0, "steps of a warm-up", steps, "0 or more");
    if (step >= steps) return inner(step - steps);
    return inner(0) * static_cast<double>(step + 1) / static_cast<double>(steps);
  }
};

template <class Inner>
WarmUp(Index, Inner) -> WarmUp<Inner>;

struct OneCycle {
  Index total = 1000;          ///< steps; at least 1
  double warm_fraction = 0.3;  ///< of the steps, in [0, 1]
  double start = 0.04;         ///< scale at step 0; 0 or more
  double final = 1e-4;         ///< scale at `total` and after; 0 or more

  /// The scale of the rate at a step from 0 on: `start` at step 0, 1 at warm_fraction * total, `final` from `total` on.
  /// Throws std::invalid_argument for a step below 0, and for options out of range.
  [[nodiscard]] double operator()(Index step) const {
    check(warm_fraction >= 0 && warm_fraction <= 1, "warm fraction of OneCycle", warm_fraction, "0 to 1");
    detail::check_scale("first scale of OneCycle", start);
    detail::check_scale("final scale of OneCycle", final);
    const double p = detail::progress(step, total);
    if (p < warm_fraction) return detail::half_cosine(start, 1.0, p / warm_fraction);
    return warm_fraction < 1 ? detail::half_cosine(1.0, final, (p - warm_fraction) / (1.0 - warm_fraction)) : 1.0;
  }
};

}  // namespace basin
