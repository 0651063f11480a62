#pragma once

// Some of the features of every cell, for layers that take states apart and put them together.

#include "basin/core/state.hpp"

namespace basin::detail {

/// `count` numbers of each cell, which are from_step and to_step numbers apart: to = from, or to += from.
template <int count, int from_step, int to_step, bool add = false, class S>
void move_features(Index cells, const S* from, S* to) {
  for (Index cell = 0; cell < cells; ++cell, from += from_step, to += to_step) {
    for (int c = 0; c < count; ++c) to[c] = add ? to[c] + from[c] : from[c];
  }
}

}  // namespace basin::detail
