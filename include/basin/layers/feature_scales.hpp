#pragma once

// What the normalizations share: a learned scale, and mostly a shift, for each of C features.

#include "basin/core/layer.hpp"

namespace basin::detail {

/// theta: scale (C), then shift (C) if there is one.
template <int C, bool with_shift = true>
struct FeatureScales {
  static constexpr std::size_t param_count = (with_shift ? 2 : 1) * std::size_t{C};

  static void leaves(LeafList& list) {
    list.scale("scale", C, "weight");
    if constexpr (with_shift) list.bias("shift", C, "bias");
  }
};

}  // namespace basin::detail
