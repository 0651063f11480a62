#pragma once

// The smallest singular value of A, when A is known only by what A and A^T do to a vector.
//
//   sigma_min = min |A v| over |v| = 1
//
// The smallest |A v| is sought in a space that grows. It is held as an orthonormal basis V that is turned, by one-sided
// Jacobi rotations, until the columns of its image are orthogonal too:
//
//   A V = U diag(s)     V, U: size x m, orthonormal;    sigma = min s, with v and u its columns: A v = sigma u
//
// (M. R. Hestenes 1958, J. SIAM 6(1); G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th edition, 2013, section
// 8.6.4). The gradient g = A^T u - sigma v says how good (sigma, u, v) is: a singular value of A lies within |g| of
// sigma. The space grows by inverse iteration on A^T A (section 8.2.2),
//
//   (A^T A)^-1 v = v / sigma^2 - (A^T A)^-1 g / sigma,
//
// of which only w = (A^T A)^-1 g is new. It is approached by conjugate gradients on A^T A w = g (section 11.3): they
// need no more than both products, and where they are far from the solution, as they must be if A is singular, what
// they have still leads downhill. With exact solves this is Lanczos' method on (A^T A)^-1. Only the speed depends on
// them: |A v| of a unit v is an upper bound of sigma_min, whatever V holds.
//
// GMRES for A^T y = g and A w = y is no help where it would be needed: for a trained automaton's I - J, with J of
// spectral radius 0.997 and sigma_min 8e-4, it stalls.
//
// A full basis is cut down to its best half. Memory: 2 dimension + 11 vectors. This header is for diagnostics, not for
// inner loops.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "basin/core/check.hpp"
#include "basin/core/status.hpp"
#include "basin/kernels/matrix_product.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// How far the search for the smallest singular value goes.
struct SingularValueOptions {
  Index dimension = 20;           ///< of the basis; 4 or more
  double tolerance = 1e-3;        ///< converged: |A^T u - sigma v| <= tolerance sigma
  int max_iterations = 100;       ///< inverse iterations, of one solve each
  double inner_tolerance = 1e-2;  ///< of a solve: |g - A^T A w| <= inner_tolerance |g|
  int inner_steps = 100;          ///< of conjugate gradients a solve, at most: an application of A and of A^T each
};

/// The smallest singular value that was found.
struct [[nodiscard]] SmallestSingularValue {
  double value = 0;  ///< |A v| of a unit v: not below the smallest singular value, but by rounding. NaN: non_finite
  /// converged; max_iterations; stalled (ten iterations in a row lowered neither the value by a thousandth nor the
  /// residual by half, or gave nothing new: the rounding of S in A is reached, and the value, whose error goes with the
  /// square of the residual, may well be right); non_finite (A gave a NaN or an infinity).
  Status status = Status::max_iterations;
  double residual = 0;    ///< |A^T u - value v|
  int iterations = 0;     ///< inverse iterations
  int failed_solves = 0;  ///< of their solves, those that ended before their tolerance: not yet wrong, but slow
  int evaluations = 0;    ///< applications of A and of A^T
};

namespace detail {

/// The orthogonal Q for which the columns of R Q are orthogonal, the shortest first.
[[nodiscard]] inline Matrix<double> orthogonalizing_turn(Matrix<double> r) {
  const Index m = r.cols();
  Matrix<double> q = Matrix<double>::Identity(m, m);
  constexpr int most_sweeps = 30;  // some six are enough
  bool turned = true;
  for (int sweep = 0; turned && sweep < most_sweeps; ++sweep) {
    turned = false;
    for (Index j = 1; j < m; ++j) {
      for (Index i = 0; i < j; ++i) {
        const double ii = r.col(i).squaredNorm(), jj = r.col(j).squaredNorm(), ij = r.col(i).dot(r.col(j));
        if (!(std::abs(ij) > 1e-15 * std::sqrt(ii) * std::sqrt(jj))) continue;
        const double zeta = (jj - ii) / (2 * ij);
        const double tangent = (zeta < 0 ? -1 : 1) / (std::abs(zeta) + std::hypot(1, zeta));
        const double cosine = 1 / std::hypot(1, tangent), sine = tangent * cosine;
        for (Matrix<double>* columns : {&r, &q}) {
          for (Index k = 0; k < m; ++k) {
            const double a = (*columns)(k, i), b = (*columns)(k, j);
            (*columns)(k, i) = cosine * a - sine * b;
            (*columns)(k, j) = sine * a + cosine * b;
          }
        }
        turned = true;
      }
    }
  }
  std::vector<std::pair<double, Index>> order;
  for (Index i = 0; i < m; ++i) order.emplace_back(r.col(i).norm(), i);
  std::sort(order.begin(), order.end());
  Matrix<double> sorted(m, m);
  for (Index i = 0; i < m; ++i) sorted.col(i) = q.col(order[static_cast<std::size_t>(i)].second);
  return sorted;
}

/// V and its image W = A V: orthonormal columns, and orthogonal ones, the shortest first.
template <class S>
class SingularBasis {
 public:
  SingularBasis(Index size, Index most) : size_(size), v_(size, most), w_(size, most) {}

  [[nodiscard]] Index count() const { return count_; }
  [[nodiscard]] bool full() const { return count_ == v_.cols(); }
  /// The column with the shortest image.
  [[nodiscard]] auto v() const { return v_.col(0); }
  void keep(Index count) { count_ = std::min(count, count_); }

  /// Adds the part of v that is orthogonal to V, at length 1; its image is asked for. Nothing happens if no more than
  /// rounding remains of v. False if v or its image is not finite.
  template <class Image>
  bool append(Vector<S>& v, const Image& image) {
    constexpr double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
    for (int pass = 0; pass < 2; ++pass) {
      const double before = norm(v.data(), size_);
      if (!std::isfinite(before)) return false;
      if (!(before > (pass == 0 ? 0 : 10 * epsilon))) return true;
      scale(v.data(), 1 / before, size_);
      for (Index i = 0; i < count_; ++i) subtract_along(v_.col(i).data(), 1, v);
    }
    scale(v.data(), 1 / norm(v.data(), size_), size_);
    v_.col(count_) = v;
    image(v_.col(count_).data(), w_.col(count_).data());
    if (!std::isfinite(norm(w_.col(count_).data(), size_))) return false;

    // W = U R with the columns of U along those of W so far and what is new in the last: R is an arrow.
    Matrix<double> r = Matrix<double>::Zero(count_ + 1, count_ + 1);
    v = w_.col(count_);
    for (Index i = 0; i < count_; ++i) {
      r(i, i) = norm(w_.col(i).data(), size_);
      if (r(i, i) > 0) r(i, count_) = subtract_along(w_.col(i).data(), r(i, i), v);
    }
    r(count_, count_) = norm(v.data(), size_);
    ++count_;
    const Matrix<S> turn = orthogonalizing_turn(r).template cast<S>();
    for (Matrix<S>* columns : {&v_, &w_}) {
      for_chunks(size_, [&](Index first, Index rows) {
        Matrix<S> turned(rows, count_);
        kernels::product(turned, columns->block(first, 0, rows, count_), turn);
        columns->block(first, 0, rows, count_) = turned;
      });
    }
    return true;
  }

 private:
  /// v less its part along `axis`, which has that length; returns the length of the part, with its sign.
  double subtract_along(const S* axis, double length, Vector<S>& v) const {
    const double along = dot(axis, v.data(), size_) / length;
    v -= static_cast<S>(along / length) * ConstVectorMap<S>(axis, size_);
    return along;
  }

  Index size_, count_ = 0;
  Matrix<S> v_, w_;
};

/// A^T A w = g from w = 0 by conjugate gradients, with both products: r = g - A^T A w. False if a product is not
/// finite.
template <class S, class Op, class Transposed>
[[nodiscard]] bool conjugate_gradients(const Op& apply, const Transposed& transposed, const State<S>& g, State<S>& w,
                                       const SingularValueOptions& options, SmallestSingularValue& result) {
  State<S> direction = g, r = g, image(g.shape), back(g.shape);
  w.values.setZero();
  const double start = dot(g.values.data(), g.values.data(), g.values.size());
  double squares = start;
  for (int i = 0; i < options.inner_steps; ++i) {
    apply(View<const S>(direction.view()), image.view());
    transposed(View<const S>(image.view()), back.view());
    const double curvature = dot(image.values.data(), image.values.data(), image.values.size());
    if (!image.values.allFinite() || !back.values.allFinite()) return false;
    if (!(curvature > 0) || !std::isfinite(curvature)) break;
    const S step = static_cast<S>(squares / curvature);
    w.values += step * direction.values;
    r.values -= step * back.values;
    const double before = squares;
    squares = dot(r.values.data(), r.values.data(), r.values.size());
    if (squares <= options.inner_tolerance * options.inner_tolerance * start) return true;
    direction.values = r.values + static_cast<S>(squares / before) * direction.values;
  }
  ++result.failed_solves;
  return true;
}

inline void check_singular_options(const SingularValueOptions& options) {
  check(options.dimension >= 4, "dimension of SingularValueOptions", options.dimension, "4 or more");
  check(options.tolerance >= 0 && std::isfinite(options.tolerance), "tolerance of SingularValueOptions",
        options.tolerance, "a finite number, 0 or more");
  check(options.max_iterations >= 0, "max_iterations of SingularValueOptions", options.max_iterations, "0 or more");
  check(options.inner_tolerance >= 0, "inner_tolerance of SingularValueOptions", options.inner_tolerance, "0 or more");
  check(options.inner_steps >= 1, "inner_steps of SingularValueOptions", options.inner_steps, "1 or more");
}

}  // namespace detail

/// The smallest singular value of a square A, for one sample.
///
/// apply_a(View<const S> v, View<S> out) writes A v, apply_transposed(v, out) writes A^T v. `start`, a View, a State or
/// an Eigen matrix of one column, is any vector that has a part of the one looked for: a random one. What converged
/// means is that a singular value lies within `residual` of `value`; that there is no smaller one is all but certain
/// after a random start, not proved. Within the rounding of S, ten epsilon |A|, a value
/// counts as zero and converged, and a residual as small enough for any tolerance.
///
/// Throws std::invalid_argument if start is zero, not finite or more than one sample, or options make no sense.
template <class Op, class Transposed, class Start>
[[nodiscard]] SmallestSingularValue smallest_singular_value(const Op& apply_a, const Transposed& apply_transposed,
                                                            const Start& start,
                                                            const SingularValueOptions& options = {}) {
  const auto first = view(start);
  using S = std::remove_const_t<std::remove_pointer_t<decltype(first.data())>>;
  const Shape shape = first.shape();
  const double start_norm = detail::norm<S>(first.data(), shape.size());
  detail::check_singular_options(options);
  check(shape.samples == 1, "smallest_singular_value: samples of the start", shape.samples, 1);
  check(start_norm > 0 && std::isfinite(start_norm), "smallest_singular_value: norm of the start", start_norm,
        "a positive finite number");

  const Index size = shape.size();
  SmallestSingularValue result;
  const auto apply = [&](View<const S> in, View<S> out) {
    ++result.evaluations;
    static_cast<void>(apply_a(in, out));
  };
  const auto transposed = [&](View<const S> in, View<S> out) {
    ++result.evaluations;
    static_cast<void>(apply_transposed(in, out));
  };
  double a_norm = 0;  // the largest |A v| of a unit v so far, for what rounding is
  const auto image = [&](const S* v, S* out) {
    apply(View<const S>(v, shape), View<S>(out, shape));
    a_norm = std::max(a_norm, detail::norm(out, size));
  };
  const auto fail = [&] {
    result.status = Status::non_finite;
    result.value = result.residual = std::numeric_limits<double>::quiet_NaN();
    return result;
  };
  const double rounding = 10 * static_cast<double>(std::numeric_limits<S>::epsilon());
  detail::SingularBasis<S> basis(size, std::min(options.dimension, size));
  Vector<S> v = first.vector(), checked(size);
  State<S> u(shape), g(shape), w(shape);
  if (!basis.append(v, image)) return fail();
  double marked_value = 0, marked_residual = 0;
  int since_mark = 0;
  for (;; ++result.iterations) {
    v = basis.v();
    detail::scale(v.data(), 1 / detail::norm(v.data(), size), size);
    image(v.data(), checked.data());
    result.value = detail::norm(checked.data(), size);
    if (!std::isfinite(result.value)) return fail();
    result.residual = result.value;  // |A v|, with any u: as 0 <= sigma_min <= value
    if (result.value <= rounding * a_norm) {
      result.status = Status::converged;
      return result;
    }
    u.values = checked / static_cast<S>(result.value);
    transposed(View<const S>(u.view()), g.view());
    g.values -= static_cast<S>(result.value) * v;
    result.residual = detail::norm(g.values.data(), size);
    if (!std::isfinite(result.residual)) return fail();
    if (result.residual <= std::max(options.tolerance * result.value, rounding * a_norm)) {
      result.status = Status::converged;
      return result;
    }
    if (result.iterations == options.max_iterations) return result;
    if (result.iterations == 0 || result.value < 0.999 * marked_value || result.residual < 0.5 * marked_residual) {
      marked_value = result.value;
      marked_residual = result.residual;
      since_mark = 0;
    } else {
      ++since_mark;
    }

    result.status = Status::stalled;
    if (basis.count() == size || since_mark == 10) return result;
    if (basis.full()) basis.keep(options.dimension / 2);
    const Index before = basis.count();
    if (!detail::conjugate_gradients(apply, transposed, g, w, options, result)) return fail();
    if (!basis.append(w.values, image)) return fail();
    if (basis.count() == before) return result;
    result.status = Status::max_iterations;
  }
}

}  // namespace basin
