#pragma once

// How a convolution goes over the lines of a plane: directly, and by Winograd's minimal filtering. layers/conv.hpp uses
// both.

#include <algorithm>

#include "basin/core/scratch.hpp"
#include "basin/kernels/product.hpp"
#include "basin/kernels/winograd.hpp"

namespace basin::detail {

/// The last lines that were loaded, in a ring: line i of a plane, which may be negative, in slot i modulo `slots`. Each
/// line is loaded once, and is in the first-level cache when it is used. load(i, to) makes a line.
template <class S, class Load>
class LineRing {
 public:
  /// Lines are asked for from `first` on.
  LineRing(S* memory, Index line, Index slots, Index first, const Load& load)
      : memory_(memory), line_(line), slots_(slots), next_(first), load_(load) {}

  /// Makes lines up to `end`, not including it, those before `from` left out.
  void reach(Index from, Index end) {
    for (next_ = std::max(next_, from); next_ < end; ++next_) load_(next_, slot(next_));
  }
  [[nodiscard]] S* slot(Index i) const { return memory_ + (i % slots_ + slots_) % slots_ * line_; }

 private:
  S* memory_;
  Index line_, slots_, next_;
  const Load& load_;
};

/// The products of `lines_out` lines of `cells` cells. Line j is made from lines j * step - before ... of `lines_in`
/// lines of `line` numbers. `cut`: what lies beyond them is zero, and left out; otherwise load makes that too. `then`
/// gets each finished line.
template <int Kernel, int From, int Step, int To, bool cut, class S, class Load, class Then>
void conv_lines(Index lines_in, Index line, Index before, Index step, Index lines_out, Index cells, const Load& load,
                const S* weights, const S* start, S* out, const Then& then) {
  Scratch scratch;
  LineRing<S, Load> lines(scratch.take<S>(line * Kernel), line, Kernel, -before, load);
  for (Index j = 0; j < lines_out; ++j, out += To * cells) {
    const Index top = j * step - before;
    const Index low = cut ? std::max<Index>(top, 0) : top;
    const Index high = cut ? std::max(low, std::min(top + Kernel, lines_in)) : top + Kernel;
    lines.reach(low, high);
    const S* under[Kernel];
    for (Index i = low; i < high; ++i) under[i - low] = lines.slot(i);
    kernels::gather<Kernel * From, Step * From, To>(cells, static_cast<int>(high - low), under,
                                                    weights + (low - top) * Kernel * From * To, start, out);
    then(out, To * cells);
  }
}

/// How a plane is cut into blocks of tiles of 2 x 2 cells: some whole lines of tiles, or part of a long one.
struct WinogradBlocks {
  Index across, down;  // tiles of the plane
  Index lines;         // of tiles, of a block
  Index columns;       // of tiles, of a block

  /// `most`: tiles of a block.
  WinogradBlocks(Index cells, Index lines_out, Index most)
      : across((cells + 1) / 2),
        down((lines_out + 1) / 2),
        lines(even_part(down, std::max<Index>(1, most / across))),
        columns(even_part(across, most)) {}
  [[nodiscard]] Index tiles() const { return lines * columns; }

 private:
  /// The size of parts of about the same size, at most `most`.
  static constexpr Index even_part(Index whole, Index most) {
    const Index parts = (whole + most - 1) / most;
    return (whole + parts - 1) / parts;
  }
};

/// Tiles of a block. Where a fair number fits into the first-level cache beside the transformed weights, so many; else
/// enough for the products, and few enough for the second-level cache.
template <class S>
constexpr Index winograd_tiles(Index from, Index to) {
  constexpr Index number = kernels::winograd_matrices * Index{sizeof(S)};
  const Index near = 16 * 1024 / (number * (from + to));
  return number * from * to <= 16 * 1024 ? near : 64;
}

/// What is at hand for a block of tiles: V, and room for M. Tile (l, t) of it has numbers l * columns + t of their
/// matrices.
template <class S>
struct WinogradBlock {
  Index first, lines;     // lines of tiles
  Index column, columns;  // columns of tiles
  bool last_of_lines;     // whether its lines end with it
  const S* v;
  Index v_matrix;  // numbers from one matrix to the next
  S* m;
  Index m_matrix;
};

/// Calls body(block) for each block of tiles of lines_out x cells cells. load(i, to) makes line i of cells + 2 cells, i
/// from -before on; those from lines_out + 2 - before on are not asked for.
template <int From, int To, class S, class Load, class Body>
void each_winograd_block(Index before, Index lines_out, Index cells, const Load& load, const Body& body) {
  const WinogradBlocks blocks(cells, lines_out, winograd_tiles<S>(From, To));
  const Index line = From * (2 * blocks.across + 2);
  const Index v_matrix = kernels::winograd_stride<S>(blocks.tiles() * From);
  const Index m_matrix = kernels::winograd_stride<S>(blocks.tiles() * To);
  Scratch scratch;
  S* v = scratch.take<S>(kernels::winograd_matrices * v_matrix);
  S* m = scratch.take<S>(kernels::winograd_matrices * m_matrix);
  S* memory = scratch.take<S>(4 * line);
  std::fill_n(memory, 4 * line, S(0));  // with an odd number of cells the last of a line stays zero
  const Index end = lines_out + 2 - before;
  const auto load_or_zero = [&](Index i, S* to) {
    if (i < end) {
      load(i, to);
    } else {
      std::fill_n(to, line, S(0));
    }
  };
  LineRing<S, decltype(load_or_zero)> ring(memory, line, 4, -before, load_or_zero);
  for (Index first = 0; first < blocks.down; first += blocks.lines) {
    const Index lines = std::min(blocks.lines, blocks.down - first);
    for (Index column = 0; column < blocks.across; column += blocks.columns) {
      const Index columns = std::min(blocks.columns, blocks.across - column);
      for (Index l = 0; l < lines; ++l) {
        const Index top = 2 * (first + l) - before;
        ring.reach(top, top + 4);
        const S* under[4];
        for (Index i = 0; i < 4; ++i) under[i] = ring.slot(top + i) + 2 * column * From;
        kernels::winograd_input<From>(columns, under, v + l * columns * From, v_matrix);
      }
      body(
          WinogradBlock<S>{first, lines, column, columns, column + columns == blocks.across, v, v_matrix, m, m_matrix});
    }
  }
}

/// The products of `lines_out` lines of `cells` cells, by the transformed weights u. Line j is made from lines j -
/// before, ... + 2, which load makes as for each_winograd_block. `then` gets each finished line.
template <int From, int To, class S, class Load, class Then>
void winograd_lines(Index before, Index lines_out, Index cells, const Load& load, const S* u, const S* start, S* out,
                    const Then& then) {
  each_winograd_block<From, To, S>(before, lines_out, cells, load, [&](const WinogradBlock<S>& b) {
    kernels::winograd_products<From, To>(b.lines * b.columns, b.v, b.v_matrix, u, b.m, b.m_matrix);
    for (Index l = 0; l < b.lines; ++l) {
      const Index y = 2 * (b.first + l), skip = 2 * b.column * To;
      S* upper = out + y * cells * To;
      S* lower = y + 1 < lines_out ? upper + cells * To : nullptr;
      kernels::winograd_output<To>(b.columns, cells - 2 * b.column, b.m + l * b.columns * To, b.m_matrix, start,
                                   upper + skip, lower == nullptr ? nullptr : lower + skip);
      if (!b.last_of_lines) continue;
      then(upper, To * cells);
      if (lower != nullptr) then(lower, To * cells);
    }
  });
}

/// du += what the gradient g in such lines says of the transformed weights.
template <int From, int To, class S, class Load>
void winograd_gradient(Index before, Index lines_out, Index cells, const Load& load, const S* g, S* du) {
  each_winograd_block<From, To, S>(before, lines_out, cells, load, [&](const WinogradBlock<S>& b) {
    for (Index l = 0; l < b.lines; ++l) {
      const Index y = 2 * (b.first + l);
      const S* upper = g + (y * cells + 2 * b.column) * To;
      kernels::winograd_output_back<To>(b.columns, cells - 2 * b.column, upper,
                                        y + 1 < lines_out ? upper + cells * To : nullptr, b.m + l * b.columns * To,
                                        b.m_matrix);
    }
    kernels::winograd_outer<From, To>(b.lines * b.columns, b.v, b.v_matrix, b.m, b.m_matrix, du);
  });
}

}  // namespace basin::detail
