#pragma once

// What a value from a checkpoint has to be, before a program relies on it. A reader takes any number of these behind
// the value, and throws one sentence before it has changed it; a writer takes them too and leaves them aside, so that
// one function can visit for both:
//
//   file("batch", batch, Within{1, 100000});
//   file("labels", labels, Length{images}, Within{0, 9});   // each of them
//   file("best", best, Finite{});
//   file("", theta, AnyNumbers{});                          // parameters have to be finite, if not said otherwise

#include <cmath>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/io/file_error.hpp"

namespace basin {

namespace detail {

/// a <= b of any two kinds of numbers; false where one is NaN.
template <class A, class B>
[[nodiscard]] constexpr bool at_most(A a, B b) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B>) {
    return std::cmp_less_equal(a, b);
  } else {
    return static_cast<double>(a) <= static_cast<double>(b);
  }
}

/// Throws FileError unless holds(value), or that of each number of a vector. `name` as a reader knows the value.
template <class Value, class Holds>
void check_numbers(const std::string& path, const std::string& name, const Value& value, const std::string& expected,
                   const Holds& holds) {
  if constexpr (std::is_arithmetic_v<Value>) {
    check_file(holds(value), path, "'" + name + "'", value, expected);
  } else {
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (holds(value[i])) continue;
      check_file(false, path, "'" + name + "'[" + std::to_string(i) + "]", value[i], expected);
    }
  }
}

}  // namespace detail

/// From `least` to `most`, both included; NaN never is.
template <class Bound>
struct Within {
  Bound least, most;  ///< both allowed

  /// Throws FileError, which names the file and the value, unless a number, or each of a list, is in the range.
  template <class Value>
  void verify(const std::string& path, const std::string& name, const Value& value) const {
    detail::check_numbers(path, name, value, detail::printed(least) + " to " + detail::printed(most),
                          [&](auto number) { return detail::at_most(least, number) && detail::at_most(number, most); });
  }
};
template <class Bound>
Within(Bound, Bound) -> Within<Bound>;

/// How many numbers a list has.
template <class Count>
struct Length {
  Count count;  ///< of any type of whole numbers

  /// Throws FileError, which names the file and the list, unless it has `count` numbers.
  template <class Number>
  void verify(const std::string& path, const std::string& name, const std::vector<Number>& values) const {
    check_file(std::cmp_equal(values.size(), count), path, "length of '" + name + "'", values.size(), count);
  }
};
template <class Count>
Length(Count) -> Length<Count>;

/// Neither NaN nor infinite.
struct Finite {
  /// Throws FileError, which names the file and the value, unless a number, or each of a list, is finite.
  template <class Value>
  void verify(const std::string& path, const std::string& name, const Value& value) const {
    detail::check_numbers(path, name, value, "a finite number", [](auto number) { return std::isfinite(number); });
  }
};

/// Parameters that may hold NaN and infinities.
struct AnyNumbers {};

}  // namespace basin
