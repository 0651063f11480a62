#pragma once

// Picard iteration, damped:
//
//   z  <-  (1 - damping) z + damping f(z)
//
// Converges linearly, at the rate of the spectral radius of (1 - damping) I + damping df/dz at the fixed point, where
// that is below one. Banach 1922; with damping: Krasnoselskii 1955, Mann 1953.

#include <cmath>
#include <span>
#include <string_view>

#include "basin/core/scratch.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

struct Picard {
  static constexpr std::string_view name = "picard";
  static constexpr bool may_be_moved = true;

  double damping = 1;  ///< above 0; below 1 damps, above 1 relaxes beyond f(z)

  template <class S>
  struct Memory {};

  template <class S>
  [[nodiscard]] Memory<S> start(const Extent& /*size*/, Scratch& /*scratch*/) const {
    check(damping > 0 && std::isfinite(damping), "damping of Picard", damping, "a finite number above 0");
    return {};
  }

  template <class S>
  void step(Memory<S>& /*memory*/, std::span<S> z, std::type_identity_t<std::span<const S>> f) const {
    const Index size = static_cast<Index>(z.size());
    detail::VectorMap<S> z_map(z.data(), size);
    const detail::ConstVectorMap<S> f_map(f.data(), size);
    if (damping == 1) {
      z_map = f_map;
    } else {
      z_map += static_cast<S>(damping) * (f_map - z_map);
    }
  }
};

}  // namespace basin
