#pragma once

// A 3 x 3 convolution without stride by Winograd's minimal filtering F(2x2, 3x3): 16 multiplications for 2 x 2 cells
// and a pair of features instead of 36 (S. Winograd, "Arithmetic complexity of computations", 1980; A. Lavin, S. Gray,
// "Fast algorithms for convolutional neural networks", CVPR 2016, section 4.1).
//
// With d the 4 x 4 cells under 2 x 2 cells of output (a tile), g the 3 x 3 weights of a pair of features and
//
//         1  0 -1  0            1    0    0
//   B^T = 0  1  1  0      G =  1/2  1/2  1/2     A^T = 1  1  1  0
//         0 -1  1  0           1/2 -1/2  1/2           0  1 -1 -1
//         0  1  0 -1            0    0    1
//
//   V = B^T d B,  U = G g G^T,  out = A^T (sum over features of V * U) A,
//
// and the gradient of g, with e the 2 x 2 numbers of the gradient in out,
//
//   dg = G^T (sum over tiles of (B^T d B) * (A e A^T)) G.
//
// * is number by number, so that the sums are 16 products of matrices (kernels/product.hpp). All steps but those
// products are additions and halvings. The error is a few times that of the direct sum (tests/kernels/test_winograd.cpp
// measures it); it depends on neither the number of tiles nor that of threads.
//
// Weights are w[k][l][c][o], k and l the line and the column; U, V and the like are 16 matrices one after another.

#include <algorithm>
#include <type_traits>

#include "basin/core/state.hpp"
#include "basin/kernels/product.hpp"

namespace basin::kernels {

/// F(2x2, 3x3) has 4 x 4 products, a matrix each.
inline constexpr Index winograd_matrices = 16;

namespace micro {

/// Calls body(first feature) for vectors that cover `count` features; the last may overlap the one before it.
template <int count, int lanes, class Body>
[[gnu::always_inline]] inline void each_vector(const Body& body) {
  for (int f = 0; f + lanes <= count; f += lanes) body(f);
  if constexpr (count % lanes != 0) body(count - lanes);
}

/// G g and G^T m for three and four numbers or vectors, `step` apart.
template <class V>
[[gnu::always_inline]] inline void winograd_weights(const V* g, V* out, int step, int out_step) {
  using S = std::remove_reference_t<decltype(g[0][0])>;
  const V outer = (g[0] + g[2 * step]) * S(0.5), inner = g[step] * S(0.5);
  out[0] = g[0];
  out[out_step] = outer + inner;
  out[2 * out_step] = outer - inner;
  out[3 * out_step] = g[2 * step];
}
template <class V>
[[gnu::always_inline]] inline void winograd_weights_back(const V* m, V* out, int step, int out_step) {
  using S = std::remove_reference_t<decltype(m[0][0])>;
  const V sum = (m[step] + m[2 * step]) * S(0.5), difference = (m[step] - m[2 * step]) * S(0.5);
  out[0] = m[0] + sum;
  out[out_step] = difference;
  out[2 * out_step] = sum + m[3 * step];
}

}  // namespace micro

/// u[16][From][To] of w[3][3][From][To].
template <int From, int To, class S>
void winograd_weights(const S* w, S* u) {
  constexpr int pairs = From * To, lanes = lanes_for<S>(pairs);
  using V = Lanes<S, lanes>;
  micro::each_vector<pairs, lanes>([&](int f) __attribute__((always_inline)) {
    V g[9], columns[12], out[16];
    for (int i = 0; i < 9; ++i) g[i] = load<lanes>(w + i * pairs + f);
    for (int l = 0; l < 3; ++l) micro::winograd_weights(g + l, columns + l, 3, 3);
    for (int k = 0; k < 4; ++k) micro::winograd_weights(columns + 3 * k, out + 4 * k, 1, 1);
    for (int i = 0; i < 16; ++i) store<lanes>(u + i * pairs + f, out[i]);
  });
}

/// dw[3][3][From][To] += G^T du G, of du[16][From][To].
template <int From, int To, class S>
void winograd_weights_back(const S* du, S* dw) {
  constexpr int pairs = From * To, lanes = lanes_for<S>(pairs);
  using V = Lanes<S, lanes>;
  const auto add = [&](int f, int again) __attribute__((always_inline)) {
    V m[16], columns[12], out[9];
    for (int i = 0; i < 16; ++i) m[i] = load<lanes>(du + i * pairs + f);
    for (int l = 0; l < 4; ++l) micro::winograd_weights_back(m + l, columns + l, 4, 4);
    for (int k = 0; k < 3; ++k) micro::winograd_weights_back(columns + 4 * k, out + 3 * k, 1, 1);
    for (int i = 0; i < 9; ++i) {
      S* to = dw + i * pairs + f;
      S sums[lanes];
      store<lanes>(sums, load<lanes>(to) + out[i]);
      std::copy(sums + again, sums + lanes, to + again);
    }
  };
  int f = 0;
  for (; f + lanes <= pairs; f += lanes) add(f, 0);
  if constexpr (pairs % lanes != 0) add(pairs - lanes, lanes - pairs % lanes);
}

/// V of the tiles under four lines of cells: v[i * matrix + t * From + c], of line[0..3][cell][c]. Tile t begins at
/// cell 2 t, so the lines have 2 tiles + 2 cells.
template <int From, class S>
void winograd_input(Index tiles, const S* const* line, S* v, Index matrix) {
  constexpr int lanes = lanes_for<S>(From);
  using V = Lanes<S, lanes>;
  const S *line_0 = line[0], *line_1 = line[1], *line_2 = line[2], *line_3 = line[3];
  micro::each_vector<From, lanes>([&](int f) __attribute__((always_inline)) {
    V d[4][4];  // [column][line], already B^T d
    const auto column = [&](Index at, V * to) __attribute__((always_inline)) {
      const V a = load<lanes>(line_0 + at), b = load<lanes>(line_1 + at), c = load<lanes>(line_2 + at),
              e = load<lanes>(line_3 + at);
      to[0] = a - c;
      to[1] = b + c;
      to[2] = c - b;
      to[3] = b - e;
    };
    column(f, d[0]);
    column(f + From, d[1]);
    for (Index t = 0; t < tiles; ++t) {
      column((2 * t + 2) * From + f, d[2]);
      column((2 * t + 3) * From + f, d[3]);
      S* to = v + t * From + f;
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        store<lanes>(to + (4 * i) * matrix, d[0][i] - d[2][i]);
        store<lanes>(to + (4 * i + 1) * matrix, d[1][i] + d[2][i]);
        store<lanes>(to + (4 * i + 2) * matrix, d[2][i] - d[1][i]);
        store<lanes>(to + (4 * i + 3) * matrix, d[1][i] - d[3][i]);
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        d[0][i] = d[2][i];
        d[1][i] = d[3][i];
      }
    }
  });
}

/// The cells of two lines, from m[i * matrix + t * To + o] of their tiles: A^T m A + start. out_0 and out_1 have
/// `cells` cells, 2 tiles or one less; out_1 may be null. start holds To numbers, or is null for zeros.
template <int To, class S>
void winograd_output(Index tiles, Index cells, const S* m, Index matrix, const S* start, S* out_0, S* out_1) {
  constexpr int lanes = lanes_for<S>(To);
  using V = Lanes<S, lanes>;
  micro::each_vector<To, lanes>([&](int f) __attribute__((always_inline)) {
    const V begin = start ? load<lanes>(start + f) : V{};
    for (Index t = 0; t < tiles; ++t) {
      V upper[4], lower[4];
#pragma GCC unroll 4
      for (int l = 0; l < 4; ++l) {
        const S* from = m + t * To + f + l * matrix;
        const V b = load<lanes>(from + 4 * matrix), c = load<lanes>(from + 8 * matrix);
        upper[l] = load<lanes>(from) + b + c;
        lower[l] = b - c - load<lanes>(from + 12 * matrix);
      }
      const auto line = [&](const V* of, S* to) __attribute__((always_inline)) {
        to += 2 * t * To + f;
        store<lanes>(to, of[0] + of[1] + (of[2] + begin));
        if (2 * t + 1 < cells) store<lanes>(to + To, of[1] - of[2] + (begin - of[3]));
      };
      line(upper, out_0);
      if (out_1) line(lower, out_1);
    }
  });
}

/// The transpose of winograd_output: m = A e A^T for the gradients e in two lines, g_0 and g_1, of which g_1 may be
/// null, for zeros.
template <int To, class S>
void winograd_output_back(Index tiles, Index cells, const S* g_0, const S* g_1, S* m, Index matrix) {
  constexpr int lanes = lanes_for<S>(To);
  using V = Lanes<S, lanes>;
  micro::each_vector<To, lanes>([&](int f) __attribute__((always_inline)) {
    for (Index t = 0; t < tiles; ++t) {
      const Index at = 2 * t * To + f;
      const bool both = 2 * t + 1 < cells;
      const V zero{};
      V e[2][2];
      e[0][0] = load<lanes>(g_0 + at);
      e[0][1] = both ? load<lanes>(g_0 + at + To) : zero;
      e[1][0] = g_1 ? load<lanes>(g_1 + at) : zero;
      e[1][1] = g_1 && both ? load<lanes>(g_1 + at + To) : zero;
      S* to = m + t * To + f;
      const auto line = [&](int i, const V& left, const V& right) __attribute__((always_inline)) {
        store<lanes>(to + (4 * i) * matrix, left);
        store<lanes>(to + (4 * i + 1) * matrix, left + right);
        store<lanes>(to + (4 * i + 2) * matrix, left - right);
        store<lanes>(to + (4 * i + 3) * matrix, zero - right);
      };
      line(0, e[0][0], e[0][1]);
      line(1, e[0][0] + e[1][0], e[0][1] + e[1][1]);
      line(2, e[0][0] - e[1][0], e[0][1] - e[1][1]);
      line(3, zero - e[1][0], zero - e[1][1]);
    }
  });
}

/// Numbers from one of the 16 matrices to the next, of at least `size`: so far apart that a vector of each, at the same
/// place, falls into another set of the caches.
template <class S>
constexpr Index winograd_stride(Index size) {
  constexpr Index page = 4096 / sizeof(S), lines = 320 / sizeof(S);
  return (size + page - 1) / page * page + lines;
}

/// m = V U, each tiles x To.
template <int From, int To, class S>
void winograd_products(Index tiles, const S* v, Index v_matrix, const S* u, S* m, Index m_matrix) {
  for (Index i = 0; i < winograd_matrices; ++i) {
    gather<From, To>(tiles, v + i * v_matrix, u + i * From * To, static_cast<const S*>(nullptr), m + i * m_matrix);
  }
}

/// du[16][From][To] += V^T m.
template <int From, int To, class S>
void winograd_outer(Index tiles, const S* v, Index v_matrix, const S* m, Index m_matrix, S* du) {
  for (Index i = 0; i < winograd_matrices; ++i) {
    outer<From, To>(tiles, v + i * v_matrix, m + i * m_matrix, du + i * From * To);
  }
}

}  // namespace basin::kernels
