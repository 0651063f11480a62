#pragma once

// A plane of cells with a border around it, so that a stencil needs no case distinction at the edge; and the exact
// transpose, which hands what arrived in the border back to the cells that it came from.
//
// A plane is (C, X, Y) with features contiguous. The bordered plane is (C, X + 2 r, Y + 2 r).

#include <algorithm>

#include "basin/stencil/boundary.hpp"

namespace basin {

/// `count` lines of the bordered plane, from line `first` of the plane on, which may lie beyond it:
/// bordered(c, x + r, i) = plane(c, source(x), source(first + i)) for x in [-r, X + r).
template <Boundary B, class S>
void add_border(const S* plane, Index features, Index width, Index height, Index border, Index first, Index count,
                S* bordered) {
  const Index line = features * width, wide = features * (width + 2 * border);
  for (Index y = first; y < first + count; ++y, bordered += wide) {
    const Index from = B::source(y, height);
    if (from == nothing) {
      std::fill_n(bordered, wide, S(0));
      continue;
    }
    const S* row = plane + from * line;
    std::copy_n(row, line, bordered + border * features);
    for (Index i = 0; i < border; ++i) {
      for (const Index x : {i - border, width + i}) {
        const Index column = B::source(x, width);
        S* cell = bordered + (x + border) * features;
        if (column == nothing) {
          std::fill_n(cell, features, S(0));
        } else {
          std::copy_n(row + column * features, features, cell);
        }
      }
    }
  }
}

/// All Y + 2 r lines of it.
template <Boundary B, class S>
void add_border(const S* plane, Index features, Index width, Index height, Index border, S* bordered) {
  add_border<B>(plane, features, width, height, border, -border, height + 2 * border, bordered);
}

/// The transpose of add_border: plane = its image of bordered, overwritten.
template <Boundary B, class S>
void fold_border(const S* bordered, Index features, Index width, Index height, Index border, S* plane) {
  std::fill_n(plane, features * width * height, S(0));
  for (Index y = -border; y < height + border; ++y) {
    const Index to_row = B::source(y, height);
    for (Index x = -border; x < width + border; ++x, bordered += features) {
      const Index to_column = B::source(x, width);
      if (to_row == nothing || to_column == nothing) continue;
      S* cell = plane + (to_row * width + to_column) * features;
      for (Index c = 0; c < features; ++c) cell[c] += bordered[c];
    }
  }
}

}  // namespace basin
