#pragma once

// The mean of the parameters over the last steps of a training, which reads held-back data better than the last ones
// do (B. T. Polyak and A. B. Juditsky 1992, "Acceleration of stochastic approximation by averaging"):
//
//   average <- k average + (1 - k) theta,    k = min(decay, t / (t + 9)),    t = 1, 2, ... the number of the step
//
// so that it forgets slowly, but not the start: at first it is about the mean of the last tenth of the steps so far.

#include <algorithm>
#include <cstdint>

#include "basin/core/parameters.hpp"

namespace basin {

/// The running mean of the parameters, kept beside them.
template <class Model, class S>
class WeightAverage {
 public:
  /// Begins with theta. Throws std::invalid_argument for a decay that is not from 0 to below 1.
  explicit WeightAverage(const Parameters<Model, S>& theta, double decay = 0.999) : decay_(decay), average_(theta) {
    check(decay >= 0 && decay < 1, "decay of WeightAverage", decay, "0 to below 1");
  }

  /// After each step of the optimizer.
  void take(const Parameters<Model, S>& theta) {
    ++steps_;
    const double t = static_cast<double>(steps_);
    const S kept = static_cast<S>(std::min(decay_, t / (t + 9)));
    average_.vector() = kept * average_.vector() + (1 - kept) * theta.vector();
  }

  /// The mean so far; until the first take() theta of the constructor. The next take() overwrites it.
  [[nodiscard]] const Parameters<Model, S>& parameters() const { return average_; }
  /// How many steps it has taken in.
  [[nodiscard]] std::int64_t steps() const { return steps_; }

  /// Calls visit(name, value) for what a checkpoint must keep.
  template <class Visit>
  void each(Visit&& visit) {
    visit("parameters", average_);
    visit("steps", steps_);
  }
  template <class Visit>
  void each(Visit&& visit) const {
    visit("parameters", average_);
    visit("steps", steps_);
  }

 private:
  double decay_;
  Parameters<Model, S> average_;
  std::int64_t steps_ = 0;
};

}  // namespace basin
