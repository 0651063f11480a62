#pragma once

// Back to the last good parameters when the loss explodes.
//
// Training through many steps of a map that may not settle meets losses that are orders of magnitude above the last
// ones; a step along such a gradient can ruin what was learnt. RollBack looks at each loss before the step: one that is
// not finite, or above `factor` times the running mean of those before it, brings back parameters and moments as they
// were up to `every` steps ago. The mean begins with the first loss, and no loss is above it before `settle` of them.
// Losses are positive numbers.
//
//   RollBack guard(theta, moments);
//   if (guard.accepts(loss, norm_of_gradient, theta, moments)) optimizer.step(theta, gradient, moments);
//
// A pool that led there should begin anew when it happens again and again: see `without_copy`. (Barot, arXiv
// 2607.07743, 2026: ten times the running mean, a new pool after three.)

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "basin/core/parameters.hpp"

namespace basin {

/// When a loss counts as exploded, and how often parameters are copied.
struct RollBackOptions {
  double factor = 10;   ///< of the mean, above 1
  double decay = 0.99;  ///< of the mean, a step, from 0 to below 1
  int settle = 20;      ///< losses that the mean needs, 0 or more
  int every = 100;      ///< steps from one copy to the next, at least 1
};

/// Moments is the state of the optimizer (train/optimizer.hpp).
template <class Model, class S, class Moments>
class RollBack {
 public:
  /// Throws std::invalid_argument for options out of their range.
  RollBack(const Parameters<Model, S>& theta, const Moments& moments, const RollBackOptions& options = {})
      : options_(options), theta_(theta), moments_(moments) {
    check(options.factor > 1 && std::isfinite(options.factor), "RollBack: factor", options.factor,
          "above 1, and finite");
    check(options.decay >= 0 && options.decay < 1, "RollBack: decay", options.decay, "0 to below 1");
    check(options.settle >= 0, "RollBack: settle", options.settle, "0 or more");
    check(options.every >= 1, "RollBack: every", options.every, "at least 1");
  }

  /// True if the step may be made. Else theta and moments are again those of the last copy. `gradient_norm` counts only
  /// in whether it is finite.
  [[nodiscard]] bool accepts(double loss, double gradient_norm, Parameters<Model, S>& theta, Moments& moments) {
    const bool finite = std::isfinite(loss) && std::isfinite(gradient_norm);
    if (!finite || (seen_ > 0 && seen_ >= options_.settle && loss > options_.factor * mean_)) {
      theta = theta_;
      moments = moments_;
      ++count_;
      ++without_copy_;
      since_ = 0;
      return false;
    }
    mean_ = seen_ == 0 ? loss : options_.decay * mean_ + (1 - options_.decay) * loss;
    ++seen_;
    if (++since_ >= options_.every) {
      theta_ = theta;
      moments_ = moments;
      since_ = 0;
      without_copy_ = 0;
    }
    return true;
  }

  /// The mean begins anew, for a stage of training whose losses are others.
  void forget() { seen_ = 0; }

  [[nodiscard]] std::int64_t count() const { return count_; }  ///< times that it went back
  /// Times that it went back since a copy was made: since `every` good steps in a row.
  [[nodiscard]] std::int64_t without_copy() const { return without_copy_; }

  /// Calls visit(name, value) for what a checkpoint must keep.
  template <class Visit>
  void each(Visit&& visit) {
    each_of(*this, visit);
  }
  template <class Visit>
  void each(Visit&& visit) const {
    each_of(*this, visit);
  }

 private:
  template <class Self, class Visit>
  static void each_of(Self& self, Visit&& visit) {
    visit("parameters", self.theta_);
    self.moments_.each([&](std::string_view name, auto& value) { visit("moments." + std::string(name), value); });
    visit("mean", self.mean_);
    visit("seen", self.seen_);
    visit("since", self.since_);
    visit("count", self.count_);
    visit("without_copy", self.without_copy_);
  }

  RollBackOptions options_;
  Parameters<Model, S> theta_;
  Moments moments_;
  double mean_ = 0;
  std::int64_t seen_ = 0, since_ = 0, count_ = 0, without_copy_ = 0;
};

}  // namespace basin
