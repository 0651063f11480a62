#pragma once

// What stands beyond the edge of a grid, found by walking there one cell at a time. For tests to compare with.

#include "basin/stencil/boundary.hpp"

namespace basin::test {

/// The cell of [0, n) that stands at i, or -1 for none. Reflect needs n > 1 where i is outside.
template <Boundary B>
Index naive_source(Index i, Index n) {
  if (i >= 0 && i < n) return i;
  if (std::is_same_v<B, Zero>) return -1;
  Index at = i < 0 ? 0 : n - 1;
  Index way = i < 0 ? 1 : -1;  // of a walk on the grid, while another walks from the edge to i
  for (Index beyond = i < 0 ? -i : i - (n - 1); beyond > 0; --beyond) {
    if (std::is_same_v<B, Periodic>) at = (at - way + n) % n;
    if (std::is_same_v<B, Reflect>) at += way;
  }
  return at;
}

}  // namespace basin::test
