#pragma once

// The bounds of linear/norm_bound.hpp with their gradient, for weights that are divided by their bound
// (deq/normalized_weights.hpp). With G = A^T A and q = 2^p, the bound of a matrix is
//
//   b(A) = tr(G^q)^(1 / (2 q)),    db/dA = b X / <X, A>,    X = A G^(q-1)
//
// where the length of X does not count, so that its factors G, G^2, G^4, ... of G^(q-1) may each be scaled to a length
// of 1: <db/dA, A> = b, as b is homogeneous. Of a convolution it is the gradient of the bound of F(s, t) at the point
// where that is largest; the taps enter F linearly. Points that are equally large are each other's conjugates, with the
// same gradient, or else b has a kink there, and this is one of its slopes.

#include <vector>

#include "basin/linear/norm_bound.hpp"

namespace basin {

/// A bound, and its gradient in the numbers that it was given, in their order.
struct NormBoundGradient {
  double bound = 0;                ///< no less than the spectral norm
  std::vector<double> gradient{};  ///< d bound / d taps[i] for each i
};

/// db/dA of norm_bound(a, options), which is `bound`. Zeros where the bound is zero or not finite.
[[nodiscard]] inline Matrix<double> norm_bound_gradient(const Matrix<double>& a, double bound,
                                                        const NormBoundOptions& options = {}) {
  Matrix<double> x = Matrix<double>::Zero(a.rows(), a.cols());
  if (!(bound > 0) || !std::isfinite(bound)) return x;
  const double length = a.stableNorm();
  const Matrix<double> unit = a / length;
  const bool tall = a.rows() >= a.cols();
  const Index size = std::min(a.rows(), a.cols());
  Matrix<double> power(size, size), next(size, size), product(size, size);
  if (tall) {
    kernels::product(power, unit.transpose(), unit);
  } else {
    kernels::product(power, unit, unit.transpose());
  }
  Matrix<double> all = Matrix<double>::Identity(size, size);  // G^(q-1), but for its length
  for (int k = 0; k < options.squarings; ++k) {
    power /= power.norm();
    kernels::product(product, all, power);
    all = product / product.norm();
    kernels::product(next, power, power);
    power.swap(next);
  }
  if (tall) {
    kernels::product(x, unit, all);
  } else {
    kernels::product(x, all, unit);
  }
  return x * (bound / (x.cwiseProduct(a)).sum());
}

/// convolution_norm_bound(taps, ...) and its gradient in the taps. Throws as that does.
[[nodiscard]] inline NormBoundGradient convolution_norm_bound_gradient(std::span<const double> taps, Index outputs,
                                                                       Index inputs, Index kernel,
                                                                       const NormBoundOptions& options = {}) {
  detail::check_taps(taps, outputs, inputs, kernel, options);
  NormBoundGradient result{0, std::vector<double>(taps.size())};
  if (kernel == 1) {
    const Matrix<double> a = Eigen::Map<const Matrix<double>>(taps.data(), outputs, inputs);
    result.bound = norm_bound(a, options);
    Eigen::Map<Matrix<double>>(result.gradient.data(), outputs, inputs) = norm_bound_gradient(a, result.bound, options);
    return result;
  }
  const detail::SymbolBound largest = detail::largest_symbol(taps, outputs, inputs, kernel, options);
  result.bound = largest.bound;
  // Scaled to the bound over all angles, which is a fixed number of times as large.
  const Matrix<double> of_symbol =
      norm_bound_gradient(symbol(taps, outputs, inputs, kernel, largest.s, largest.t), largest.bound, options);
  // F = [P -Q; Q P] with P and Q the sums of the taps times cosines and sines.
  const Matrix<double> of_p = of_symbol.topLeftCorner(outputs, inputs) + of_symbol.bottomRightCorner(outputs, inputs);
  const Matrix<double> of_q = of_symbol.bottomLeftCorner(outputs, inputs) - of_symbol.topRightCorner(outputs, inputs);
  const double r = static_cast<double>(kernel - 1) / 2;
  for (Index l = 0; l < kernel; ++l) {
    for (Index k = 0; k < kernel; ++k) {
      const double angle = largest.s * (static_cast<double>(k) - r) + largest.t * (static_cast<double>(l) - r);
      Eigen::Map<Matrix<double>>(result.gradient.data() + (k + kernel * l) * outputs * inputs, outputs, inputs) =
          std::cos(angle) * of_p + std::sin(angle) * of_q;
    }
  }
  return result;
}

}  // namespace basin
