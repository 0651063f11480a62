#pragma once

// A Krylov space of A and g that is kept, for who needs more of it than one solution.
//
//   A V_k = V_{k+1} H        V: size x (k + 1), orthonormal, its first column g / |g|;  H: (k + 1) x k, upper
//   Hessenberg H = Q R                  Q: rotations, R: k x k, upper triangular
//
// by Arnoldi's method, every vector made orthogonal to all before it twice. For any right side v, with c = V_{k+1}^T v,
//
//   y = argmin |c - H y| = R^-1 (Q^T c)_k,    |c - H y| = |(Q^T c)_{k+1}|,    H^T (c - H y') = R^T ((Q^T c)_k - R y')
//
// so that Q^T c and R are all that a search in the space needs; with v = g this is GMRES (linear/gmres.hpp, which does
// not keep H). And as A V_k H^+ = V_{k+1} H H^+, the space has an inverse of A in it, which preconditions an A that is
// nearly the same. Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd edition, 2003, sections 6.3 and 6.5;
// preconditioning by a Krylov space: Erhel, Burrage and Pohl 1996, J. Comput. Appl. Math. 69.
// Memory: limit + 1 vectors. It can be copied byte by byte, and copies share their memory.

#include <algorithm>
#include <cmath>
#include <limits>

#include "basin/core/scratch.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin::detail {

template <class S>
struct KrylovSpace {
  Extent size;  ///< of a vector
  Index stride;
  int limit;    ///< of the columns: no more than there are unknowns
  int columns;  ///< k
  S* basis;
  double *r, *cosine, *sine;  ///< column j of R has j + 1 numbers, and they follow one another
  double* right;              ///< Q^T c of the last right side, k + 1 numbers
  double* column;             ///< for what is being made, limit + 1 numbers

  /// With a limit of 0 it has no columns and no memory.
  [[nodiscard]] static KrylovSpace make(const Extent& size, int limit, Scratch& scratch) {
    limit = static_cast<int>(std::min<Index>(limit, size.whole()));
    if (limit == 0) return {size, 0, 0, 0, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
    const Index stride = column_stride<S>(size);
    return {size,
            stride,
            limit,
            0,
            scratch.take<S>(stride * (limit + 1)),
            scratch.take<double>(limit * (limit + 1) / 2),
            scratch.take<double>(limit),
            scratch.take<double>(limit),
            scratch.take<double>(limit + 1),
            scratch.take<double>(limit + 1)};
  }

  [[nodiscard]] S* vector(int j) const { return basis + j * stride; }
  [[nodiscard]] double* r_column(int j) const { return r + j * (j + 1) / 2; }

  /// Begins anew with g, of this length above 0, until |g - A V y| <= tolerance length or `limit` columns are there.
  /// op(const S* v, S* out) -> bool writes out = A v, or returns false if that is not to be had. Leaves Q^T c of g in
  /// `right`. Ends before a product that is not finite.
  template <class Op>
  void build(const Op& op, const S* g, double length, double tolerance) {
    std::copy_n(g, size.here(), vector(0));
    divide(vector(0), length, size);
    right[0] = length;
    for (columns = 0; columns < limit;) {
      S* const next = vector(columns + 1);
      if (!op(vector(columns), next)) return;
      const double before = norm(next, size);
      if (!std::isfinite(before)) return;
      std::fill_n(column, columns + 2, 0.0);
      orthogonalise(next);
      orthogonalise(next);
      const double rest = norm(next, size), rounding = 10 * static_cast<double>(std::numeric_limits<S>::epsilon());
      const bool exhausted = !(rest > rounding * before);  // the space is invariant: no new direction
      if (exhausted) {
        std::fill_n(next, size.here(), S(0));
      } else {
        divide(next, rest, size);
        column[columns + 1] = rest;
      }
      const double diagonal = append();
      if (exhausted && !(diagonal > rounding * before)) --columns;  // A is singular there
      if (exhausted || std::abs(right[columns]) <= tolerance * length) return;
    }
  }

  /// c = V^T v into `column` and Q^T c into `right`, of any v. There is a column at least.
  void project(const S* v) const {
    for (int j = 0; j <= columns; ++j) column[j] = right[j] = dot(vector(j), v, size);
    for (int j = 0; j < columns; ++j) rotate(cosine[j], sine[j], right[j], right[j + 1]);
  }

  /// y = R^-1 of the first k numbers of `right`.
  void least_squares(double* y) const {
    for (int i = columns; i-- > 0;) {
      double value = right[i];
      for (int l = i + 1; l < columns; ++l) value -= r_column(l)[i] * y[l];
      y[i] = value / r_column(i)[i];
    }
  }

  /// out = V_k H^+ c + V_{k+1} (I - H H^+) c + (I - V V^T) v, c = V_{k+1}^T v: an inverse of A as far as the space
  /// knows it, and the identity elsewhere. It has an inverse itself where H has full rank. Leaves nothing in `right` to
  /// use.
  void approximate_inverse(const S* v, S* out) const {
    std::copy_n(v, size.here(), out);
    if (columns == 0) return;
    project(v);
    add(column, columns + 1, -1, out);
    least_squares(column);
    add(column, columns, 1, out);
    std::fill_n(column, columns, 0.0);
    column[columns] = right[columns];
    for (int j = columns; j-- > 0;) rotate(cosine[j], -sine[j], column[j], column[j + 1]);
    add(column, columns + 1, 1, out);
  }

  /// out = R y.
  void times_r(const double* y, double* out) const {
    for (int i = 0; i < columns; ++i) {
      out[i] = 0;
      for (int l = i; l < columns; ++l) out[i] += r_column(l)[i] * y[l];
    }
  }

  /// out = R^T of the first k numbers of `right`: minus the gradient of |c - H y|^2 / 2 at y = 0.
  void steepest(double* out) const {
    for (int i = 0; i < columns; ++i) {
      out[i] = 0;
      for (int l = 0; l <= i; ++l) out[i] += r_column(i)[l] * right[l];
    }
  }

  /// out += factor V y, of the first `count` columns.
  void add(const double* y, int count, double factor, S* out) const {
    for (int j = 0; j < count; ++j) {
      VectorMap<S>(out, size) += static_cast<S>(factor * y[j]) * ConstVectorMap<S>(vector(j), size);
    }
  }

 private:
  static void rotate(double cosine, double sine, double& a, double& b) {
    const double first = cosine * a + sine * b;
    b = cosine * b - sine * a;
    a = first;
  }

  /// v less its parts along the columns up to the newest, which are added to `column`.
  void orthogonalise(S* v) const {
    for (int i = 0; i <= columns; ++i) {
      const double along = dot(vector(i), v, size);
      column[i] += along;
      VectorMap<S>(v, size) -= static_cast<S>(along) * ConstVectorMap<S>(vector(i), size);
    }
  }

  /// Takes `column` into R. Its new diagonal number.
  double append() {
    const int j = columns;
    for (int i = 0; i < j; ++i) rotate(cosine[i], sine[i], column[i], column[i + 1]);
    const double diagonal = std::hypot(column[j], column[j + 1]);
    cosine[j] = diagonal > 0 ? column[j] / diagonal : 1;
    sine[j] = diagonal > 0 ? column[j + 1] / diagonal : 0;
    rotate(cosine[j], sine[j], column[j], column[j + 1]);
    right[j + 1] = 0;
    rotate(cosine[j], sine[j], right[j], right[j + 1]);
    std::copy_n(column, j + 1, r_column(j));
    ++columns;
    return diagonal;
  }
};

}  // namespace basin::detail
