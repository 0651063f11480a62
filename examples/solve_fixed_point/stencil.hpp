#pragma once

// The Laplacian of a square grid, by five points, and its inverse by sines, where the border is zero.

#include <cmath>
#include <numbers>

#include "equation.hpp"

namespace solve_fixed_point {

/// The sum of the four neighbours of each number of an n x n grid; beyond the border are zeros.
[[nodiscard]] inline Numbers neighbours(const Numbers& z, Index n) {
  const Eigen::Map<const Grid> grid(z.data(), n, n);
  Numbers out = Numbers::Zero(z.size());
  Eigen::Map<Grid> sum(out.data(), n, n);
  sum.topRows(n - 1) += grid.bottomRows(n - 1);
  sum.bottomRows(n - 1) += grid.topRows(n - 1);
  sum.leftCols(n - 1) += grid.rightCols(n - 1);
  sum.rightCols(n - 1) += grid.leftCols(n - 1);
  return out;
}

/// (-Laplace)^-1 on the n x n inner points of the unit square, zero at the border: sines are the eigenvectors. As
/// products with a matrix of them, n^3 operations each, which for such n is as fast as a transform.
class InverseLaplacian {
 public:
  explicit InverseLaplacian(Index n) : sines_(n, n), eigenvalues_(n) {
    const double step = std::numbers::pi / static_cast<double>(n + 1);
    for (Index i = 0; i < n; ++i) {
      eigenvalues_[i] = 4 * std::pow(static_cast<double>(n + 1) * std::sin(0.5 * step * static_cast<double>(i + 1)), 2);
      for (Index j = 0; j < n; ++j) {
        sines_(i, j) = std::sqrt(2.0 / static_cast<double>(n + 1)) *
                       std::sin(step * static_cast<double>(i + 1) * static_cast<double>(j + 1));
      }
    }
  }

  [[nodiscard]] Numbers operator()(const Numbers& v) const {
    const Index n = sines_.rows();
    Grid spectrum = sines_ * Eigen::Map<const Grid>(v.data(), n, n) * sines_;
    for (Index j = 0; j < n; ++j) spectrum.col(j).array() /= eigenvalues_.array() + eigenvalues_[j];
    Numbers out(v.size());
    Eigen::Map<Grid>(out.data(), n, n) = sines_ * spectrum * sines_;
    return out;
  }

 private:
  Grid sines_;
  Numbers eigenvalues_;
};

}  // namespace solve_fixed_point
