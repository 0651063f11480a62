#pragma once

// Checks of arguments that only the run can know. What can be known at compile time is a static_assert instead.

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>

#include "basin/core/exceptions.hpp"

namespace basin {

namespace detail {

/// False, but only once T is known: for a static_assert in a template that nobody may use with it.
template <class... T>
inline constexpr bool never = false;

template <class T>
std::string printed(const T& value) {
  if constexpr (std::is_convertible_v<T, std::string_view>) {
    return std::string(std::string_view(value));
  } else if constexpr (requires { value.to_string(); }) {
    return value.to_string();
  } else if constexpr (std::is_floating_point_v<T>) {
    std::array<char, 32> digits{};  // not std::to_string, which prints 1e-9 as 0.000000
    std::snprintf(digits.data(), digits.size(), "%g", static_cast<double>(value));
    return digits.data();
  } else {
    return std::to_string(value);
  }
}

}  // namespace detail

/// Throws std::invalid_argument "<thing> is <value>, expected <expected>" unless `holds`.
/// `value` and `expected` are strings, numbers, or anything with a member to_string().
template <class Value, class Expected>
void check(bool holds, std::string_view thing, const Value& value, const Expected& expected) {
  if (!holds) [[unlikely]] {
    detail::throw_invalid_argument(std::string(thing) + " is " + detail::printed(value) + ", expected " +
                                   detail::printed(expected));
  }
}

}  // namespace basin
