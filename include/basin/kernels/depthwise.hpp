#pragma once

// The products of depthwise layers, whose C features each have weights of their own, over cells whose features lie
// together:
//
//   depthwise_gather:  out[p][c]  = start[c] + sum_{r < rows} sum_{k < Taps} in[r][p * Step + k][c] * w[r][k][c]
//   depthwise_outer:   dw[k][c]  += sum_{l < lines} sum_p in[l][p * Step + k][c] * g[l][p][c]     (its gradient in w)
//
// Vectors run over features. A register tile is P cells of one vector: it holds the Taps weights of a row, and each
// number of `in` is loaded once for all cells and taps that it meets. Features that do not fill a whole vector are
// covered by a last vector that overlaps the one before it, as in kernels/product.hpp.

#include <algorithm>

#include "basin/kernels/product.hpp"

namespace basin::kernels {

namespace micro {

template <int C, int Taps, int Step, int OutStep, class S>
struct Depthwise {
  using Of = Cut<S, C, 1>;
  static constexpr int lanes = Of::lanes;
  /// Cells of a tile: what the registers hold beside the weights and a number.
  static constexpr int cells = std::clamp((register_count == 32 ? 29 : 13) - Taps, 2, 8);
  static constexpr int sets = std::max(1, std::min(4, (register_count == 32 ? 24 : 10) / (Taps + 1)));

  template <int P>
  [[gnu::always_inline]] static void tile(int rows, const S* const* in, Index offset, const S* w, const S* start,
                                          S* out) {
    Lanes<S, lanes> sum[P];
    Lanes<S, lanes> begin{};
    if (start) begin = load<lanes>(start);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[p] = begin;
    for (int r = 0; r < rows; ++r, w += Taps * C) {
      const S* x = in[r] + offset;
      Lanes<S, lanes> weights[Taps];
#pragma GCC unroll 16
      for (int k = 0; k < Taps; ++k) weights[k] = load<lanes>(w + k * C);
#pragma GCC unroll 64
      for (int q = 0; q < (P - 1) * Step + Taps; ++q) {
        const Lanes<S, lanes> number = load<lanes>(x + q * C);
#pragma GCC unroll 16
        for (int k = 0; k < Taps; ++k) {
          if (q < k || (q - k) % Step != 0 || (q - k) / Step >= P) continue;
          sum[(q - k) / Step] += number * weights[k];
        }
      }
    }
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) store<lanes>(out + p * OutStep * C, sum[p]);
  }

  /// The cells of a line from p on in tiles of P, the remainder in smaller ones.
  template <int P>
  static void line(Index p, Index count, int rows, const S* const* in, Index first, const S* w, const S* start,
                   S* out) {
    for (; p + P <= count; p += P) tile<P>(rows, in, p * Step * C + first, w, start, out + p * OutStep * C);
    if constexpr (P > 1) {
      if (p < count) line<P / 2>(p, count, rows, in, first, w, start, out);
    }
  }

  /// dw of one vector of features, from `first` on; lanes below `again` belong to the vector before it.
  static void outer(Index lines, Index count, const S* const* in, const S* g, Index first, int again, S* dw) {
    Lanes<S, lanes> sum[sets][Taps] = {};
    for (Index line = 0; line < lines; ++line, g += count * C) {
      const S* x = in[line] + first;
      const auto cells_from = [&]<int P>(Index p) __attribute__((always_inline)) {
        Lanes<S, lanes> gradient[P];
#pragma GCC unroll 4
        for (int i = 0; i < P; ++i) gradient[i] = load<lanes>(g + (p + i) * C + first);
#pragma GCC unroll 64
        for (int q = 0; q < (P - 1) * Step + Taps; ++q) {
          const Lanes<S, lanes> number = load<lanes>(x + (p * Step + q) * C);
#pragma GCC unroll 16
          for (int k = 0; k < Taps; ++k) {
            if (q < k || (q - k) % Step != 0 || (q - k) / Step >= P) continue;
            sum[(q - k) / Step][k] += number * gradient[(q - k) / Step];
          }
        }
      };
      Index p = 0;
      for (; p + sets <= count; p += sets) cells_from.template operator()<sets>(p);
      for (; p < count; ++p) cells_from.template operator()<1>(p);
    }
    for (int k = 0; k < Taps; ++k) {
      S numbers[lanes];
      for (int i = 1; i < sets; ++i) sum[0][k] += sum[i][k];
      store<lanes>(numbers, sum[0][k]);
      for (int i = again; i < lanes; ++i) dw[k * C + first + i] += numbers[i];
    }
  }
};

}  // namespace micro

/// out[p][c] for a line of `cells` cells, as above. start holds C numbers, or is null for zeros. Cells of out lie
/// OutStep cells apart: more than one where other calls fill those between.
template <int C, int Taps, int Step, int OutStep, class S>
void depthwise_gather(Index cells, int rows, const S* const* in, const S* w, const S* start, S* out) {
  if (cells == 0) return;  // pointers may then be null
  using Way = micro::Depthwise<C, Taps, Step, OutStep, S>;
  for (int v = 0; v < Way::Of::vectors; ++v) {
    const int first = Way::Of::at(0, v);
    Way::template line<Way::cells>(0, cells, rows, in, first, w + first, start ? start + first : nullptr, out + first);
  }
}

/// dw[k][c] for `lines` lines of `cells` cells, as above: g is lines x cells x C without gaps.
template <int C, int Taps, int Step, class S>
void depthwise_outer(Index lines, Index cells, const S* const* in, const S* g, S* dw) {
  if (lines == 0 || cells == 0) return;  // pointers may then be null
  using Way = micro::Depthwise<C, Taps, Step, 1, S>;
  for (int v = 0; v < Way::Of::vectors; ++v) {
    const int first = Way::Of::at(0, v);
    Way::outer(lines, cells, in, g, first, v * Way::lanes - first, dw);
  }
}

}  // namespace basin::kernels
