#include "axis.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace basin::examples {

std::string number_text(double value) {
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

std::string rounded_text(double value, int digits) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.*e", digits - 1, value);
  return number_text(std::strtod(text.data(), nullptr));
}

bool Axis::takes(double value) const {
  return std::isfinite(value) && (scale_ == Scale::linear || (scale_ == Scale::logarithmic ? value > 0 : value >= 0));
}

void Axis::include(double value) {
  if (!takes(value)) return;
  low_ = std::min(low_, value);
  high_ = std::max(high_, value);
}

void Axis::finish(bool room) {
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

std::vector<Tick> Axis::ticks(int most) const {
  most = std::max(most, 2);
  if (scale_ == Scale::linear) return linear(most);
  if (scale_ == Scale::from_zero) return from_zero(most);
  return std::log10(high_ / low_) < 0.7 ? linear(most) : logarithmic(most);
}

double Axis::onto(double value) const {
  return scale_ == Scale::linear ? value : scale_ == Scale::logarithmic ? std::log(value) : std::log1p(value);
}

double Axis::step_of(int most) const {
  // Halves, so that the largest of ranges does not overflow.
  const double rough = std::max(2 * (high_ / most / 2 - low_ / most / 2), std::numeric_limits<double>::min());
  const double power = std::pow(10.0, std::floor(std::log10(rough))), times = rough / power * (1 - 1e-9);
  const double step = power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
  return whole_ ? std::max(step, 1.0) : step;
}

std::vector<Tick> Axis::linear(int most) const {
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

std::vector<Tick> Axis::logarithmic(int most) const {
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

std::string Axis::power_of_ten(int k) {
  if (k == 0) return "1";
  if (k == 1) return "10";
  return "10^{" + std::string(k < 0 ? "\u2212" : "") + std::to_string(std::abs(k)) + "}";
}

std::vector<Tick> Axis::from_zero(int most) const {
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

}  // namespace basin::examples
