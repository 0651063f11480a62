#pragma once

// Axes: where a number stands, and which numbers are written.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace basin::examples {

enum class Scale {
  linear,
  logarithmic,  ///< of numbers above 0
  from_zero,    ///< log(1 + x), of numbers from 0 on: counts of which the first few matter
};

struct AxisOptions {
  std::string label{};
  Scale scale = Scale::linear;
  bool whole = false;                                      ///< counts: no tick between whole numbers
  double low = std::numeric_limits<double>::quiet_NaN();   ///< NaN: from the data
  double high = std::numeric_limits<double>::quiet_NaN();  ///< NaN: from the data
};

struct Tick {
  double value = 0;
  std::string text{};  ///< empty: a small tick
};

/// A number as it is written at an axis: 1,500; 0.02; 5×10^{−7}, raised by drawing.hpp.
[[nodiscard]] std::string number_text(double value);

/// The same to so many significant digits.
[[nodiscard]] std::string rounded_text(double value, int digits);

/// A range of numbers on a scale.
class Axis {
 public:
  explicit Axis(const AxisOptions& options) : scale_(options.scale), whole_(options.whole), given_(options) {}

  /// Whether a number has a place on this scale.
  [[nodiscard]] bool takes(double value) const;

  void include(double value);

  /// To be called when all numbers are in, and before what follows. With `room`, a range that was not given is made
  /// larger: a linear one to ticks, a logarithmic one by a twentieth.
  void finish(bool room);

  [[nodiscard]] double low() const { return low_; }
  [[nodiscard]] double high() const { return high_; }

  /// 0 at the lower end, 1 at the upper one.
  [[nodiscard]] double place(double value) const { return (onto(value) - onto(low_)) / (onto(high_) - onto(low_)); }

  /// At most about `most` numbers with texts, and small ticks between them on a logarithmic scale.
  [[nodiscard]] std::vector<Tick> ticks(int most) const;

 private:
  [[nodiscard]] double onto(double value) const;

  /// 1, 2 or 5 times a power of ten.
  [[nodiscard]] double step_of(int most) const;

  [[nodiscard]] std::vector<Tick> linear(int most) const;

  [[nodiscard]] std::vector<Tick> logarithmic(int most) const;

  [[nodiscard]] static std::string power_of_ten(int k);

  [[nodiscard]] std::vector<Tick> from_zero(int most) const;

  Scale scale_;
  bool whole_;
  AxisOptions given_;
  double low_ = std::numeric_limits<double>::infinity(), high_ = -std::numeric_limits<double>::infinity();
};

}  // namespace basin::examples
