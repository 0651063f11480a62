#pragma once

// When the solve of a sample ends, and how its distance from a fixed point is measured.
//
// With R = |f(z) - z| and F = |f(z)| in the norm of the options, a sample has converged if
//
//   R <= absolute tolerance + tolerance * F
//
// and if that is evidence. With s the larger of R and F at the start, two things are not:
//
// - A residual that only looks small because z grew. F counts up to s; up to 10 s once R is a tenth of what it was at
//   the start. z + 1 thus converges where its start already passes the test, and from nowhere else. What can still
//   converge without a fixed point: a residual that does fall to a tenth or less and then no further, or to nothing at
//   infinity.
// - A residual that rounding swallowed. f(z) - z is known to about epsilon F. R counts as no less where nothing above
//   that has been measured so far, and as no less than 4 epsilon F where F exceeds 10 s. Whoever starts at a fixed
//   point and asks for less than epsilon F is told that the sample stalled: 1e17 + 1 = 1e17 looks the same. But where
//   both tolerances are 0, f(z) = z to the last bit is what is asked for, and the start may be it (with returns_last:
//   so many steps).

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

#include "basin/core/check.hpp"
#include "basin/core/status.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// A norm over the numbers of one sample, a_i, each times its weight w_i where weights are given.
enum class Norm {
  euclidean,         ///< sqrt(sum (w_i a_i)^2)
  root_mean_square,  ///< the same over sqrt(size)
  maximum,           ///< max |w_i a_i|
};

/// When the solve of a sample ends, other than by an observer.
struct Stop {
  /// Relative: converged if |f(z) - z| <= absolute tolerance + tolerance |f(z)|, in `norm`; 0: the absolute part alone.
  double tolerance = 1e-3;
  /// In the units of z, in `norm`. Not given: a thousandth of `tolerance`, which solves a map whose fixed point is 0,
  /// and also takes for converged, where it begins, whatever is as small: a start of 0 with |f(0)| up to 1e-6 by the
  /// defaults. Where such z matter, set it to `tolerance` times the smallest |z| that does, or to 0 where no fixed
  /// point is 0.
  std::optional<double> absolute_tolerance{};
  Norm norm = Norm::euclidean;  ///< of everything below and above; the Euclidean costs nothing extra
  /// What each number of a sample is multiplied by before it enters the norm: 1 / its typical size, where sizes differ.
  /// As long as a sample (as the part that is here, of one that is split over processes), 0 or more each; the caller
  /// keeps them alive. Empty: 1.
  std::span<const double> weights{};
  /// Of f, for each sample, with trial points and products with derivatives; at least 1. The solve never makes more.
  int max_evaluations = 40;
  /// Iterates of a sample where f may fail to be finite. The method then begins anew from the best state so far, which
  /// is evaluated once more, with two plain steps z <- f(z), and if those fail too, from half way back. Trial points
  /// within the step of a method do not count here. 0: the first ends it.
  int max_retries = 10;
  /// Stalled: over so many evaluations the best |f(z) - z| (in the maximum norm the Euclidean one too) did not fall
  /// below stall_factor times what it was before them, and those measured were all within a factor of 2, or all that
  /// rounding leaves; or z = f(z) to the last bit where that is no evidence. A method that wanders is not stalled. 0:
  /// never.
  int stall_window = 50;
  double stall_factor = 0.999;  ///< in (0, 1]
  /// Diverged: |f(z) - z| exceeds so many times the larger of |f(z0) - z0| and |f(z0)|, and ten evaluations in a row
  /// did not bring it below the least of its values there (a method that comes back is not lost); or it did, and f is
  /// not finite beyond; or |f(z)| is so large, ten times in a row, that rounding hides the residual. The larger of two
  /// is there for a start that is all but a fixed point, an unstable one perhaps: leaving it is no divergence.
  /// Infinity: never.
  double divergence_factor = 1e6;  ///< above 1
  /// A sample that does not converge ends with the last state that was evaluated, not with the one of the lowest
  /// residual: for who wants so many steps, which may well lead away from where they began, and no equilibrium. With
  /// retries (max_retries) the last is the last where f was finite. With both tolerances 0 no state counts as
  /// converged, stalled or diverged: all max_evaluations are made, unless f is not finite.
  bool returns_last = false;

  /// The absolute tolerance: the one that is given, or a thousandth of `tolerance`.
  [[nodiscard]] double absolute() const { return absolute_tolerance.value_or(1e-3 * tolerance); }
  /// Whether so many steps are asked for and no convergence: returns_last, with both tolerances 0.
  [[nodiscard]] bool asks_for_steps() const { return returns_last && tolerance == 0 && absolute() == 0; }
};

namespace detail {

/// Throws std::invalid_argument if the options make no sense for samples of this size.
inline void check_stop(const Stop& stop, Index sample_size) {
  check(stop.tolerance >= 0 && std::isfinite(stop.tolerance), "tolerance of Stop", stop.tolerance,
        "a finite number, 0 or more");
  check(stop.absolute() >= 0 && std::isfinite(stop.absolute()), "absolute_tolerance of Stop", stop.absolute(),
        "a finite number, 0 or more");
  check(stop.max_evaluations >= 1, "max_evaluations of Stop", stop.max_evaluations, "1 or more");
  check(stop.max_retries >= 0, "max_retries of Stop", stop.max_retries, "0 (none) or more");
  check(stop.stall_window >= 0, "stall_window of Stop", stop.stall_window, "0 (never) or more");
  check(stop.stall_factor > 0 && stop.stall_factor <= 1, "stall_factor of Stop", stop.stall_factor,
        "a number in (0, 1]");
  check(stop.divergence_factor > 1, "divergence_factor of Stop", stop.divergence_factor, "a number above 1");
  if (stop.weights.empty()) return;
  check(static_cast<Index>(stop.weights.size()) == sample_size, "number of weights of Stop", stop.weights.size(),
        sample_size);
  for (const double weight : stop.weights) {
    check(weight >= 0 && std::isfinite(weight), "a weight of Stop", weight, "a finite number, 0 or more");
  }
}

/// |f - z| and |f| in the norm of the options, given those in the Euclidean one, which are finite.
template <class S>
[[nodiscard]] ResidualNorms norms_of(const Stop& stop, const ResidualNorms& euclidean, const S* z, const S* f,
                                     const Extent& size) {
  if (stop.weights.empty() && stop.norm == Norm::euclidean) return euclidean;
  const double root = std::sqrt(static_cast<double>(std::max<Index>(size.whole(), 1)));
  if (stop.weights.empty() && stop.norm == Norm::root_mean_square) {
    return {euclidean.residual / root, euclidean.value / root};
  }
  std::array<double, 2> largest{}, squares{};  // of f - z, of f
  const auto each = [&](const auto& body) {
    for (Index i = 0; i < size; ++i) {
      const double weight = stop.weights.empty() ? 1.0 : stop.weights[static_cast<std::size_t>(i)];
      const double value = static_cast<double>(f[i]);
      body(std::abs(weight * (value - static_cast<double>(z[i]))), std::abs(weight * value));
    }
  };
  each([&](double r, double value) {
    largest[0] = std::max(largest[0], r);
    largest[1] = std::max(largest[1], value);
  });
  size.complete_maxima(largest);
  if (stop.norm == Norm::maximum) return {largest[0], largest[1]};
  const double unit_r = largest[0] > 0 ? largest[0] : 1, unit_f = largest[1] > 0 ? largest[1] : 1;
  each([&](double r, double value) {  // of numbers of at most one, whose squares neither overflow nor all underflow
    squares[0] += r / unit_r * (r / unit_r);
    squares[1] += value / unit_f * (value / unit_f);
  });
  size.complete(squares);
  const double over = stop.norm == Norm::root_mean_square ? root : 1;
  return {unit_r * std::sqrt(squares[0]) / over, unit_f * std::sqrt(squares[1]) / over};
}

/// What the stop test knows of one sample.
class Watch {
 public:
  /// reference: what residuals are relative to, instead of |f| and the absolute tolerance; null if they are not.
  /// epsilon: of the scalar.
  Watch(const double* reference, double epsilon) : reference_(reference), epsilon_(epsilon) {}

  void count_evaluation() { ++evaluations_; }
  /// Which one this is since the method last went on from a state of its own. The first leads back to the best state,
  /// which is not such a state.
  int count_retry() {
    ++retries_;
    plain_steps_ = 2;
    return ++retries_in_a_row_;
  }
  /// Whether the step to come is Picard's, whatever the method. Once for each step.
  bool takes_plain_step() { return plain_steps_ > 0 && plain_steps_-- > 0; }
  void count_step() { ++steps_; }
  [[nodiscard]] int& evaluations() { return evaluations_; }
  [[nodiscard]] int retries() const { return retries_; }
  /// Trial points within the steps of a method where f was not finite. They are no retries of the loop's.
  [[nodiscard]] int& failed_trials() { return failed_trials_; }
  [[nodiscard]] int steps() const { return steps_; }
  /// Whether the residual was beyond the divergence factor when it was last looked at.
  [[nodiscard]] bool beyond() const { return beyond_; }
  [[nodiscard]] bool has_best() const { return looks_ > 0; }
  /// Of the best state, in the measure of the stop test.
  [[nodiscard]] double residual(const Stop& stop) const {
    return has_best() ? measured(best_, scale_of_best_, stop) : std::numeric_limits<double>::infinity();
  }

  /// What one look at z and f(z) says.
  struct Look {
    double r;      ///< |f - z|
    double scale;  ///< what r is relative to
    bool converged;
    bool best;  ///< this state is the one to return, so far
  };

  /// The part of |f - z|, which is `length` in the Euclidean norm, that suffices for the stop test whatever its
  /// direction; in [0, 1], and 0, nothing is known, with weights or where rounding left nothing.
  [[nodiscard]] double needed(const Look& look, const Stop& stop, double length, const Extent& size) const {
    if (!stop.weights.empty() || !(length > 0)) return 0;
    const double most = (reference_ != nullptr ? 0 : stop.absolute()) + stop.tolerance * look.scale;
    // The largest number is at most the length.
    const double unit = stop.norm == Norm::root_mean_square ? std::sqrt(static_cast<double>(size.whole())) : 1;
    return std::min(1.0, unit * most / length);
  }

  /// In the measure of the stop test: at most the tolerance where the sample has converged.
  [[nodiscard]] double measured(double r, double scale, const Stop& stop) const {
    if (r == 0) return 0;
    if (reference_ != nullptr) return r / scale;
    return stop.tolerance == 0 ? r : r / (scale + stop.absolute() / stop.tolerance);
  }

  /// Takes in |f - z| and |f|, which are finite, in the norm of the options, and |f - z| in the Euclidean one. Once for
  /// each state.
  Look look(const ResidualNorms& norms, double length, const Stop& stop) {
    if (retries_in_a_row_ > 0 && plain_steps_ < 2) retries_in_a_row_ = 0;
    const double rounding = epsilon_ * norms.value;
    if (rounding <= 0.01 * norms.residual) highest_ = std::max(highest_, norms.residual);
    const bool first = looks_++ == 0;
    if (first) start_scale_ = std::max(norms.residual, norms.value);
    const double most = 10 * start_scale_;
    const bool grown = norms.value > most;
    const double absolute = reference_ != nullptr ? 0 : stop.absolute();
    const double relative = reference_ != nullptr ? stop.tolerance * *reference_ : stop.tolerance;
    const bool trusted = highest_ > rounding || (absolute == 0 && relative == 0);
    // Four: where z grew this much, f has rounded a few times itself before it is compared with z.
    const double least = grown ? 4 * rounding : trusted ? 0 : rounding;
    const double r = std::max(norms.residual, least);
    if (first) start_residual_ = r;
    hidden_ = grown && rounding >= highest_;

    const bool fell = r <= 0.1 * start_residual_;
    const double scale = reference_ != nullptr ? *reference_ : std::min(norms.value, fell ? most : start_scale_);
    const bool converged = r <= absolute + stop.tolerance * scale && !stop.asks_for_steps();
    still_ = norms.residual == 0 && !grown && !converged;
    const Look look{r, scale, converged, converged || looks_ == 1 || r < best_ || stop.returns_last};
    if (look.best) {
      best_ = r;
      scale_of_best_ = scale;
    }
    keep_count(r, stop.norm == Norm::maximum && stop.weights.empty() ? length : r, rounding, stop);
    return look;
  }

  /// True if the sample ends after a look that did not find it converged; then `status` says how.
  [[nodiscard]] bool ends(const Stop& stop, Status& status) const {
    if (stop.asks_for_steps()) {
      status = Status::max_iterations;
      return evaluations_ >= stop.max_evaluations;
    }
    if (looks_lost_ >= patience || looks_hidden_ >= patience) {
      status = Status::diverged;
    } else if (stop.stall_window > 0 && (still_ || (looks_since_mark_ >= stop.stall_window && flat_))) {
      status = Status::stalled;
    } else if (evaluations_ >= stop.max_evaluations) {
      status = Status::max_iterations;
    } else {
      return false;
    }
    return true;
  }

 private:
  static constexpr int patience = 10;

  /// The counts behind stall and divergence. The largest number may stay as it is for long while others fall, as in
  /// the middle of a grid whose border holds the solution: what is `moving` tells.
  void keep_count(double r, double moving, double rounding, const Stop& stop) {
    least_moving_ = looks_ == 1 ? moving : std::min(least_moving_, moving);
    if (looks_ == 1 || best_ < stop.stall_factor * mark_ || least_moving_ < stop.stall_factor * moving_mark_) {
      mark_ = best_;
      moving_mark_ = least_moving_;
      lowest_ = highest_since_mark_ = r;
      looks_since_mark_ = 0;
    } else {
      ++looks_since_mark_;
      lowest_ = std::min(lowest_, r);
      highest_since_mark_ = std::max(highest_since_mark_, r);
      flat_ = highest_since_mark_ <= std::max(2 * lowest_, 100 * rounding);
    }
    beyond_ = r > stop.divergence_factor * start_scale_;
    if (!beyond_) {
      least_beyond_ = std::numeric_limits<double>::infinity();
      looks_lost_ = 0;
    } else if (r < least_beyond_) {
      least_beyond_ = r;
      looks_lost_ = 1;
    } else {
      ++looks_lost_;
    }
    looks_hidden_ = hidden_ && std::isfinite(stop.divergence_factor) ? looks_hidden_ + 1 : 0;
  }

  const double* reference_;
  double epsilon_;
  int evaluations_ = 0, steps_ = 0, looks_ = 0;
  int retries_ = 0, failed_trials_ = 0, retries_in_a_row_ = 0, plain_steps_ = 0;
  double start_scale_ = 0, start_residual_ = 0;
  double highest_ = 0;  // of the residuals that rounding did not touch
  double best_ = 0, scale_of_best_ = 0;
  double mark_ = 0;                            // the best residual when it last fell enough
  double moving_mark_ = 0, least_moving_ = 0;  // the same of what tells whether anything moves
  double lowest_ = 0, highest_since_mark_ = 0;
  double least_beyond_ = 0;  // the least residual since it was last within the divergence factor
  int looks_since_mark_ = 0, looks_lost_ = 0, looks_hidden_ = 0;
  bool hidden_ = false, flat_ = false, still_ = false, beyond_ = false;
};

}  // namespace detail

}  // namespace basin
