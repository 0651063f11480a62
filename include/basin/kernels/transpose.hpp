#pragma once

// Features that lie together for each cell, as rows that have a feature of many cells each, and back. Square blocks, as
// wide as a register, are turned round in registers.

#include <utility>

#include "basin/core/state.hpp"
#include "basin/kernels/vector.hpp"

namespace basin::kernels {

namespace micro {

/// Of two lines of a block that are `apart`: what the first or the second of them is after a round.
template <int lanes, int apart, bool second, class S, std::size_t... I>
[[gnu::always_inline]] inline Lanes<S, lanes> exchange(const Lanes<S, lanes>& a, const Lanes<S, lanes>& b,
                                                       std::index_sequence<I...>) {
  return second ? __builtin_shufflevector(a, b, ((I & apart) != 0 ? lanes + I : I + apart)...)
                : __builtin_shufflevector(a, b, ((I & apart) != 0 ? lanes + I - apart : I)...);
}

/// Exchanges the neighbours of a block's lines, then pairs of neighbours, and so on up to halves.
template <int lanes, int apart = 1, class S>
[[gnu::always_inline]] inline void turn(Lanes<S, lanes>* line) {
  if constexpr (apart < lanes) {
    constexpr auto all = std::make_index_sequence<lanes>{};
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      if ((i & apart) != 0) continue;
      const Lanes<S, lanes> a = line[i], b = line[i + apart];
      line[i] = exchange<lanes, apart, false, S>(a, b, all);
      line[i + apart] = exchange<lanes, apart, true, S>(a, b, all);
    }
    turn<lanes, 2 * apart, S>(line);
  }
}

}  // namespace micro

/// to[j * to_stride + i] = from[i * from_stride + j] for i < rows and j < columns. They do not overlap.
template <class S>
void transpose(const S* from, Index from_stride, Index rows, Index columns, S* to, Index to_stride) {
  constexpr int lanes = lanes_for<S>(8);
  const Index whole_rows = rows / lanes * lanes, whole_columns = columns / lanes * lanes;
  for (Index i = 0; i < whole_rows; i += lanes) {
    for (Index j = 0; j < whole_columns; j += lanes) {
      Lanes<S, lanes> line[lanes];
#pragma GCC unroll 8
      for (int k = 0; k < lanes; ++k) line[k] = load<lanes>(from + (i + k) * from_stride + j);
      micro::turn<lanes, 1, S>(line);
#pragma GCC unroll 8
      for (int k = 0; k < lanes; ++k) store<lanes>(to + (j + k) * to_stride + i, line[k]);
    }
  }
  for (Index i = 0; i < rows; ++i) {
    for (Index j = i < whole_rows ? whole_columns : 0; j < columns; ++j)
      to[j * to_stride + i] = from[i * from_stride + j];
  }
}

}  // namespace basin::kernels
