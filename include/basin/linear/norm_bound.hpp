#pragma once

// Upper bounds of a spectral norm |A| = max |A x| / |x| that hold whatever A is, close to it, by products alone.
//
// Of a matrix:
//
//   |A|  <=  |G_p|_F^(1 / 2^p)        G_0 = A,  G_k+1 = G_k^T G_k,  |.|_F Frobenius' norm
//
// as |G_k+1| = |G_k|^2 and no spectral norm exceeds Frobenius' norm, which is at most sqrt(rank) times as large: the
// bound is so close to |A| as a factor of rank^(1 / 2^(p+1)). B. Delattre, Q. Barthelemy, A. Araujo, A. Allauzen,
// "Efficient bound of Lipschitz constant for convolutional layers by Gram iteration", ICML 2023.
//
// Of a convolution with taps W_kl, matrices of outputs x inputs, on a plane of any size, periodic or with zeros beyond
// the edge, of any stride: its norm is at most the largest |F(s, t)| over all angles s and t,
//
//   F(s, t) = sum_{k, l} W_kl e^{i (s (k - r) + t (l - r))}        r = (K - 1) / 2
//
// (H. Sedghi, V. Gupta, P. Long, "The singular values of convolutional layers", ICLR 2019, for a torus; with
// zeros beyond the edge it is a part of that on a larger torus). x^* F y is a trigonometric polynomial of degree r in
// each angle, and one of degree r is at most its largest value at N > 2 r equally spaced points over cos(pi r / N)
// (M. Riesz 1914, Jahresbericht der DMV 23: at t from its maximum M it is at least M cos(r t) while |t| <= pi / r). So
//
//   |W|  <=  max over N x N points of |F(s_i, t_j)| / cos(pi r / N)^2.
//
// A complex matrix P + i Q stands as the real one [P -Q; Q P], which has the same norm. All in double; rounding is
// covered by a factor of 1 + 1e-10.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>

#include "basin/core/check.hpp"
#include "basin/core/state.hpp"
#include "basin/kernels/matrix_product.hpp"

namespace basin {

/// How close a bound is to the norm: closer takes longer.
struct NormBoundOptions {
  int squarings = 5;           ///< p above, 0 to 20; 0: Frobenius' norm; 5: at most 1.08 |A| for a rank of 100
  int points_per_degree = 16;  ///< N / r above, 3 or more; 16: a factor of 1.04 for both axes, 8: 1.17
};

/// An upper bound of |A|. Not finite if a number of A is not. Takes 2^p-th powers without overflow.
/// Throws std::invalid_argument for options out of range.
[[nodiscard]] inline double norm_bound(Matrix<double> a, const NormBoundOptions& options = {}) {
  check(options.squarings >= 0 && options.squarings <= 20, "squarings of NormBoundOptions", options.squarings,
        "0 to 20");
  double log_scale = 0;  // a stands for a e^log_scale
  double power = 1;
  for (int k = 0;; ++k, power *= 2) {
    const double length = a.stableNorm();
    if (!(length > 0)) return length;  // zero, or not a number
    if (!std::isfinite(length)) return length;
    log_scale += std::log(length);
    if (k == options.squarings) return std::exp(log_scale / power) * (1 + 1e-10);
    a /= length;
    log_scale *= 2;
    const bool tall = a.rows() >= a.cols();
    Matrix<double> square(std::min(a.rows(), a.cols()), std::min(a.rows(), a.cols()));
    if (tall) {
      kernels::product(square, a.transpose(), a);
    } else {
      kernels::product(square, a, a.transpose());
    }
    a = std::move(square);
  }
}

/// F(s, t) above as a real matrix of twice the size, [P -Q; Q P]. taps: outputs x inputs x kernel x kernel,
/// column-major as in a Conv's leaf.
[[nodiscard]] inline Matrix<double> symbol(std::span<const double> taps, Index outputs, Index inputs, Index kernel,
                                           double s, double t) {
  const double r = static_cast<double>(kernel - 1) / 2;
  Matrix<double> f = Matrix<double>::Zero(2 * outputs, 2 * inputs);
  for (Index l = 0; l < kernel; ++l) {
    for (Index k = 0; k < kernel; ++k) {
      const Eigen::Map<const Matrix<double>> tap(taps.data() + (k + kernel * l) * outputs * inputs, outputs, inputs);
      const double angle = s * (static_cast<double>(k) - r) + t * (static_cast<double>(l) - r);
      f.topLeftCorner(outputs, inputs) += std::cos(angle) * tap;
      f.bottomLeftCorner(outputs, inputs) += std::sin(angle) * tap;
    }
  }
  f.topRightCorner(outputs, inputs) = -f.bottomLeftCorner(outputs, inputs);
  f.bottomRightCorner(outputs, inputs) = f.topLeftCorner(outputs, inputs);
  return f;
}

namespace detail {

/// Throws std::invalid_argument as convolution_norm_bound says.
inline void check_taps(std::span<const double> taps, Index outputs, Index inputs, Index kernel,
                       const NormBoundOptions& options) {
  check(kernel > 0 && kernel % 2 == 1, "kernel of convolution_norm_bound", kernel, "an odd number above 0");
  check(static_cast<Index>(taps.size()) == outputs * inputs * kernel * kernel,
        "number of taps of convolution_norm_bound", taps.size(), outputs * inputs * kernel * kernel);
  check(options.points_per_degree >= 3, "points_per_degree of NormBoundOptions", options.points_per_degree,
        "3 or more");
}

/// Where, among the points above, the bound of |F(s, t)| is largest, or the first where it is not finite; and what that
/// says of all angles.
struct SymbolBound {
  double at_point = 0, bound = 0, s = 0, t = 0;
};
[[nodiscard]] inline SymbolBound largest_symbol(std::span<const double> taps, Index outputs, Index inputs, Index kernel,
                                                const NormBoundOptions& options) {
  const Index r = (kernel - 1) / 2, points = options.points_per_degree * r;
  const double step = 2 * std::numbers::pi / static_cast<double>(points);
  SymbolBound largest;
  for (Index i = 0; i <= points / 2; ++i) {  // F(-s, -t) is F(s, t) conjugated
    for (Index j = 0; j < points; ++j) {
      const double s = step * static_cast<double>(i), t = step * static_cast<double>(j);
      const double bound = norm_bound(symbol(taps, outputs, inputs, kernel, s, t), options);
      if (!std::isfinite(bound)) return {bound, bound, s, t};
      if (bound > largest.at_point) largest = {bound, bound, s, t};
    }
  }
  const double cosine = std::cos(std::numbers::pi * static_cast<double>(r) / static_cast<double>(points));
  largest.bound = largest.at_point / (cosine * cosine);
  return largest;
}

}  // namespace detail

/// An upper bound of the norm of a convolution, as above. A kernel of 1 is a matrix.
/// Throws std::invalid_argument if the taps are not outputs * inputs * kernel * kernel, the kernel is not odd, or
/// options are out of range.
[[nodiscard]] inline double convolution_norm_bound(std::span<const double> taps, Index outputs, Index inputs,
                                                   Index kernel, const NormBoundOptions& options = {}) {
  detail::check_taps(taps, outputs, inputs, kernel, options);
  if (kernel == 1) return norm_bound(Eigen::Map<const Matrix<double>>(taps.data(), outputs, inputs), options);
  return detail::largest_symbol(taps, outputs, inputs, kernel, options).bound;
}

}  // namespace basin
