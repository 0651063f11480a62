#pragma once

// Neighbours of cells without a border: the lines of cells along x that lie around a cell, each resolved once for a
// whole line through the boundary. What stands beyond a zero edge is a line of its own, `elsewhere`: zeros to read
// from, or a place whose content nobody wants to add to.

#include <array>

#include "basin/core/state.hpp"
#include "basin/stencil/boundary.hpp"

namespace basin {

/// The (2 RY + 1)(2 RZ + 1) lines around one line of cells of a sample (C features, X x Y x Z cells), and the
/// 2 RX + 1 columns around one cell of it. N is S or const S.
template <class N, Boundary Edge, int C, int RX, int RY, int RZ>
class Lines {
 public:
  /// sample: C * X * Y * Z numbers; elsewhere: C * X numbers. Both are kept alive by the caller.
  Lines(N* sample, const std::array<Index, 3>& space, N* elsewhere)
      : sample_(sample), space_(space), elsewhere_(elsewhere), first_(-space[0]) {}

  /// Goes to a cell, by its number in the sample. Fast if it is on the line of the last one.
  void go_to(Index cell) {
    if (cell < first_ || cell >= first_ + space_[0]) go_to_line(cell / space_[0]);
    x_ = cell - first_;
    inside_ = x_ >= RX && x_ < space_[0] - RX;
    if (!inside_) {
      for (int i = -RX; i <= RX; ++i) column_[static_cast<std::size_t>(i + RX)] = Edge::source(x_ + i, space_[0]);
    }
  }

  /// Whether all columns around the cell are on the grid: then at<true> is to be used, else at<false>.
  [[nodiscard]] bool inside() const { return inside_; }

  /// The features of the neighbour at (x, y, z) from the cell.
  template <bool inside>
  [[nodiscard]] N* at(int x, int y, int z) const {
    N* line = line_[static_cast<std::size_t>((z + RZ) * (2 * RY + 1) + y + RY)];
    if constexpr (inside) {
      return line + (x_ + x) * C;
    } else {
      const Index column = column_[static_cast<std::size_t>(x + RX)];
      return column == nothing ? elsewhere_ : line + column * C;
    }
  }

 private:
  void go_to_line(Index number) {
    const Index y = number % space_[1], z = number / space_[1];
    first_ = number * space_[0];
    for (int k = -RZ; k <= RZ; ++k) {
      const Index from_z = RZ == 0 ? z : Edge::source(z + k, space_[2]);
      for (int j = -RY; j <= RY; ++j) {
        const Index from_y = RY == 0 ? y : Edge::source(y + j, space_[1]);
        line_[static_cast<std::size_t>((k + RZ) * (2 * RY + 1) + j + RY)] =
            from_z == nothing || from_y == nothing ? elsewhere_
                                                   : sample_ + (from_z * space_[1] + from_y) * space_[0] * C;
      }
    }
  }

  N* sample_;
  std::array<Index, 3> space_;
  N* elsewhere_;
  Index first_;  // cell of the line; at first a line that no cell is on
  Index x_ = 0;
  bool inside_ = false;
  std::array<N*, (2 * RY + 1) * (2 * RZ + 1)> line_{};
  std::array<Index, 2 * RX + 1> column_{};
};

}  // namespace basin
