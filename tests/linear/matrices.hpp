#pragma once

// For the linear solvers: equations whose A is a matrix for each sample.

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "basin/core/state.hpp"

namespace basin::test {

inline Matrix<double> entries(Index rows, Index columns, double phase) {
  Matrix<double> m(rows, columns);
  for (Index j = 0; j < columns; ++j) {
    for (Index i = 0; i < rows; ++i) m(i, j) = std::sin(phase + static_cast<double>(i * i + 3 * j + i * j));
  }
  return m;
}

/// out_n = A_n v_n.
struct Matrices {
  std::vector<Matrix<double>> a;
  int calls = 0;

  auto op() {
    return [this](auto v, auto out) {
      ++calls;
      using S = std::remove_pointer_t<decltype(out.data())>;
      for (Index n = 0; n < v.samples(); ++n) {
        out.sample(n).vector().noalias() = a[static_cast<std::size_t>(n)].template cast<S>() * v.sample(n).vector();
      }
    };
  }
};

/// A shift in a circle, as well conditioned as can be: no Krylov space of less than n vectors holds anything of the
/// solution for a unit vector.
inline Matrix<double> circle(Index n) {
  Matrix<double> shift = Matrix<double>::Zero(n, n);
  for (Index i = 0; i < n; ++i) shift((i + 1) % n, i) = 1;
  return shift;
}

}  // namespace basin::test
