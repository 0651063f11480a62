#pragma once

// Linear equations by Gaussian elimination with complete pivoting, in any scalar: an oracle of a few lines, as each of
// Eigen's decompositions takes seconds to compile.

#include <cmath>
#include <utility>
#include <vector>

#include "basin/core/state.hpp"

namespace exam {

/// x with A x = b, for each column of b. Not finite where A is singular.
template <class T>
basin::Matrix<T> eliminated(basin::Matrix<T> a, basin::Matrix<T> b) {
  using basin::Index;
  const Index n = a.rows();
  basin::Matrix<T> x(n, b.cols());
  std::vector<Index> order(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
  for (Index k = 0; k < n; ++k) {
    Index row = k, column = k;
    for (Index j = k; j < n; ++j) {
      for (Index i = k; i < n; ++i) {
        if (std::abs(a(i, j)) > std::abs(a(row, column))) {
          row = i;
          column = j;
        }
      }
    }
    for (Index j = 0; j < n; ++j) std::swap(a(k, j), a(row, j));
    for (Index j = 0; j < b.cols(); ++j) std::swap(b(k, j), b(row, j));
    for (Index i = 0; i < n; ++i) std::swap(a(i, k), a(i, column));
    std::swap(order[static_cast<std::size_t>(k)], order[static_cast<std::size_t>(column)]);
    for (Index i = k + 1; i < n; ++i) {
      const T factor = a(i, k) / a(k, k);
      for (Index j = k; j < n; ++j) a(i, j) -= factor * a(k, j);
      for (Index j = 0; j < b.cols(); ++j) b(i, j) -= factor * b(k, j);
    }
  }
  for (Index j = 0; j < b.cols(); ++j) {
    for (Index k = n; k-- > 0;) {
      for (Index i = k + 1; i < n; ++i) b(k, j) -= a(k, i) * b(i, j);
      b(k, j) /= a(k, k);
      x(order[static_cast<std::size_t>(k)], j) = b(k, j);
    }
  }
  return x;
}

}  // namespace exam
