#pragma once

// What gated units have in common: their second N features decide how much of the first N comes through.

#include "basin/core/layer.hpp"

namespace basin::detail {

/// The shapes of Unit, a layer without parameters that takes 2 N features to N and has a `name`.
template <class Unit, int N>
struct Halves {
  static_assert(N > 0, "Reglu, SwiGlu: the number of features must be positive");

  static constexpr int in_features = 2 * N;
  static constexpr int out_features = N;
  static constexpr std::size_t param_count = 0;

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features(Unit::name, x.features, in_features);
    return x.with_features(N);
  }
};

}  // namespace basin::detail
