#pragma once

// The small least-squares problem of Anderson acceleration, kept as the triangle of a QR factorisation that is updated.
//
// With residuals r_0 (oldest) to r_k (newest) and D = (r_1 - r_0, ..., r_k - r_{k-1}) = Q R:
//
//   minimise |r_k - D gamma|^2 + ridge * T * |alpha|^2,     T = mean of |r_i|^2 (the Gram matrix's trace over k + 1)
//   alpha_0 = gamma_1, alpha_i = gamma_{i+1} - gamma_i, alpha_k = 1 - gamma_k       so that sum alpha = 1
//
// which is Anderson's  min |sum alpha_i r_i|^2  subject to  sum alpha_i = 1  without its squared condition number.
// Q is never made: for any v, Q^T v = R^-T (D^T v), so that inner products with D are all that is asked of the long
// vectors, which are anderson.hpp's. This header has R and c = Q^T r_k, in double, a few hundred numbers.
//
// Walker and Ni 2011, SIAM J. Numer. Anal. 49(4), sections 2 and 4; dropping by Givens rotations: Golub and Van Loan,
// Matrix Computations, section 6.5.2; Q left out (seminormal equations): Bjorck 1987, Linear Algebra Appl. 88/89.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

#include "basin/core/language.hpp"

namespace basin::detail {

template <int window>
class MixingProblem {
 public:
  using Column = std::array<double, window>;

  [[nodiscard]] int columns() const { return columns_; }

  /// The newest residual's |r|^2; every other method refers to the residuals that came in here.
  void set_newest(double squared_norm) { newest_squared_ = squared_norm; }

  /// c = Q^T r of the newest residual, for the columns held.
  void set_projection(const Column& c) { c_ = c; }

  /// |c|^2: what the columns held can take off |r|^2 of the newest residual.
  [[nodiscard]] double projection_squared() const {
    double sum = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(columns_); ++i) sum += c_[i] * c_[i];
    return sum;
  }

  /// Q^T v from D^T v, by R^T x = D^T v.
  [[nodiscard]] Column project(const Column& inner_products) const {
    Column x{};
    for (std::size_t i = 0; i < static_cast<std::size_t>(columns_); ++i) {
      double value = inner_products[i];
      for (std::size_t j = 0; j < i; ++j) value -= r_[i][j] * x[j];
      x[i] = value / r_[i][i];
    }
    return x;
  }

  /// y with D y = Q x, by R y = x.
  [[nodiscard]] Column combination(const Column& x) const {
    Column y{};
    for (std::size_t i = static_cast<std::size_t>(columns_); i-- > 0;) {
      double value = x[i];
      for (std::size_t j = i + 1; j < static_cast<std::size_t>(columns_); ++j) value -= r_[j][i] * y[j];
      y[i] = value / r_[i][i];
    }
    return y;
  }

  /// Appends the column D_k = Q above + diagonal q; c_last = q^T r_k; older_squared = |r_{k-1}|^2. There is room.
  void append(const Column& above, double diagonal, double c_last, double older_squared) {
    const auto k = static_cast<std::size_t>(columns_);
    r_[k] = above;
    r_[k][k] = diagonal;
    c_[k] = c_last;
    squared_[k] = older_squared;
    ++columns_;
  }

  /// Forgets the oldest difference. R becomes upper Hessenberg and is made a triangle again.
  void drop_oldest() {
    --columns_;
    const auto k = static_cast<std::size_t>(columns_);
    for (std::size_t j = 0; j < k; ++j) {
      r_[j] = r_[j + 1];
      squared_[j] = squared_[j + 1];
    }
    for (std::size_t i = 0; i < k; ++i) {
      const double length = std::hypot(r_[i][i], r_[i][i + 1]);
      const double cosine = length > 0 ? r_[i][i] / length : 1, sine = length > 0 ? r_[i][i + 1] / length : 0;
      for (std::size_t j = i; j < k; ++j) turn(r_[j][i], r_[j][i + 1], cosine, sine);
      turn(c_[i], c_[i + 1], cosine, sine);
    }
  }

  void clear() { columns_ = 0; }

  /// Condition number in the 1-norm of R with its columns scaled to length one: how close the differences are to
  /// dependent. The scaling is left out because it does no harm: residuals shrink, and so do later columns.
  [[nodiscard]] double condition() const {
    const auto k = static_cast<std::size_t>(columns_);
    Column scale{}, inverse{};
    double norm = 0, inverse_norm = 0;
    for (std::size_t j = 0; j < k; ++j) {
      double squares = 0, sum = 0;
      for (std::size_t i = 0; i <= j; ++i) {
        squares += r_[j][i] * r_[j][i];
        sum += std::abs(r_[j][i]);
      }
      scale[j] = std::sqrt(squares);
      norm = std::max(norm, sum / scale[j]);
    }
    for (std::size_t j = 0; j < k; ++j) {  // column j of the inverse, from the bottom up
      double sum = 0;
      for (std::size_t i = j + 1; i-- > 0;) {
        double value = i == j ? 1 : 0;
        for (std::size_t l = i + 1; l <= j; ++l) value -= r_[l][i] * inverse[l];
        inverse[i] = value / r_[i][i];
        sum += std::abs(inverse[i]) * scale[i];
      }
      inverse_norm = std::max(inverse_norm, sum);
    }
    const double condition = norm * inverse_norm;
    return std::isfinite(condition) ? condition : std::numeric_limits<double>::infinity();
  }

  /// gamma, for all columns held.
  [[nodiscard]] Column solve(double ridge) const { return ridge > 0 ? solve_with_ridge(ridge) : combination(c_); }

 private:
  static void turn(double& a, double& b, double cosine, double sine) {
    const double first = cosine * a + sine * b;
    b = cosine * b - sine * a;
    a = first;
  }

  /// The ridge is k + 1 more rows, one for each alpha: w (e_k - E gamma) with E the bidiagonal map above. Each row is
  /// rotated into a copy of the triangle; its nonzeros start at column i - 1, so what is left of it is a dense row.
  [[nodiscard]] Column solve_with_ridge(double ridge) const {
    const auto k = static_cast<std::size_t>(columns_);
    double trace = newest_squared_;
    for (std::size_t j = 0; j < k; ++j) trace += squared_[j];
    const double weight = std::sqrt(ridge * trace / static_cast<double>(k + 1));
    MixingProblem copy = *this;
    for (std::size_t i = 0; i <= k; ++i) {  // alpha_i = (i == k) - (gamma_{i-1} - gamma_i) with gamma_{-1} = 0
      Column row{};
      if (i > 0) row[i - 1] = weight;
      if (i < k) row[i] = -weight;
      double right = i == k ? weight : 0;
      for (std::size_t j = 0; j < k; ++j) {
        const double length = std::hypot(copy.r_[j][j], row[j]);
        if (!(length > 0)) continue;
        const double cosine = copy.r_[j][j] / length, sine = row[j] / length;
        for (std::size_t l = j; l < k; ++l) turn(copy.r_[l][j], row[l], cosine, sine);
        turn(copy.c_[j], right, cosine, sine);
      }
    }
    return copy.solve(0);
  }

  int columns_ = 0;
  std::array<Column, window> r_{};  // r_[j] is column j
  Column c_{};
  Column squared_{};  // |r_j|^2 of the residual before difference j
  double newest_squared_ = 0;
};

}  // namespace basin::detail
