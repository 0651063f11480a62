#pragma once

// The lines of a plane of cells with a border around it, so that a stencil needs no case distinction at the edge; and
// the exact transpose, which hands what arrived in the border back to the cells that it came from.
//
// A plane is (C, X, Y) with features contiguous. The bordered plane is (C, X + 2 r, Y + 2 r).

#include <algorithm>

#include "basin/stencil/boundary.hpp"

namespace basin {

/// A line of `width` cells with cells before and after it: to(c, x + before) = row(c, source(x)) for x in
/// [-before, width + after).
template <Boundary B, class S>
void bordered_cells(const S* row, Index features, Index width, Index before, Index after, S* to) {
  std::copy_n(row, features * width, to + before * features);
  for (Index i = 0; i < before + after; ++i) {
    const Index x = i < before ? i - before : width + i - before, column = B::source(x, width);
    S* cell = to + (x + before) * features;
    if (column == nothing) {
      std::fill_n(cell, features, S(0));
    } else {
      std::copy_n(row + column * features, features, cell);
    }
  }
}

/// Line y of the bordered plane, counted as in the plane, from -r to Y + r - 1:
/// line(c, x + r) = plane(c, source(x), source(y)) for x in [-r, X + r).
template <Boundary B, class S>
void bordered_line(const S* plane, Index features, Index width, Index height, Index border, Index y, S* line) {
  const Index from = B::source(y, height);
  if (from == nothing) {
    std::fill_n(line, features * (width + 2 * border), S(0));
  } else {
    bordered_cells<B>(plane + from * features * width, features, width, border, border, line);
  }
}

/// The transpose of all of them: plane = its image of bordered (C, X + 2 r, Y + 2 r), overwritten.
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
