#pragma once

// The products that layers are made of, over cells whose features lie together:
//
//   gather:   out[p][o]  = start[o] + sum_{r < rows} sum_{k < Run} in[r][p * Step + k] * w[r][k][o]
//   outer:    dw[k][o]  += sum_{l < lines} sum_p in[l][p * Step + k] * g[l][p][o]         (its gradient in w)
//
// for lines of cells p. A dense layer is rows = 1, Run = its inputs; a K x K convolution is rows = K and Run = K * In,
// because the K cells under one row of the kernel lie together in a bordered line. w is [r][k][o] with o contiguous; in
// holds a pointer for each line, so that lines can lie anywhere.
//
// What decides speed is the register tile: P cells times V vectors of outputs are accumulated in registers while k
// runs; each step of k loads V vectors of weights and P numbers and does P * V multiply-adds. Outputs that do not fill
// a whole vector are covered by a last vector that overlaps the one before it; where all outputs fill half a register,
// its other half takes another k. A processor loads as many numbers as it multiplies, so tiles are made to load less:
// by two vectors of outputs for each number, or, where cells share numbers, by one number for several cells.
//
// More than 300 lines, since both products share how outputs are cut into vectors and tiles.

#include <algorithm>
#include <type_traits>

#include "basin/core/state.hpp"
#include "basin/kernels/vector.hpp"

namespace basin::kernels {

namespace micro {

/// How the outputs of a product are cut into vectors, and those into blocks of at most `widest`.
template <class S, int Outputs, int widest>
struct Cut {
  static constexpr int lanes = lanes_for<S>(Outputs);
  static constexpr int vectors = (Outputs + lanes - 1) / lanes;
  static constexpr int block = std::min(vectors, widest);  // vectors of a register tile
  static constexpr int full_blocks = Outputs / (block * lanes);
  static constexpr int rest_first = full_blocks * block * lanes;  // outputs from here on are the last, ragged block
  static constexpr int rest_vectors = (Outputs - rest_first + lanes - 1) / lanes;
  /// Vectors of a full block, or of the ragged one.
  static constexpr int vectors_of(bool ragged) { return ragged ? rest_vectors : block; }
  /// First output of vector v of the block that starts at `first`: the last vector is moved back to end at Outputs.
  static constexpr int at(int first, int v) {
    return first + (v + 1) * lanes <= Outputs ? first + v * lanes : Outputs - lanes;
  }
};

/// Cells of a register tile: accumulators fill the registers but for `weights` and some to spare.
inline constexpr int tile_cells(int vectors, int weights) {
  return std::max(1, std::min(14, ((register_count == 32 ? 29 : 13) - weights) / vectors));
}

/// How many neighbouring cells have one number of `in` in their runs: 1 unless they lie close together, as those of a
/// convolution without stride do.
constexpr int cells_a_number(int run, int step) { return run > step && run % step == 0 ? run / step : 1; }

/// 2 where all outputs fill half a register or less: a vector then takes two numbers k of each output, side by side.
template <class S>
constexpr int numbers_a_vector(int outputs, int depth) {
  const bool half = outputs > 1 && lanes_for<S>(outputs) == outputs && outputs <= lanes_for<S>(2 * outputs) / 2;
  return std::is_same_v<S, float> && half && depth % 2 == 0 ? 2 : 1;
}

/// How a gather of one shape is computed. OutStep: numbers from one cell of out to the next.
template <int Run, int Step, int Outputs, class S, int OutStep = Outputs>
struct Gather {
  /// Where cells share numbers, tiles are one vector wide, and a number is loaded once for all of its cells.
  static constexpr int shared = cells_a_number(Run, Step);
  static constexpr int depth = Run / shared;
  using C = Cut<S, Outputs, shared == 1 ? 2 : 1>;
  static constexpr int pair = numbers_a_vector<S>(Outputs, depth);
  static constexpr int lanes = pair * C::lanes;

  /// P cells times the vectors of a block that starts at output `first`.
  template <bool ragged, int P>
  [[gnu::always_inline]] static void tile(int rows, const S* const* in, Index offset, const S* w, int first,
                                          const S* start, S* out) {
    constexpr int V = C::vectors_of(ragged);
    const auto at = [first](int v) { return ragged ? C::at(C::rest_first, v) : first + v * C::lanes; };
    Lanes<S, lanes> sum[P][V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      Lanes<S, lanes> begin{};
      if constexpr (pair == 1) {
        if (start) begin = load<lanes>(start + at(v));
      }
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) sum[p][v] = begin;
    }
    for (int r = 0; r < rows; ++r) {
      const S* x = in[r] + offset;
      const S* weights = w + static_cast<Index>(r) * Run * Outputs;
#pragma GCC unroll 2
      for (int k = 0; k < depth; k += pair) {
        Lanes<S, lanes> line[shared][V];
#pragma GCC unroll 16
        for (int t = 0; t < shared; ++t) {
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v) {
            line[t][v] = load<lanes>(weights + static_cast<Index>(t * depth + k) * Outputs + at(v));
            if constexpr (pair == 2) line[t][v] = interleave<lanes, S>(line[t][v]);
          }
        }
#pragma GCC unroll 32
        for (int q = 0; q < P + shared - 1; ++q) {
          Lanes<S, lanes> number;
          if constexpr (pair == 2) {
            number = broadcast_pair<lanes>(x + q * Step + k);
          } else {
            number = broadcast<lanes>(x[q * Step + k]);
          }
#pragma GCC unroll 16
          for (int t = 0; t < shared; ++t) {
            if (q - t < 0 || q - t >= P) continue;
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[q - t][v] += line[t][v] * number;
          }
        }
      }
    }
    if constexpr (pair == 2) {
      const Lanes<S, Outputs> begin = start ? load<Outputs>(start) : broadcast<Outputs>(S(0));
#pragma GCC unroll 16
      for (int p = 0; p < P; p += 2) {
        S both[lanes];
        store<lanes>(both, sum_pairs<lanes, S>(sum[p][0], sum[std::min(p + 1, P - 1)][0]));
        store<Outputs>(out + p * OutStep, load<Outputs>(both) + begin);
        if (p + 1 < P) store<Outputs>(out + (p + 1) * OutStep, load<Outputs>(both + Outputs) + begin);
      }
    } else {
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) store<lanes>(out + p * OutStep + at(v), sum[p][v]);
      }
    }
  }

  /// The cells of a line from p on in tiles of P; the remainder in one tile that is large enough. A tile takes as long
  /// as its chains of sums for any few cells, so it covers once more some cells that are done, where there are such.
  template <bool ragged, int P>
  static void line(Index p, Index cells, int rows, const S* const* in, const S* w, int first, const S* start, S* out) {
    for (; p + P <= cells; p += P) tile<ragged, P>(rows, in, p * Step, w, first, start, out + p * OutStep);
    if constexpr (P > 1) {
      if (cells - p > P / 2 && cells >= P) {
        tile<ragged, P>(rows, in, (cells - P) * Step, w, first, start, out + (cells - P) * OutStep);
      } else if (p < cells) {
        line<ragged, P / 2>(p, cells, rows, in, w, first, start, out);
      }
    }
  }

  template <bool ragged>
  static void block(Index cells, int rows, const S* const* in, const S* w, int first, const S* start, S* out) {
    constexpr int V = C::vectors_of(ragged);
    line<ragged, tile_cells(V, shared * V)>(0, cells, rows, in, w, first, start, out);
  }
};

/// How an outer product of one shape is computed. Outputs of a single vector use shared numbers as in Gather: the g of
/// the last `shared` cells stay in registers, and meet each number of `in` in their runs while it is loaded once.
template <int Run, int Step, int Outputs, class S>
struct Outer {
  using C = Cut<S, Outputs, 2>;
  static constexpr int shared = C::vectors == 1 ? cells_a_number(Run, Step) : 1;
  static constexpr int depth = Run / shared;
  static constexpr int pair = numbers_a_vector<S>(Outputs, depth);
  static constexpr int lanes = pair * C::lanes;

  /// R numbers k, or pairs of them, `from` the first, in all their places, times the vectors of a block, summed over a
  /// plane of cells.
  template <bool ragged, int R>
  [[gnu::always_inline]] static void tile(int from, Index lines, Index cells, const S* const* in, const S* g, int first,
                                          S* dw) {
    constexpr int V = C::vectors_of(ragged);
    const auto at = [first](int v) { return ragged ? C::at(C::rest_first, v) : first + v * C::lanes; };
    Lanes<S, lanes> sum[R][shared][V];
#pragma GCC unroll 32
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
      for (int t = 0; t < shared; ++t) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[i][t][v] = broadcast<lanes>(S(0));
      }
    }
    for (Index line = 0; line < lines; ++line) {
      const S* x = in[line] + from;
      const S* gradient = g + line * cells * Outputs;
      Lanes<S, lanes> last[shared][V] = {};  // the g of cells q, q - 1, ...
      const auto add = [&](Index q, const auto& of_cell) __attribute__((always_inline)) {
#pragma GCC unroll 16
        for (int t = shared - 1; t > 0; --t) {
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v) last[t][v] = last[t - 1][v];
        }
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) last[0][v] = of_cell(v);
#pragma GCC unroll 32
        for (int i = 0; i < R; ++i) {
          Lanes<S, lanes> number;
          if constexpr (pair == 2) {
            number = broadcast_pair<lanes>(x + q * Step + 2 * i);
          } else {
            number = broadcast<lanes>(x[q * Step + i]);
          }
#pragma GCC unroll 16
          for (int t = 0; t < shared; ++t) {
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[i][t][v] += last[t][v] * number;
          }
        }
      };
      for (Index p = 0; p < cells; ++p) {
        add(p, [&](int v) {
          const Lanes<S, C::lanes> loaded = load<C::lanes>(gradient + p * Outputs + at(v));
          if constexpr (pair == 2) {
            return twice<C::lanes, S>(loaded);
          } else {
            return loaded;
          }
        });
      }
      for (Index q = cells; q < cells + shared - 1; ++q) add(q, [](int) { return broadcast<lanes>(S(0)); });
    }
#pragma GCC unroll 32
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 16
      for (int t = 0; t < shared; ++t) {
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
          S* to = dw + static_cast<Index>(t * depth + from + pair * i) * Outputs + at(v);
          if constexpr (pair == 2) {
            S numbers[lanes];
            store<lanes>(numbers, sum[i][t][v]);
            for (int o = 0; o < Outputs; ++o) {
              to[o] += numbers[2 * o];
              to[Outputs + o] += numbers[2 * o + 1];
            }
          } else {
            const Lanes<S, lanes> total = load<lanes>(to) + sum[i][t][v];
            // Lanes that an overlapping last vector shares with the vector before it are added once.
            const int again = ragged ? C::rest_first + v * lanes - at(v) : 0;
            if (again == 0) {
              store<lanes>(to, total);
            } else {
              S numbers[lanes];
              store<lanes>(numbers, total);
              std::copy(numbers + again, numbers + lanes, to + again);
            }
          }
        }
      }
    }
  }

  /// The last `left` numbers k, R at a time, the remainder in smaller tiles.
  template <bool ragged, int R, int left>
  static void numbers(Index lines, Index cells, const S* const* in, const S* g, int first, S* dw) {
    constexpr int rest = left % (R * pair);
    if constexpr (left >= R * pair) {
      for (int from = depth - left; from < depth - rest; from += R * pair) {
        tile<ragged, R>(from, lines, cells, in, g, first, dw);
      }
    }
    if constexpr (rest != 0) numbers<ragged, R / 2, rest>(lines, cells, in, g, first, dw);
  }

  template <bool ragged>
  static void block(Index lines, Index cells, const S* const* in, const S* g, int first, S* dw) {
    constexpr int V = C::vectors_of(ragged), sums = register_count == 32 ? 24 : 13 - shared;
    numbers<ragged, std::max(1, sums / (V * shared)), depth>(lines, cells, in, g, first, dw);
  }
};

}  // namespace micro

/// out[p][o] for a line of `cells` cells, as above. start holds Outputs numbers, or is null for zeros. Cells of out lie
/// OutStep numbers apart: more than Outputs where other calls fill those between.
template <int Run, int Step, int Outputs, int OutStep = Outputs, class S>
void gather(Index cells, int rows, const S* const* in, const S* w, const S* start, S* out) {
  if (cells == 0) return;  // pointers may then be null
  using Way = micro::Gather<Run, Step, Outputs, S, OutStep>;
  using C = typename Way::C;
  for (int b = 0; b < C::full_blocks; ++b) {
    Way::template block<false>(cells, rows, in, w, b * C::block * C::lanes, start, out);
  }
  if constexpr (C::rest_vectors > 0) Way::template block<true>(cells, rows, in, w, 0, start, out);
}

/// The same for one row, a dense layer.
template <int Inputs, int Outputs, class S>
void gather(Index cells, const S* in, const S* w, const S* start, S* out) {
  gather<Inputs, Inputs, Outputs>(cells, 1, &in, w, start, out);
}

/// dw[k][o] for `lines` lines of `cells` cells, as above: g is lines x cells x Outputs without gaps.
template <int Run, int Step, int Outputs, class S>
void outer(Index lines, Index cells, const S* const* in, const S* g, S* dw) {
  if (lines == 0 || cells == 0) return;  // pointers may then be null
  using Way = micro::Outer<Run, Step, Outputs, S>;
  using C = typename Way::C;
  for (int b = 0; b < C::full_blocks; ++b) {
    Way::template block<false>(lines, cells, in, g, b * C::block * C::lanes, dw);
  }
  if constexpr (C::rest_vectors > 0) Way::template block<true>(lines, cells, in, g, 0, dw);
}

/// The same for one line, a dense layer.
template <int Inputs, int Outputs, class S>
void outer(Index cells, const S* in, const S* g, S* dw) {
  outer<Inputs, Inputs, Outputs>(1, cells, &in, g, dw);
}

/// sum[o] += sum over cells of g[p][o].
template <int Outputs, class S>
void add_columns(Index cells, const S* g, S* sum) {
  for (Index p = 0; p < cells; ++p) {
    for (int o = 0; o < Outputs; ++o) sum[o] += g[p * Outputs + o];
  }
}

}  // namespace basin::kernels
