#pragma once

// Who makes what the cells of a band see (nca/perception.hpp): each band for itself, or, where a sight of a whole
// sample takes long to make, the calling thread once for all bands of the sample.

#include <memory>
#include <utility>

#include "basin/core/scratch.hpp"
#include "basin/nca/tasks.hpp"

namespace basin::detail {

/// make(sample, scratch) gives a sight. `shared`: of the whole sample, and then its copies serve bands side by side.
/// Refers to scratch memory.
template <bool shared, class Make>
class Sights {
 public:
  Sights(const Tasks& tasks, const Make& make, Scratch& scratch) : make_(make) {
    if constexpr (shared) {
      if (tasks.bands == 1) return;  // one band a sample: its task makes its own
      made_ = scratch.take<Sight>(tasks.samples);
      for (Index n = 0; n < tasks.samples; ++n) std::construct_at(made_ + n, make(n, scratch));
    }
  }

  /// For a band of sample n.
  [[nodiscard]] auto of(Index n, Scratch& own) const {
    if constexpr (shared) {
      if (made_ != nullptr) return made_[n];
    }
    return make_(n, own);
  }

 private:
  using Sight = decltype(std::declval<const Make&>()(Index{}, std::declval<Scratch&>()));

  Make make_;
  Sight* made_ = nullptr;
};

}  // namespace basin::detail
