#pragma once

// What the normalizations share: a learned scale and shift for each of C features.

#include "basin/core/layer.hpp"

namespace basin::detail {

/// Features in and out, and theta: scale (C), then shift (C).
template <int C>
struct FeatureScales {
  static constexpr int in_features = C;
  static constexpr int out_features = C;
  static constexpr std::size_t param_count = 2 * std::size_t{C};

  static void leaves(LeafList& list) {
    list.scale("scale", C);
    list.bias("shift", C);
  }
};

}  // namespace basin::detail
