#pragma once

// The products that layers are made of, over cells whose features lie together:
//
//   gather:   out[p][o]  = start[o] + sum_{r < rows} sum_{k < Run} in[r * row_step + p * Step + k] * w[r][k][o]
//   outer:    dw[r][k][o] += sum_p in[r * row_step + p * Step + k] * g[p][o]           (its gradient in w)
//
// for a line of cells p. A dense layer is rows = 1, Run = its inputs; a K x K convolution is rows = K and Run = K * In,
// because the K cells under one row of the kernel lie together in a bordered image. w is [r][k][o] with o contiguous.
//
// What decides speed is the register tile: P cells times B vectors of outputs are accumulated in registers while k
// runs; each step of k loads B vectors of weights and P numbers and does P * B multiply-adds. Outputs that do not fill
// a whole vector are covered by a last vector that overlaps the one before it.

#include <algorithm>

#include "basin/core/state.hpp"
#include "basin/kernels/vector.hpp"

namespace basin::kernels {

namespace micro {

/// How the outputs of a product are cut into vectors and blocks of vectors.
template <class S, int Outputs>
struct Cut {
  static constexpr int lanes = lanes_for<S>(Outputs);
  static constexpr int vectors = (Outputs + lanes - 1) / lanes;
  static constexpr int block = vectors < 2 ? vectors : 2;  // vectors of a register tile
  static constexpr int full_blocks = Outputs / (block * lanes);
  static constexpr int rest_first = full_blocks * block * lanes;  // outputs from here on are the last, ragged block
  static constexpr int rest_vectors = (Outputs - rest_first + lanes - 1) / lanes;
  /// First output of vector v of a block that starts at `first`: the last vector is moved back to end at Outputs.
  static constexpr int at(int first, int v) {
    return first + (v + 1) * lanes <= Outputs ? first + v * lanes : Outputs - lanes;
  }
};

/// Cells of a register tile: accumulators fill the registers but for the weights and one broadcast.
inline constexpr int tile_cells(int vectors) {
  const int accumulators = register_count == 32 ? 28 : 12;
  return std::min(14, accumulators / vectors);
}

/// P cells times V vectors of outputs. `Ragged`: the block's vectors may be moved back (Cut::at), from output `first`.
template <int Inputs, int Step, int Outputs, int V, int P, bool Ragged, class S>
[[gnu::always_inline]] inline void gather_tile(int rows, const S* in, Index row_step, const S* w, int first,
                                               const S* start, S* out) {
  using C = Cut<S, Outputs>;
  constexpr int L = C::lanes;
  const auto at = [first](int v) { return Ragged ? C::at(C::rest_first, v) : first + v * L; };
  Lanes<S, L> sum[P][V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const Lanes<S, L> begin = start ? load<L>(start + at(v)) : broadcast<L>(S(0));
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) sum[p][v] = begin;
  }
  for (int r = 0; r < rows; ++r) {
    const S* x = in + r * row_step;
    const S* weights = w + static_cast<Index>(r) * Inputs * Outputs;
#pragma GCC unroll 2
    for (int k = 0; k < Inputs; ++k) {
      Lanes<S, L> line[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) line[v] = load<L>(weights + static_cast<Index>(k) * Outputs + at(v));
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const Lanes<S, L> number = broadcast<L>(x[p * Step + k]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[p][v] += line[v] * number;
      }
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store<L>(out + p * Outputs + at(v), sum[p][v]);
  }
}

/// A line of cells in tiles of P, the remainder in smaller ones.
template <int Inputs, int Step, int Outputs, int V, int P, bool Ragged, class S>
inline void gather_line(Index cells, int rows, const S* in, Index row_step, const S* w, int first, const S* start,
                        S* out) {
  Index p = 0;
  for (; p + P <= cells; p += P) {
    gather_tile<Inputs, Step, Outputs, V, P, Ragged>(rows, in + p * Step, row_step, w, first, start, out + p * Outputs);
  }
  if constexpr (P > 1) {
    if (p < cells) {
      gather_line<Inputs, Step, Outputs, V, P / 2, Ragged>(cells - p, rows, in + p * Step, row_step, w, first, start,
                                                           out + p * Outputs);
    }
  }
}

/// R lines of weights times V vectors of outputs, summed over a plane of cells.
template <int Inputs, int Step, int Outputs, int V, int R, bool Ragged, class S>
[[gnu::always_inline]] inline void outer_tile(Index lines, Index cells, const S* in, Index line_step, const S* g,
                                              int first, S* dw) {
  using C = Cut<S, Outputs>;
  constexpr int L = C::lanes;
  const auto at = [first](int v) { return Ragged ? C::at(C::rest_first, v) : first + v * L; };
  Lanes<S, L> sum[R][V];
#pragma GCC unroll 16
  for (int k = 0; k < R; ++k) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[k][v] = broadcast<L>(S(0));
  }
  for (Index line = 0; line < lines; ++line) {
    const S* x = in + line * line_step;
    const S* gradient = g + line * cells * Outputs;
    for (Index p = 0; p < cells; ++p) {
      Lanes<S, L> of_cell[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) of_cell[v] = load<L>(gradient + p * Outputs + at(v));
#pragma GCC unroll 16
      for (int k = 0; k < R; ++k) {
        const Lanes<S, L> number = broadcast<L>(x[p * Step + k]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[k][v] += of_cell[v] * number;
      }
    }
  }
#pragma GCC unroll 16
  for (int k = 0; k < R; ++k) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      S* to = dw + static_cast<Index>(k) * Outputs + at(v);
      const Lanes<S, L> total = load<L>(to) + sum[k][v];
      // Lanes that an overlapping last vector shares with the vector before it are added once.
      const int shared = Ragged ? C::rest_first + v * L - at(v) : 0;
      if (shared == 0) {
        store<L>(to, total);
      } else {
        S numbers[L];
        store<L>(numbers, total);
        std::copy(numbers + shared, numbers + L, to + shared);
      }
    }
  }
}

template <int Inputs, int Step, int Outputs, int V, int R, bool Ragged, class S>
inline void outer_lines(int run, Index lines, Index cells, const S* in, Index line_step, const S* g, int first, S* dw) {
  int k = 0;
  for (; k + R <= run; k += R) {
    outer_tile<Inputs, Step, Outputs, V, R, Ragged>(lines, cells, in + k, line_step, g, first,
                                                    dw + static_cast<Index>(k) * Outputs);
  }
  if constexpr (R > 1) {
    if (k < run) {
      outer_lines<Inputs, Step, Outputs, V, R / 2, Ragged>(run - k, lines, cells, in + k, line_step, g, first,
                                                           dw + static_cast<Index>(k) * Outputs);
    }
  }
}

}  // namespace micro

/// out[p][o] for a line of `cells` cells, as above. start holds Outputs numbers, or is null for zeros.
template <int Inputs, int Step, int Outputs, class S>
void gather(Index cells, int rows, const S* in, Index row_step, const S* w, const S* start, S* out) {
  if (cells == 0) return;  // pointers may then be null
  using C = micro::Cut<S, Outputs>;
  constexpr int V = C::block;
  for (int b = 0; b < C::full_blocks; ++b) {
    micro::gather_line<Inputs, Step, Outputs, V, micro::tile_cells(V), false>(cells, rows, in, row_step, w,
                                                                              b * V * C::lanes, start, out);
  }
  if constexpr (C::rest_vectors > 0) {
    constexpr int rest = C::rest_vectors;
    micro::gather_line<Inputs, Step, Outputs, rest, micro::tile_cells(rest), true>(cells, rows, in, row_step, w, 0,
                                                                                   start, out);
  }
}

/// dw[k][o] += sum over `lines` lines of `cells` cells, for one row r of the kernel, as above: line i of `in` starts at
/// in + i * line_step, and g is lines x cells x Outputs without gaps.
template <int Inputs, int Step, int Outputs, class S>
void outer(Index lines, Index cells, const S* in, Index line_step, const S* g, S* dw) {
  if (lines == 0 || cells == 0) return;  // pointers may then be null
  using C = micro::Cut<S, Outputs>;
  constexpr int V = C::block, R = register_count == 32 ? 12 : 6;
  for (int b = 0; b < C::full_blocks; ++b) {
    micro::outer_lines<Inputs, Step, Outputs, V, R, false>(Inputs, lines, cells, in, line_step, g, b * V * C::lanes,
                                                           dw);
  }
  if constexpr (C::rest_vectors > 0) {
    micro::outer_lines<Inputs, Step, Outputs, C::rest_vectors, R, true>(Inputs, lines, cells, in, line_step, g, 0, dw);
  }
}

/// sum[o] += sum over cells of g[p][o].
template <int Outputs, class S>
void add_columns(Index cells, const S* g, S* sum) {
  for (Index p = 0; p < cells; ++p) {
    for (int o = 0; o < Outputs; ++o) sum[o] += g[p * Outputs + o];
  }
}

}  // namespace basin::kernels
