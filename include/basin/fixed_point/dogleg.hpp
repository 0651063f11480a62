#pragma once

// The dogleg step within a Krylov space: of all y with |y| <= radius, nearly the one of the least |c - H y|.
//
//   y_C = |p|^2 / |R p|^2 p,  p = R^T (Q^T c)_k      the least along the steepest descent (Cauchy's point)
//   y_N = R^-1 (Q^T c)_k                             the least of all
//
// The path goes from 0 to y_C to y_N, along which |y| grows and |c - H y| falls; the step is where it leaves the ball.
// Powell 1970, "A hybrid method for nonlinear equations"; in a Krylov space: Brown and Saad 1990, SIAM J. Sci. Stat.
// Comput. 11(3), section 5.

#include <algorithm>
#include <cmath>

#include "basin/linear/krylov_space.hpp"

namespace basin::detail {

struct DoglegStep {
  double length;    ///< |y|
  double residual;  ///< |c - H y|
};

/// y has `columns` numbers; so have p and image, which are for what is made on the way.
template <class S>
[[nodiscard]] DoglegStep dogleg(const KrylovSpace<S>& space, double radius, double* y, double* p, double* image) {
  const int k = space.columns;
  const auto dot = [k](const double* a, const double* b) {
    double sum = 0;
    for (int i = 0; i < k; ++i) sum += a[i] * b[i];
    return sum;
  };
  space.least_squares(y);
  double length = std::sqrt(dot(y, y));
  if (!(length <= radius)) {
    space.steepest(p);
    space.times_r(p, image);
    const double squared = dot(p, p), bend = squared / dot(image, image), cauchy = bend * std::sqrt(squared);
    if (!(cauchy < radius)) {
      for (int i = 0; i < k; ++i) y[i] = radius / std::sqrt(squared) * p[i];
    } else {  // y_C + t (y_N - y_C) of length radius, 0 <= t <= 1
      double across = 0, along = 0;
      for (int i = 0; i < k; ++i) {
        const double from = bend * p[i], rest = y[i] - from;
        across += rest * rest;
        along += from * rest;
      }
      const double gap = radius * radius - cauchy * cauchy;
      const double t = gap / (along + std::sqrt(along * along + across * gap));
      for (int i = 0; i < k; ++i) y[i] = bend * p[i] + t * (y[i] - bend * p[i]);
    }
    length = radius;
  }
  space.times_r(y, image);
  double rest = space.right[k] * space.right[k];
  for (int i = 0; i < k; ++i) rest += (space.right[i] - image[i]) * (space.right[i] - image[i]);
  return {length, std::sqrt(rest)};
}

}  // namespace basin::detail
