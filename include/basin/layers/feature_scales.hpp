#pragma once

// What the normalizations share: a learned scale and shift for each of C features.

#include "basin/core/layer.hpp"

namespace basin::detail {

/// theta: scale (C), then shift (C).
template <int C>
struct FeatureScales {
  static constexpr std::size_t param_count = 2 * std::size_t{C};

  static void leaves(LeafList& list) {
    list.scale("scale", C, "weight");
    list.bias("shift", C, "bias");
  }
};

}  // namespace basin::detail
