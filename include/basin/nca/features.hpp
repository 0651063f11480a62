#pragma once

// Which features of a cell something is about, as a type: those that an update leaves as they are (Keeping of
// nca/update.hpp), and those that a cell does not lose when it dies (AliveMask of nca/alive.hpp).
//
//   Features<0, 3, 7>          features 0, 3 and 7, counted from 0; Features<> are none
//   FeatureRange<16, 8>        features 16 ... 23

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>

namespace basin {

/// A set of features: has(f) says whether feature f belongs to it, and end is above all that do.
template <class F>
concept FeatureSet = requires {
  { F::end } -> std::convertible_to<int>;
  { F::has(0) } -> std::same_as<bool>;
};

/// These features, counted from 0, in any order.
template <int... Numbers>
struct Features {
  static_assert(((Numbers >= 0) && ...), "Features: a feature is counted from 0");
  static constexpr int end = std::max({0, Numbers + 1 ...});  ///< above all of them
  /// Whether feature f is one of them.
  [[nodiscard]] static constexpr bool has(int f) { return ((Numbers == f) || ...); }
};

/// `Count` features from `First` on, counted from 0.
template <int First, int Count>
struct FeatureRange {
  static_assert(First >= 0 && Count >= 0, "FeatureRange: the first feature and the count cannot be negative");
  static constexpr int end = Count > 0 ? First + Count : 0;  ///< above all of them
  /// Whether feature f is one of them.
  [[nodiscard]] static constexpr bool has(int f) { return f >= First && f < First + Count; }
};

namespace detail {

/// The features of C that belong to a set, or do not, in ascending order.
template <FeatureSet F, int C, bool belong>
inline constexpr auto features_that = [] {
  constexpr int count = [] {
    int sum = 0;
    for (int f = 0; f < C; ++f) sum += F::has(f) == belong ? 1 : 0;
    return sum;
  }();
  std::array<int, static_cast<std::size_t>(count)> features{};
  std::size_t next = 0;
  for (int f = 0; f < C; ++f) {
    if (F::has(f) == belong) features[next++] = f;
  }
  return features;
}();

}  // namespace detail

}  // namespace basin
