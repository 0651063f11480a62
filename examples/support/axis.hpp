#pragma once

// Axes: where a number stands, and which numbers are written.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
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
[[nodiscard]] inline std::string number_text(double value) {
  if (value == 0) return "0";
  const double size = std::abs(value);
  const std::string sign = value < 0 ? "\u2212" : "";
  std::array<char, 40> text{};
  if (size >= 1e6 || size < 1e-4) {
    int power = static_cast<int>(std::floor(std::log10(size)));
    double leading = size / std::pow(10.0, power);
    if (leading > 9.9999995) leading = 1, ++power;
    std::snprintf(text.data(), text.size(), "%.6g", leading);
    const std::string factor = text.data() == std::string("1") ? "" : text.data() + std::string("\u00d7");
    return sign + factor + "10^{" + (power < 0 ? "\u2212" : "") + std::to_string(std::abs(power)) + "}";
  }
  std::snprintf(text.data(), text.size(), "%.7g", size);
  std::string out = text.data();
  const std::size_t point = std::min(out.find('.'), out.size());
  for (std::size_t at = point; at > 3;) {
    at -= 3;
    out.insert(at, ",");
  }
  return sign + out;
}

/// The same to so many significant digits.
[[nodiscard]] inline std::string rounded_text(double value, int digits) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.*e", digits - 1, value);
  return number_text(std::strtod(text.data(), nullptr));
}

/// A range of numbers on a scale.
class Axis {
 public:
  explicit Axis(const AxisOptions& options) : scale_(options.scale), whole_(options.whole), given_(options) {}

  /// Whether a number has a place on this scale.
  [[nodiscard]] bool takes(double value) const {
    return std::isfinite(value) && (scale_ == Scale::linear || (scale_ == Scale::logarithmic ? value > 0 : value >= 0));
  }

  void include(double value) {
    if (!takes(value)) return;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }

  /// To be called when all numbers are in, and before what follows. With `room`, a range that was not given is made
  /// larger: a linear one to ticks, a logarithmic one by a twentieth.
  void finish(bool room) {
    const bool log = scale_ == Scale::logarithmic;
    const double least = scale_ == Scale::linear ? -std::numeric_limits<double>::max()
                         : log                   ? std::numeric_limits<double>::min()
                                                 : 0.0;
    if (!(low_ <= high_)) low_ = log ? 0.1 : 0, high_ = 1;
    const bool fixed_low = takes(given_.low), fixed_high = takes(given_.high);
    if (fixed_low) low_ = given_.low;
    if (fixed_high) high_ = given_.high;
    if (!(low_ < high_)) {
      const double middle = low_, around = log ? 0 : std::max(0.5, 1e-3 * std::abs(middle));
      low_ = std::max(least, log ? middle / 3 : middle - around);
      high_ = log ? middle * 3 : middle + around;
    }
    if (!room) return;
    double low = low_, high = high_;
    if (scale_ == Scale::linear) {
      const double step = step_of(6);
      low = std::floor(low_ / step + 1e-9) * step;
      high = std::ceil(high_ / step - 1e-9) * step;
    } else {
      const double more = 0.05 * (onto(high_) - onto(low_));
      low = std::max(least, log ? std::exp(onto(low_) - more) : low_);
      high = std::exp(onto(high_) + more) - (log ? 0 : 1);
    }
    if (!fixed_low) low_ = low;
    if (!fixed_high) high_ = high;
  }

  [[nodiscard]] double low() const { return low_; }
  [[nodiscard]] double high() const { return high_; }

  /// 0 at the lower end, 1 at the upper one.
  [[nodiscard]] double place(double value) const { return (onto(value) - onto(low_)) / (onto(high_) - onto(low_)); }

  /// At most about `most` numbers with texts, and small ticks between them on a logarithmic scale.
  [[nodiscard]] std::vector<Tick> ticks(int most) const {
    most = std::max(most, 2);
    if (scale_ == Scale::linear) return linear(most);
    if (scale_ == Scale::from_zero) return from_zero(most);
    return std::log10(high_ / low_) < 0.7 ? linear(most) : logarithmic(most);
  }

 private:
  [[nodiscard]] double onto(double value) const {
    return scale_ == Scale::linear ? value : scale_ == Scale::logarithmic ? std::log(value) : std::log1p(value);
  }

  /// 1, 2 or 5 times a power of ten.
  [[nodiscard]] double step_of(int most) const {
    // Halves, so that the largest of ranges does not overflow.
    const double rough = std::max(2 * (high_ / most / 2 - low_ / most / 2), std::numeric_limits<double>::min());
    const double power = std::pow(10.0, std::floor(std::log10(rough))), times = rough / power * (1 - 1e-9);
    const double step = power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
    return whole_ ? std::max(step, 1.0) : step;
  }

  [[nodiscard]] std::vector<Tick> linear(int most) const {
    std::vector<Tick> ticks;
    const double step = step_of(most);
    // All with as many digits behind the point as the step has.
    const int digits = step >= 1 || step < 1e-4 ? 0 : static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
    for (double k = std::ceil(low_ / step - 1e-9); k <= high_ / step + 1e-9 && ticks.size() < 100; ++k) {
      std::string text = number_text(k * step);
      if (digits > 0 && k != 0 && std::abs(k * step) < 1000) {
        std::array<char, 40> fixed{};
        std::snprintf(fixed.data(), fixed.size(), "%.*f", digits, std::abs(k * step));
        text = (k < 0 ? "\u2212" : "") + std::string(fixed.data());
      }
      ticks.push_back({k * step, std::move(text)});
    }
    return ticks;
  }

  [[nodiscard]] std::vector<Tick> logarithmic(int most) const {
    const auto decade = [](double value) { return std::log10(value); };
    const int first = static_cast<int>(std::ceil(decade(low_) - 1e-9)),
              last = static_cast<int>(std::floor(decade(high_) + 1e-9));
    const int every = std::max(1, (last - first + most) / most);
    const bool plain = first >= -3 && last <= 4;  // 0.01 rather than 10^{−2} where all are short
    std::vector<Tick> ticks;
    const int decades = last - first + 1;
    // With few powers of ten, 2 and 5 times them are written as well.
    const bool more = every == 1 && 3 * decades <= most + 1;
    for (int k = first - 1; k <= last; ++k) {
      for (int times = 1; times < 10; ++times) {
        const double value = times * std::pow(10.0, k);
        if (value < low_ * (1 - 1e-9) || value > high_ * (1 + 1e-9)) continue;
        if (whole_ && value != std::floor(value)) continue;
        const bool power = times == 1 && (k - first) % every == 0;
        if (every > 1 && !power) continue;
        const bool written = power || (more && (times == 2 || times == 5));
        std::string text = written ? plain || more || times > 1 ? number_text(value) : power_of_ten(k) : "";
        ticks.push_back({value, std::move(text)});
      }
    }
    return ticks;
  }

  [[nodiscard]] static std::string power_of_ten(int k) {
    if (k == 0) return "1";
    if (k == 1) return "10";
    return "10^{" + std::string(k < 0 ? "\u2212" : "") + std::to_string(std::abs(k)) + "}";
  }

  [[nodiscard]] std::vector<Tick> from_zero(int most) const {
    std::vector<Tick> ticks;
    if (low_ <= 0) ticks.push_back({0, "0"});
    const int last = static_cast<int>(std::floor(std::log10(std::max(high_, 1.0)) + 1e-9));
    const bool more = 3 * (last + 1) <= most;
    for (int k = 0; k <= last; ++k) {
      for (int times = 1; times < 10; ++times) {
        const double value = times * std::pow(10.0, k);
        if (value < low_ || value > high_ * (1 + 1e-9)) continue;
        const bool written = times == 1 || (more && (times == 2 || times == 5));
        ticks.push_back({value, written ? number_text(value) : ""});
      }
    }
    return ticks;
  }

  Scale scale_;
  bool whole_;
  AxisOptions given_;
  double low_ = std::numeric_limits<double>::infinity(), high_ = -std::numeric_limits<double>::infinity();
};

}  // namespace basin::examples
