#pragma once

// The spectral radius of A, the largest |eigenvalue|, when A is known only by what it does to a vector.
//
// Arnoldi's method builds an orthonormal basis V of the space that v, A v, A^2 v, ... span (every vector is made
// orthogonal to all before it twice), with
//
//   A V = V H + v_next b^T      V: size x m,  H = V^T A V: m x m,  b: m
//
// The eigenvalues theta of H (its Ritz values) approach the outer eigenvalues of A first, complex pairs too; with
// H y = theta y and |y| = 1 the vector x = V y has |A x - theta x| = |b^T y|. A full basis is cut down to the Ritz
// vectors of the largest |theta| and grows again from there: with Q an orthonormal basis of their y, which is real as
// pairs are kept together, V <- V Q, H <- Q^T H Q and b <- Q^T b keep the relation.
//
// W. E. Arnoldi 1951, Quart. Appl. Math. 9; Y. Saad, "Numerical Methods for Large Eigenvalue Problems", 2nd edition,
// 2011, chapter 6 for the method and proposition 6.8 for the residual; G. W. Stewart 2001, SIAM J. Matrix Anal. Appl.
// 23(3), for the restart. Memory: dimension + 5 vectors. This header is for diagnostics, not for inner loops.

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "basin/core/status.hpp"
#include "basin/kernels/matrix_product.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

/// How far Arnoldi's method goes.
struct ArnoldiOptions {
  Index dimension = 60;     ///< of the basis; 4 or more
  double tolerance = 1e-4;  ///< converged: |A x - theta x| <= tolerance |theta|, measured, not estimated
  int restarts = 20;        ///< at most; each takes some 2 dimension / 3 applications of A
};

/// The outermost eigenvalue that was found.
struct [[nodiscard]] SpectralRadius {
  double value = 0;                     ///< |eigenvalue|; NaN with Status::non_finite
  std::complex<double> eigenvalue = 0;  ///< of a pair the one with the positive imaginary part
  /// converged; max_iterations (the restarts ended first); non_finite (A gave a NaN or an infinity).
  Status status = Status::max_iterations;
  double residual = 0;  ///< |A x - eigenvalue x| of the unit Ritz vector x
  int restarts = 0;     ///< how often the basis was cut down
  int evaluations = 0;  ///< applications of A
};

namespace detail {

/// What the small matrix H of a basis says.
struct RitzValues {
  std::complex<double> eigenvalue{};  ///< of the largest modulus
  Vector<std::complex<double>> y{};   ///< its unit eigenvector
  Matrix<double> kept{};              ///< Q: an orthonormal basis of the eigenvectors that a restart keeps
};

/// Of the eigenvalues with the largest modulus about `keep` are kept, fewer if their eigenvectors are so close to one
/// another that they do not span what H maps to itself. T is double; a template, because Eigen's decompositions take
/// seconds to compile, and only who calls this should pay for them.
template <class T>
[[nodiscard]] RitzValues ritz_values(const Matrix<T>& h, Index keep) {
  const Index m = h.rows();
  const Eigen::EigenSolver<Matrix<T>> solver(h);
  const auto& values = solver.eigenvalues();
  const auto vectors = solver.eigenvectors();
  std::vector<Index> order(static_cast<std::size_t>(m));
  std::iota(order.begin(), order.end(), Index{0});
  // A pair has equal moduli and stands together: the positive imaginary part comes first in Eigen's order, too.
  std::stable_sort(order.begin(), order.end(),
                   [&](Index i, Index j) { return std::abs(values[i]) > std::abs(values[j]); });
  RitzValues ritz{values[order[0]], vectors.col(order[0]), {}};
  for (;; keep /= 2) {
    Matrix<T> columns(m, m);
    Index count = 0;
    for (std::size_t i = 0; i < order.size() && (count == 0 || count < keep); ++i) {
      const Index j = order[i];
      if (values[j].imag() < 0) continue;
      if (values[j].imag() > 0 && count + 2 > m) break;
      columns.col(count++) = vectors.col(j).real();
      if (values[j].imag() > 0) columns.col(count++) = vectors.col(j).imag();
    }
    const Eigen::HouseholderQR<Matrix<T>> qr(columns.leftCols(count));
    ritz.kept = qr.householderQ() * Matrix<T>::Identity(m, count);
    Matrix<T> image(m, count), within(count, count), along(m, count);
    kernels::product(image, h, ritz.kept);
    kernels::product(within, ritz.kept.transpose(), image);
    kernels::product(along, ritz.kept, within);
    const double defect = (image - along).norm();
    if (defect <= 1e-10 * h.norm() || keep <= 1) return ritz;
  }
}

/// The basis of one run of Arnoldi's method.
template <class S>
class ArnoldiBasis {
 public:
  ArnoldiBasis(Index size, Index dimension)
      : size_(size),
        dimension_(dimension),
        basis_(size, dimension + 1),
        h_(Matrix<double>::Zero(dimension + 1, dimension)) {}

  /// The first vector, of any length but 0.
  void start(const S* v) {
    std::copy_n(v, size_, column(0));
    scale(column(0), 1 / norm(column(0), size_), size_);
  }

  [[nodiscard]] Index columns() const { return columns_; }
  [[nodiscard]] bool full() const { return columns_ == dimension_ || exhausted_; }
  /// The space is invariant: it has no next vector, and its Ritz values are eigenvalues.
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  /// What A is applied to next, and where the result is written.
  [[nodiscard]] S* last() { return column(columns_); }
  [[nodiscard]] S* next() { return column(columns_ + 1); }

  /// Takes next() = A last() into the basis. False if it is not finite.
  bool extend() {
    const double before = norm(next(), size_);
    if (!std::isfinite(before)) return false;
    auto h = h_.col(columns_);
    h.setZero();
    for (int pass = 0; pass < 2; ++pass) {
      for (Index i = 0; i <= columns_; ++i) {
        const double along = dot(column(i), next(), size_);
        h[i] += along;
        VectorMap<S>(next(), size_) -= static_cast<S>(along) * ConstVectorMap<S>(column(i), size_);
      }
    }
    const double length = norm(next(), size_);
    constexpr double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
    exhausted_ = columns_ + 1 >= size_ || !(length > 10 * epsilon * before);
    h[columns_ + 1] = exhausted_ ? 0 : length;
    if (!exhausted_) scale(next(), 1 / length, size_);
    ++columns_;
    return true;
  }

  [[nodiscard]] Matrix<double> h() const { return h_.topLeftCorner(columns_, columns_); }
  /// |b^T y|
  [[nodiscard]] double residual(const Vector<std::complex<double>>& y) const {
    return std::abs((h_.row(columns_).head(columns_) * y).value());
  }

  /// out = V y, for a real y.
  void combine(const Vector<double>& y, S* out) const {
    VectorMap<S>(out, size_) = basis_.leftCols(columns_) * y.cast<S>();
  }

  /// V <- V Q, and v_next after it.
  void restart(const Matrix<double>& q) {
    const Index kept = q.cols();
    Matrix<double> times_q(columns_, kept), small(kept, kept);
    const Matrix<double> of_basis = h();
    kernels::product(times_q, of_basis, q);
    kernels::product(small, q.transpose(), times_q);
    const Eigen::RowVectorXd b = h_.row(columns_).head(columns_) * q;
    const Matrix<S> turn = q.cast<S>();
    for_chunks(size_, [&](Index first, Index count) {
      Matrix<S> turned(count, kept);
      kernels::product(turned, basis_.block(first, 0, count, columns_), turn);
      basis_.block(first, 0, count, kept) = turned;
    });
    basis_.col(kept) = basis_.col(columns_).eval();
    h_.setZero();
    h_.topLeftCorner(kept, kept) = small;
    h_.row(kept).head(kept) = b;
    columns_ = kept;
  }

 private:
  [[nodiscard]] S* column(Index i) { return basis_.data() + i * size_; }

  Index size_, dimension_, columns_ = 0;
  bool exhausted_ = false;
  Matrix<S> basis_;   // the last column is v_next
  Matrix<double> h_;  // H, and b^T as the row below it
};

}  // namespace detail

/// The spectral radius of A, for one sample.
///
/// apply_a(View<const S> v, View<S> out) writes A v. `start`, a View, a State or an Eigen matrix of one column, is any
/// vector that has a part of all eigenvectors: a random one. What converged means is that `eigenvalue` is one of a
/// matrix within `residual` of A; that there is none farther out is all but certain after a random start, not proved.
/// An eigenvalue of a defective matrix moves by the k-th root of the rounding, whatever computes it. A residual within
/// the rounding of S, ten epsilon |H|, counts as converged for any tolerance.
///
/// Throws std::invalid_argument if start is zero, not finite or more than one sample, or options make no sense.
template <class Op, class Start>
[[nodiscard]] SpectralRadius spectral_radius(const Op& apply_a, const Start& start,
                                             const ArnoldiOptions& options = {}) {
  const auto first = view(start);
  using S = std::remove_const_t<std::remove_pointer_t<decltype(first.data())>>;
  const Shape shape = first.shape();
  const double start_norm = detail::norm<S>(first.data(), shape.size());
  check(options.dimension >= 4, "dimension of ArnoldiOptions", options.dimension, "4 or more");
  check(options.tolerance >= 0 && std::isfinite(options.tolerance), "tolerance of ArnoldiOptions", options.tolerance,
        "a finite number, 0 or more");
  check(options.restarts >= 0, "restarts of ArnoldiOptions", options.restarts, "0 or more");
  check(shape.samples == 1, "spectral_radius: samples of the start", shape.samples, 1);
  check(start_norm > 0 && std::isfinite(start_norm), "spectral_radius: norm of the start", start_norm,
        "a positive finite number");

  const Index size = shape.size();
  detail::ArnoldiBasis<S> basis(size, std::min(options.dimension, size));
  basis.start(first.data());
  SpectralRadius result;
  const auto fail = [&] {
    result.status = Status::non_finite;
    result.value = result.residual = std::numeric_limits<double>::quiet_NaN();
    return result;
  };
  constexpr double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
  State<S> x[2], ax[2];
  for (;; ++result.restarts) {
    while (!basis.full()) {
      static_cast<void>(apply_a(View<const S>(basis.last(), shape), View<S>(basis.next(), shape)));
      ++result.evaluations;
      if (!basis.extend()) return fail();
    }
    const Matrix<double> h = basis.h();
    const detail::RitzValues ritz = detail::ritz_values(h, std::max<Index>(2, basis.columns() / 3));
    result.eigenvalue = {ritz.eigenvalue.real(), std::abs(ritz.eigenvalue.imag())};
    result.value = std::abs(ritz.eigenvalue);
    const double enough = std::max(options.tolerance * result.value, 10 * epsilon * h.norm());
    const bool last = basis.exhausted() || result.restarts >= options.restarts;
    result.residual = basis.residual(ritz.y);
    if (result.residual <= enough || last) {
      // Measured: x = x0 + i x1, A x - (a + i b) x = (A x0 - a x0 + b x1) + i (A x1 - a x1 - b x0).
      double squares = 0;
      const S a = static_cast<S>(ritz.eigenvalue.real()), b = static_cast<S>(ritz.eigenvalue.imag());
      const bool complex = ritz.eigenvalue.imag() != 0;
      for (int part = 0; part <= (complex ? 1 : 0); ++part) {
        x[part] = ax[part] = State<S>(shape);
        basis.combine(part == 0 ? Vector<double>(ritz.y.real()) : Vector<double>(ritz.y.imag()), x[part].values.data());
        static_cast<void>(apply_a(View<const S>(x[part].view()), ax[part].view()));
        ++result.evaluations;
        ax[part].values -= a * x[part].values;
      }
      if (complex) {
        ax[0].values += b * x[1].values;
        ax[1].values -= b * x[0].values;
        squares += std::pow(detail::norm(ax[1].values.data(), size), 2);
      }
      squares += std::pow(detail::norm(ax[0].values.data(), size), 2);
      result.residual = std::sqrt(squares);
      if (!std::isfinite(result.residual)) return fail();
      if (result.residual <= enough) {
        result.status = Status::converged;
        return result;
      }
      if (last) return result;
    }
    basis.restart(ritz.kept);
  }
}

}  // namespace basin
