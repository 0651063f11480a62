#pragma once

// An approximate inverse of c - d Laplace on n x n cells of a square, nothing crossing its border, by one V-cycle of
// multigrid: as a user would write a preconditioner, who knows the stiff part of an equation. It is linear in v, and
// the same each time, as a preconditioner has to be.
//
//   smooth:  x <- x + w / diagonal (v - A x), twice     restrict: the mean of four cells     prolong: a copy to four
//
// U. Trottenberg, C. Oosterlee, A. Schueller 2001, "Multigrid", chapter 2.

#include "stencil.hpp"

namespace solve_fixed_point {

/// The Laplacian of n x n cells of width h, where nothing crosses the border.
[[nodiscard]] inline Numbers laplacian_of_cells(const Numbers& z, Index n, double h) {
  const Eigen::Map<const Grid> grid(z.data(), n, n);
  Numbers out = neighbours(z, n) - 4 * z;
  Eigen::Map<Grid> sum(out.data(), n, n);  // a cell beyond the border is the one before it
  sum.row(0) += grid.row(0);
  sum.row(n - 1) += grid.row(n - 1);
  sum.col(0) += grid.col(0);
  sum.col(n - 1) += grid.col(n - 1);
  return out / (h * h);
}

/// Each cell as four: from n x n to 2 n x 2 n.
[[nodiscard]] inline Numbers prolonged(const Numbers& z, Index n) {
  const Eigen::Map<const Grid> coarse(z.data(), n, n);
  Numbers out(4 * z.size());
  Eigen::Map<Grid> fine(out.data(), 2 * n, 2 * n);
  for (Index j = 0; j < 2 * n; ++j) {
    for (Index i = 0; i < 2 * n; ++i) fine(i, j) = coarse(i / 2, j / 2);
  }
  return out;
}

/// The mean of four: from n x n to n / 2 x n / 2.
[[nodiscard]] inline Numbers restricted(const Numbers& z, Index n) {
  const Eigen::Map<const Grid> fine(z.data(), n, n);
  Numbers out(z.size() / 4);
  Eigen::Map<Grid> coarse(out.data(), n / 2, n / 2);
  for (Index j = 0; j < n / 2; ++j) {
    for (Index i = 0; i < n / 2; ++i) coarse(i, j) = fine.block(2 * i, 2 * j, 2, 2).mean();
  }
  return out;
}

struct Multigrid {
  double c, d, h;  ///< of the finest grid

  [[nodiscard]] Numbers operator()(const Numbers& v, Index n) const { return cycle(v, n, h); }

 private:
  [[nodiscard]] Numbers cycle(const Numbers& v, Index n, double width) const {
    const int sweeps = n % 2 == 0 && n > 4 ? 2 : 20;
    const double step = 0.8 / (c + 4 * d / (width * width));
    Numbers x = step * v;
    const auto residual = [&] { return Numbers(v - c * x + d * laplacian_of_cells(x, n, width)); };
    for (int i = 1; i < sweeps; ++i) x += step * residual();
    if (sweeps > 2) return x;  // the coarsest
    x += prolonged(cycle(restricted(residual(), n), n / 2, 2 * width), n / 2);
    for (int i = 0; i < sweeps; ++i) x += step * residual();
    return x;
  }
};

}  // namespace solve_fixed_point
