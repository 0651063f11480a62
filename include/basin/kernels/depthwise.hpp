#pragma once

// The products of depthwise layers, whose C features each have weights of their own, over cells whose features lie
// together:
//
//   depthwise_gather:  out[p][c]  = start[c] + sum_{r < rows} sum_{k < Taps} in[r][p * Step + k][c] * w[r][k][c]
//   depthwise_outer:   dw[r][k][c] += sum_{l < lines} sum_p in[r][l][p * Step + k][c] * g[l][p][c]  (its gradient in w)
//
// Vectors run over features. A register tile of the first is P cells of one vector: it holds the Taps weights of a row,
// and each number of `in` is loaded once for all cells and taps that it meets. One of the second holds the sums of some
// rows, so that each g is loaded once for them. Features that do not fill a whole vector are covered by a last vector
// that overlaps the one before it, and the last cells of a line by such a tile, as in kernels/product.hpp.

#include <algorithm>

#include "basin/kernels/product.hpp"

namespace basin::kernels {

namespace micro {

template <int C, int Taps, int Step, int OutStep, class S>
struct Depthwise {
  using Of = Cut<S, C, 1>;
  static constexpr int lanes = Of::lanes;
  /// Cells of a tile: what the registers hold beside the weights and a number.
  static constexpr int cells = std::clamp((register_count == 32 ? 29 : 13) - Taps, 2, 14);

  template <int P>
  [[gnu::always_inline]] static void tile(int rows, const S* const* in, Index offset, const S* w, const S* start,
                                          S* out) {
    Lanes<S, lanes> sum[P];
    Lanes<S, lanes> begin{};
    if (start) begin = load<lanes>(start);
#pragma GCC unroll 16
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
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) store<lanes>(out + p * OutStep * C, sum[p]);
  }

  /// The cells of a line from p on in tiles of P; the remainder in one tile that is large enough.
  template <int P>
  static void line(Index p, Index count, int rows, const S* const* in, Index first, const S* w, const S* start,
                   S* out) {
    for (; p + P <= count; p += P) tile<P>(rows, in, p * Step * C + first, w, start, out + p * OutStep * C);
    if constexpr (P > 1) {
      if (count - p > P / 2 && count >= P) {
        tile<P>(rows, in, (count - P) * Step * C + first, w, start, out + (count - P) * OutStep * C);
      } else if (p < count) {
        line<P / 2>(p, count, rows, in, first, w, start, out);
      }
    }
  }
};

template <int C, int Taps, int Step, class S>
struct DepthwiseOuter {
  using Of = Cut<S, C, 1>;
  static constexpr int lanes = Of::lanes, group = 4;  // cells at a time
  /// Rows whose sums are held at once.
  static constexpr int rows = std::max(1, (register_count == 32 ? 20 : 9) / Taps);

  /// dw of R rows and one vector of features, from `first` on; lanes below `again` belong to the vector before it. The
  /// lines of a row follow one another in `in`.
  template <int R>
  static void some_rows(Index lines, Index count, const S* const* in, const S* g, Index first, int again, S* dw) {
    // As many chains of sums as hide the time of a multiply-add.
    constexpr int sets = std::clamp(8 / (R * Taps), 1, group);
    Lanes<S, lanes> sum[sets][R][Taps];
#pragma GCC unroll 4
    for (int i = 0; i < sets; ++i) {
#pragma GCC unroll 32
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
        for (int k = 0; k < Taps; ++k) sum[i][r][k] = broadcast<lanes>(S(0));
      }
    }
    for (Index line = 0; line < lines; ++line, g += count * C) {
      const auto cells_from = [&]<int P>(Index p) __attribute__((always_inline)) {
        Lanes<S, lanes> gradient[P];
#pragma GCC unroll 4
        for (int i = 0; i < P; ++i) gradient[i] = load<lanes>(g + (p + i) * C + first);
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) {
          const S* x = in[r * lines + line] + p * Step * C + first;
#pragma GCC unroll 64
          for (int q = 0; q < (P - 1) * Step + Taps; ++q) {
            const Lanes<S, lanes> number = load<lanes>(x + q * C);
#pragma GCC unroll 32
            for (int k = 0; k < Taps; ++k) {
              if (q < k || (q - k) % Step != 0 || (q - k) / Step >= P) continue;
              sum[(q - k) / Step % sets][r][k] += number * gradient[(q - k) / Step];
            }
          }
        }
      };
      Index p = 0;
      for (; p + group <= count; p += group) cells_from.template operator()<group>(p);
      for (; p < count; ++p) cells_from.template operator()<1>(p);
    }
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
      for (int k = 0; k < Taps; ++k) {
#pragma GCC unroll 4
        for (int i = 1; i < sets; ++i) sum[0][r][k] += sum[i][r][k];
        S numbers[lanes];
        store<lanes>(numbers, sum[0][r][k]);
        for (int i = again; i < lanes; ++i) dw[(r * Taps + k) * C + first + i] += numbers[i];
      }
    }
  }

  /// The last `left` rows, as many at once as the registers hold.
  template <int left>
  static void all_rows(Index lines, Index count, const S* const* in, const S* g, Index first, int again, S* dw) {
    constexpr int now = std::min(left, rows);
    some_rows<now>(lines, count, in, g, first, again, dw);
    if constexpr (left > now)
      all_rows<left - now>(lines, count, in + now * lines, g, first, again, dw + now * Taps * C);
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

/// dw[r][k][c] for Rows rows of `lines` lines of `cells` cells, as above: in holds a pointer for each line of each row,
/// those of a row one after another; g is lines x cells x C without gaps.
template <int C, int Rows, int Taps, int Step, class S>
void depthwise_outer(Index lines, Index cells, const S* const* in, const S* g, S* dw) {
  if (lines == 0 || cells == 0) return;  // pointers may then be null
  using Way = micro::DepthwiseOuter<C, Taps, Step, S>;
  for (int v = 0; v < Way::Of::vectors; ++v) {
    const int first = Way::Of::at(0, v);
    Way::template all_rows<Rows>(lines, cells, in, g, first, v * Way::lanes - first, dw);
  }
}

}  // namespace basin::kernels
