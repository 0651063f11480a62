#pragma once

// The product of two matrices whose sizes only the run knows, on the thread that calls it:
//
//   C = A B   or   C += A B,      A rows x depth, B depth x columns, each as it is or transposed, C column-major.
//
// Every number of C is the sum over k of a block, in the order of k and with one multiply-add each, and the sum of
// those blocks in their order. So it depends on its row of A, its column of B and the machine's registers alone: not on
// threads, nor on how many other rows and columns there are, nor on where it stands among them.
//
// The register tile (kernels/product.hpp) is vectors of rows times columns. A panel of A of that many rows is copied
// together, so that it stays in the first cache while all columns pass it; B, copied into panels of the tile's columns,
// comes from the second (K. Goto, R. van de Geijn, "Anatomy of high-performance matrix multiplication", 2008, with the
// inner panel of the other factor). A panel of fewer rows is filled up with zeros, whose results go nowhere.

#include <algorithm>
#include <type_traits>

#include "basin/core/scratch.hpp"
#include "basin/kernels/vector.hpp"

namespace basin::kernels {

/// A factor: number (i, j) is data[i row_step + j column_step]. For a map or a matrix of Eigen, and their blocks and
/// transposes, see factor().
template <class S>
struct Factor {
  const S* data = nullptr;              ///< number (0, 0); not owned
  Index row_step = 1, column_step = 0;  ///< numbers in memory from one row, or column, to the next
};

/// The factor that an Eigen expression with memory of its own stands for. It refers to that memory.
template <class M>
[[nodiscard]] Factor<typename M::Scalar> factor(const M& matrix) {
  const Index inner = matrix.innerStride(), outer = matrix.outerStride();
  return {matrix.data(), M::IsRowMajor ? outer : inner, M::IsRowMajor ? inner : outer};
}

namespace micro {

template <class S>
struct Tile {
  static constexpr int lanes = register_bytes / static_cast<int>(sizeof(S));
  static constexpr int vectors = 3, rows = vectors * lanes;  // three loads serve all columns
  static constexpr int columns = register_count == 32 ? 8 : 4;
  static constexpr Index depth = 24576 / (rows * static_cast<Index>(sizeof(S)));  // of a block: a panel of A in 24 kB
  static constexpr Index wide = 512;  // columns of B that are copied at once

  /// c = or += a b for V vectors of rows and N columns. a holds V vectors for each k, `a_step` numbers apart; b the N
  /// numbers of each k together.
  template <bool add, int V, int N>
  [[gnu::always_inline]] static void multiply(Index count, const S* a, Index a_step, const S* b, S* c, Index c_step) {
    Lanes<S, lanes> sum[N][V];
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) {
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) sum[j][v] = Lanes<S, lanes>{};
    }
    for (Index k = 0; k < count; ++k, a += a_step, b += N) {
      Lanes<S, lanes> line[V];
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) line[v] = load<lanes>(a + v * lanes);
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) {
        const Lanes<S, lanes> number = broadcast<lanes>(b[j]);
#pragma GCC unroll 3
        for (int v = 0; v < V; ++v) sum[j][v] += line[v] * number;
      }
    }
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j, c += c_step) {
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) {
        store<lanes>(c + v * lanes, add ? load<lanes>(c + v * lanes) + sum[j][v] : sum[j][v]);
      }
    }
  }

  /// The first `used` of V vectors of rows, where those do not fill them.
  template <bool add, int V, int N>
  static void multiply_some(Index used, Index count, const S* a, const S* b, S* c, Index c_step) {
    S all[N * V * lanes];
    multiply<false, V, N>(count, a, V * lanes, b, all, V * lanes);
    for (int j = 0; j < N; ++j) {
      for (Index i = 0; i < used; ++i) {
        c[j * c_step + i] = add ? c[j * c_step + i] + all[j * V * lanes + i] : all[j * V * lanes + i];
      }
    }
  }

  /// All columns past one panel of A, N at a time, the remainder in narrower tiles. b is the copy that copy_b makes.
  template <bool add, int V, int N = columns>
  static void panel(Index used, Index count, Index columns_left, const S* a, Index a_step, const S* b, S* c,
                    Index c_step) {
    for (; columns_left >= N; columns_left -= N, b += N * count, c += N * c_step) {
      if (used == V * lanes) {
        multiply<add, V, N>(count, a, a_step, b, c, c_step);
      } else {
        multiply_some<add, V, N>(used, count, a, b, c, c_step);
      }
    }
    if constexpr (N > 1) {
      if (columns_left > 0) panel<add, V, N / 2>(used, count, columns_left, a, a_step, b, c, c_step);
    }
  }

  /// to[k step + i] = from[i apart + k] for `lines` lines i of `count` numbers k: turned in squares of four by four, if
  /// a register holds four.
  static void copy_turned(const S* from, Index lines, Index apart, Index count, S* to, Index step) {
    Index turned = 0;  // lines, as far as they make squares
    if constexpr (lanes >= 4) {
      turned = lines / 4 * 4;
      const Index squares = count / 4 * 4;
      for (Index i = 0; i < turned; i += 4) {
        const S* line = from + i * apart;
        for (Index k = 0; k < squares; k += 4) {
          const Lanes<S, 4> a = load<4>(line + k), b = load<4>(line + apart + k), c = load<4>(line + 2 * apart + k),
                            d = load<4>(line + 3 * apart + k);
          const Lanes<S, 4> ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                            ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                            cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                            cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
          store<4>(to + k * step + i, __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5));
          store<4>(to + (k + 1) * step + i, __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7));
          store<4>(to + (k + 2) * step + i, __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5));
          store<4>(to + (k + 3) * step + i, __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7));
        }
      }
      copy_numbers(from + squares, turned, apart, count - squares, 1, to + squares * step, step);
    }
    copy_numbers(from + turned * apart, lines - turned, apart, count, 1, to + turned, step);
  }

  /// to[k step + i] = from[i i_step + k k_step], one by one.
  static void copy_numbers(const S* from, Index many, Index i_step, Index count, Index k_step, S* to, Index step) {
    for (Index i = 0; i < many; ++i) {
      for (Index k = 0; k < count; ++k) to[k * step + i] = from[i * i_step + k * k_step];
    }
  }

  /// The same by what the steps allow.
  static void copy(const S* from, Index many, Index i_step, Index count, Index k_step, S* to, Index step) {
    constexpr int few = lanes_for<S>(4);
    if (i_step == 1) {
      for (Index k = 0; k < count; ++k, from += k_step, to += step) {
        Index i = 0;
        for (; i + few <= many; i += few) store<few>(to + i, load<few>(from + i));
        // Not std::copy_n: a call for so few numbers. Nor i < many, of which g++ 12 -O3 warns that it has no end.
        for (Index rest = 0; rest < many % few; ++rest) to[i + rest] = from[i + rest];
      }
    } else if (k_step == 1) {
      copy_turned(from, many, i_step, count, to, step);
    } else {
      copy_numbers(from, many, i_step, count, k_step, to, step);
    }
  }

  /// `many` columns of B, k from 0 to count, into tiles of `columns`, then of half of those, and so on to 1.
  static void copy_b(const Factor<S>& b, Index count, Index many, S* to) {
    Index first = 0;
    for (Index width = columns; width >= 1; width /= 2) {
      for (; many - first >= width; first += width, to += width * count) {
        copy(b.data + first * b.column_step, width, b.column_step, count, b.row_step, to, width);
      }
    }
  }

  /// `used` rows of A, with zeros to fill `width` of them.
  static void copy_a(const Factor<S>& a, Index count, Index used, Index width, S* to) {
    copy(a.data, used, a.row_step, count, a.column_step, to, width);
    if (used < width) {
      for (Index k = 0; k < count; ++k) std::fill_n(to + k * width + used, width - used, S(0));
    }
  }

  template <bool add>
  static void block(Index row_count, Index column_count, Index count, const Factor<S>& a, const S* b, S* a_copy, S* c,
                    Index c_step) {
    for (Index row = 0; row < row_count; row += rows) {
      const Index used = std::min<Index>(rows, row_count - row);
      const Index width = (used + lanes - 1) / lanes * lanes;
      const Factor<S> here{a.data + row * a.row_step, a.row_step, a.column_step};
      // A few columns do not pay for a copy.
      const bool as_it_is = a.row_step == 1 && used == width && column_count <= 2 * columns;
      if (!as_it_is) copy_a(here, count, used, width, a_copy);
      const S* from = as_it_is ? here.data : a_copy;
      const Index step = as_it_is ? a.column_step : width;
      if (width == rows) {
        panel<add, 3>(used, count, column_count, from, step, b, c + row, c_step);
      } else if (width == 2 * lanes) {
        panel<add, 2>(used, count, column_count, from, step, b, c + row, c_step);
      } else {
        panel<add, 1>(used, count, column_count, from, step, b, c + row, c_step);
      }
    }
  }
};

}  // namespace micro

/// c = a b, or c += a b if `add`: a is rows x depth, b depth x columns, and number (i, j) of c is c[i + j c_step]. c
/// overlaps neither factor. With a depth of 0 the product is zeros. Takes memory from Scratch. S is float or double.
template <bool add = false, class S>
void matrix_product(Index rows, Index columns, Index depth, const Factor<S>& a, const Factor<S>& b, S* c,
                    Index c_step) {
  using Tile = micro::Tile<S>;
  if (depth <= 0 && !add) {
    for (Index j = 0; j < columns; ++j) std::fill_n(c + j * c_step, rows, S(0));
  }
  Scratch scratch;
  const Index deepest = std::min(depth, Tile::depth), widest = std::min(columns, Tile::wide);
  S* a_copy =
      scratch.take<S>(deepest * std::min<Index>(Tile::rows, (rows + Tile::lanes - 1) / Tile::lanes * Tile::lanes));
  S* b_copy = scratch.take<S>(deepest * widest);
  for (Index column = 0; column < columns; column += Tile::wide) {
    const Index wide = std::min(Tile::wide, columns - column);
    for (Index k = 0; k < depth; k += Tile::depth) {
      const Index deep = std::min(Tile::depth, depth - k);
      const Factor<S> a_here{a.data + k * a.column_step, a.row_step, a.column_step};
      Tile::copy_b({b.data + k * b.row_step + column * b.column_step, b.row_step, b.column_step}, deep, wide, b_copy);
      if (add || k > 0) {
        Tile::template block<true>(rows, wide, deep, a_here, b_copy, a_copy, c + column * c_step, c_step);
      } else {
        Tile::template block<false>(rows, wide, deep, a_here, b_copy, a_copy, c + column * c_step, c_step);
      }
    }
  }
}

/// out = a b, or out += a b if `add`, of Eigen's maps, matrices, blocks and their transposes. out is column-major and
/// overlaps neither factor. Throws std::invalid_argument if the sizes do not fit.
template <bool add = false, class Out, class A, class B>
void product(Out&& out, const A& a, const B& b) {
  static_assert(!std::remove_cvref_t<Out>::IsRowMajor, "product: the result must be column-major");
  check(a.cols() == b.rows(), "columns of the first factor", a.cols(), b.rows());
  check(out.rows() == a.rows(), "rows of a product", out.rows(), a.rows());
  check(out.cols() == b.cols(), "columns of a product", out.cols(), b.cols());
  matrix_product<add>(a.rows(), b.cols(), a.cols(), factor(a), factor(b), out.data(), out.outerStride());
}

}  // namespace basin::kernels
