#pragma once

// The parameters that did best so far on data that training does not see, and for how long nothing was better: to end
// with them, and to stop early (L. Prechelt 1998, "Early stopping - but when?").
//
//   Best best(theta, Better::higher);
//   ...
//   if (best.offer(accuracy_on_held_back, theta)) training.save_after_this();
//   if (best.since() > patience) training.stop_after_this();

#include <cmath>
#include <cstdint>
#include <limits>

#include "basin/core/parameters.hpp"

namespace basin {

/// Which of two values is the better one.
enum class Better {
  lower,   ///< as of a loss
  higher,  ///< as of an accuracy
};

template <class Model, class S>
class Best {
 public:
  /// theta is what counts as best until something was offered. A value is better only by more than `least_change`, 0 or
  /// more.
  explicit Best(const Parameters<Model, S>& theta, Better better = Better::lower, double least_change = 0)
      : better_(better), least_change_(least_change), parameters_(theta) {
    check(least_change >= 0 && std::isfinite(least_change), "least change of Best", least_change, "0 or more");
  }

  /// Whether theta is the best so far, and is kept. A NaN is never better.
  bool offer(double value, const Parameters<Model, S>& theta) {
    const double gain = better_ == Better::lower ? value_ - value : value - value_;
    if (!(offers_ == 0 ? !std::isnan(value) : gain > least_change_)) {
      ++since_;
      return false;
    }
    parameters_ = theta;
    value_ = value;
    ++offers_;
    since_ = 0;
    return true;
  }

  /// Those that offer() kept last; until then theta of the constructor. A reference to a copy of its own, which the
  /// next better offer overwrites.
  [[nodiscard]] const Parameters<Model, S>& parameters() const { return parameters_; }
  /// Of those parameters; NaN if nothing was good.
  [[nodiscard]] double value() const { return value_; }
  /// Offers since then that were no better.
  [[nodiscard]] std::int64_t since() const { return since_; }

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
  static void each_of(Self& self, Visit& visit) {
    visit("parameters", self.parameters_);
    visit("value", self.value_);
    visit("offers", self.offers_);
    visit("since", self.since_);
  }

  Better better_;
  double least_change_;
  Parameters<Model, S> parameters_;
  double value_ = std::numeric_limits<double>::quiet_NaN();
  std::int64_t offers_ = 0, since_ = 0;  // that were better; after those
};

}  // namespace basin
