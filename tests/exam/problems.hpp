#pragma once

// The exam: fixed-point problems from the literature and from the tests of other systems, as data. Each is a map in
// double, a start, a stop rule and a solution, so that solvers, adjoints and tables can all run over the same list.
//
//   for (const exam::Problem& problem : exam::problems()) { ... solve(problem.map, problem.start, method, problem.stop)
//   }

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/fixed_point/stop.hpp"
#include "exam/elimination.hpp"

namespace exam {

using basin::Index;
using Vector = basin::Vector<double>;
using Matrix = basin::Matrix<double>;
using In = basin::View<const double>;
using Out = basin::View<double>;

struct Problem {
  std::string name;  ///< number in the exam and what it is
  std::function<void(In, Out)> map;
  Matrix start;  ///< one column
  basin::Stop stop;
  Vector solution;
  double max_error;                                 ///< |z - solution| that a converged z may have
  std::function<Matrix(const Vector&)> jacobian{};  ///< df/dz at z, where it is short to write
  Vector other_solution{};                          ///< where f has a second fixed point that a method may find
  std::vector<double> each_solution{};              ///< where each number by itself may be any of these

  /// Distance from the fixed point, or from the nearer of two.
  [[nodiscard]] double error(const Vector& z) const {
    const double distance = (z - solution).norm();
    if (!each_solution.empty()) {
      double squares = 0;
      for (const double number : z) {
        double nearest = std::abs(number - each_solution[0]);
        for (const double root : each_solution) nearest = std::min(nearest, std::abs(number - root));
        squares += nearest * nearest;
      }
      return std::sqrt(squares);
    }
    return other_solution.size() == 0 ? distance : std::min(distance, (z - other_solution).norm());
  }

  /// f at one point.
  [[nodiscard]] Vector at(const Vector& z) const {
    Vector out(z.size());
    const basin::Shape shape{z.size()};
    map(In(z.data(), shape), Out(out.data(), shape));
    return out;
  }
};

/// Absolute residuals, and no end of patience unless the problem asks for it.
inline basin::Stop absolute(double tolerance, int max_evaluations) {
  return {.tolerance = 0, .absolute_tolerance = tolerance, .max_evaluations = max_evaluations};
}

inline Matrix random_matrix(Index rows, Index columns, unsigned seed) {
  std::mt19937 bits(seed);
  Matrix m(rows, columns);
  for (double& entry : m.reshaped()) entry = static_cast<double>(bits()) / 2147483648.0 - 1.0;
  return m;
}

/// A map written on vectors.
template <class F>
std::function<void(In, Out)> on_vectors(F f) {
  return [f](In z, Out out) { out.vector() = f(Vector(z.vector())); };
}

/// The fixed point next to `start`, by Newton's method with a Jacobian of central differences: an oracle that shares
/// nothing with the methods under test.
inline Vector by_newton(const std::function<void(In, Out)>& map, Vector z) {
  const basin::Shape shape{z.size()};
  const auto g = [&](const Vector& at) {
    Vector out(at.size());
    map(In(at.data(), shape), Out(out.data(), shape));
    return Vector(out - at);
  };
  for (int iteration = 0; iteration < 50; ++iteration) {
    Matrix jacobian(z.size(), z.size());
    for (Index i = 0; i < z.size(); ++i) {
      Vector up = z, down = z;
      up[i] += 1e-6;
      down[i] -= 1e-6;
      jacobian.col(i) = (g(up) - g(down)) / 2e-6;
    }
    const Vector step = eliminated<double>(jacobian, g(z));
    z -= step;
    if (step.norm() < 1e-14 * (1 + z.norm())) break;
  }
  return z;
}

/// 1. x = a x + b.
inline Problem scalar_affine(double a = 0.5, double b = 1) {
  return {"1 a x + b",
          on_vectors([=](const Vector& z) { return Vector((a * z.array() + b).matrix()); }),
          Matrix::Zero(1, 1),
          absolute(1e-12, 100),
          Vector::Constant(1, b / (1 - a)),
          1e-11,
          [=](const Vector&) { return Matrix::Constant(1, 1, a); }};
}

/// 2. x = M x + b with M symmetric of spectral radius 0.49.
struct Affine {
  Matrix m;
  Vector b;
};
inline Affine symmetric_affine(Index n = 200) {
  Matrix m = random_matrix(n, n, 1);
  m = (m + m.transpose()).eval();
  const double radius =
      Eigen::SelfAdjointEigenSolver<Matrix>(m, Eigen::EigenvaluesOnly).eigenvalues().cwiseAbs().maxCoeff();
  return {m * (0.49 / radius), random_matrix(n, 1, 2)};
}
inline Problem symmetric(Index n = 200) {
  const Affine affine = symmetric_affine(n);
  return {"2 M x + b, n = 200",
          on_vectors([affine](const Vector& z) { return Vector(affine.m * z + affine.b); }),
          Matrix::Zero(n, 1),
          absolute(1e-6, 100),
          eliminated<double>(Matrix::Identity(n, n) - affine.m, affine.b),
          2e-6,  // |(I - M)^-1| = 1 / 0.51 times the residual
          [affine](const Vector&) { return affine.m; }};
}

/// 3. Three rates, the slowest 0.999.
inline Problem diagonal() {
  const Vector rates{{0.9, 0.99, 0.999}};
  return {"3 diag(.9,.99,.999)",
          on_vectors([rates](const Vector& z) { return Vector(rates.cwiseProduct(z)); }),
          Vector{{1, 0.4, -0.2}},
          absolute(1e-5, 5000),
          Vector::Zero(3),
          1e-2,
          [rates](const Vector&) { return Matrix(rates.asDiagonal()); }};
}

/// 4. x = cos x + theta; at the second fixed point |f'| = 1.
inline Problem cosine(const Vector& theta = Vector{{0, std::numbers::pi / 2}}) {
  return {"4 cos x + theta",
          on_vectors([theta](const Vector& z) { return Vector(z.array().cos().matrix() + theta); }),
          Vector{{0.3, std::numbers::pi / 4}},
          absolute(1e-6, 100),
          Vector{{0.7390851332151607, std::numbers::pi / 2}},
          1e-6,
          [](const Vector& z) { return Matrix((-z.array().sin()).matrix().asDiagonal()); }};
}

/// 5. Seven plane rotations about the centre (1, 2, ..., 14): Picard's residual never falls.
inline Problem rotations() {
  const Vector divisors{{2, 3, 4, 5, 6, 1.27, 1.73}};
  Matrix r = Matrix::Zero(14, 14);
  for (Index k = 0; k < 7; ++k) {
    const double angle = std::numbers::pi / divisors[k];
    r.block(2 * k, 2 * k, 2, 2) << std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle);
  }
  const Vector centre = Vector::LinSpaced(14, 1, 14);
  return {"5 rotations",
          on_vectors([=](const Vector& z) { return Vector(r * (z - centre) + centre); }),
          Matrix(Vector::LinSpaced(14, 0, 0.9)),
          absolute(1e-4, 400),
          centre,
          1e-3,
          [r](const Vector&) { return r; }};
}

/// Where x^3 = x, or x^2 sin x = x, up to 100 in size.
inline std::vector<double> tuple_roots() {
  std::vector<double> roots{0, 1, -1};
  for (int k = 0; k < 32; ++k) {  // x sin x = 1 next to k pi, where sin x = 1 / x
    double x = k == 0 ? 1.1 : k * std::numbers::pi + (k % 2 == 0 ? 1 : -1) / (k * std::numbers::pi);
    for (int i = 0; i < 20; ++i) x -= (x * std::sin(x) - 1) / (std::sin(x) + x * std::cos(x));
    roots.push_back(x);
    roots.push_back(-x);
  }
  return roots;
}

/// 6. A tuple of three parts: x0^2 sin x0 (3 numbers), x1^3 (2) and -x2 (4). Newton's method goes to fixed points that
/// repel the others: x0^2 sin x0 = x0 at 1.114 in size and further out, x1^3 = x1 at 1.
inline Problem tuple() {
  return {"6 tuple state",
          on_vectors([](const Vector& z) {
            Vector out(9);
            out.head(3) = z.head(3).array().square() * z.head(3).array().sin();
            out.segment(3, 2) = z.segment(3, 2).array().cube();
            out.tail(4) = -z.tail(4);
            return out;
          }),
          Vector{{0.6, 0, -0.1, 0.7, 0.5, -1.0 / 3, 0, 2.0 / 3, -0.4 / 3}},
          absolute(1e-6, 500),
          Vector::Zero(9),
          1e-6,
          [](const Vector& z) {
            Vector slope(9);
            const auto x = z.head(3).array();
            slope.head(3) = 2 * x * x.sin() + x.square() * x.cos();
            slope.segment(3, 2) = 3 * z.segment(3, 2).array().square();
            slope.tail(4).setConstant(-1);
            return Matrix(slope.asDiagonal());
          },
          {},
          tuple_roots()};
}

/// 9. u^2 = p as u = u - (u^2 - p) / 2: the rate is 1 - sqrt p.
inline Problem square_root(double p, double start) {
  return {"9 u^2 = p",
          on_vectors([p](const Vector& z) { return Vector((z.array() - 0.5 * (z.array().square() - p)).matrix()); }),
          Matrix::Constant(1, 1, start),
          absolute(1e-12, 500),
          Vector::Constant(1, std::sqrt(p)),
          1e-10,
          [](const Vector& z) { return Matrix::Constant(1, 1, 1 - z[0]); }};
}

/// 10. KINSOL's analytic system of three equations.
inline Problem kinsol_analytic(double tolerance = 1.49e-6) {
  return {"10 KINSOL analytic",
          on_vectors([](const Vector& v) {
            const double x = v[0], y = v[1], z = v[2];
            return Vector{{std::cos((y - 1) * z) / 3 + 1.0 / 6, std::sqrt(x * x + std::sin(z) + 1.06) / 9 + 0.9,
                           -std::exp(-x * (y - 1)) / 20 - (10 * std::numbers::pi - 3) / 60}};
          }),
          Vector{{0.1, 0.1, -0.1}},
          absolute(tolerance, 100),
          Vector{{0.5, 1, -std::numbers::pi / 6}},
          1e-5,
          [](const Vector& v) {
            const double x = v[0], y = v[1], z = v[2], s = std::sin((y - 1) * z), e = std::exp(-x * (y - 1));
            const double root = std::sqrt(x * x + std::sin(z) + 1.06);
            Matrix j(3, 3);
            j << 0, -s * z / 3, -s * (y - 1) / 3, x / root / 9, 0, std::cos(z) / root / 18, (y - 1) * e / 20,
                x * e / 20, 0;
            return j;
          }};
}

/// 11. Laplace u = u^3 - u - 2 on 31 x 31 interior points of the unit square, zero at the border, five-point stencil:
/// as Jacobi's iteration, whose rate is about cos(pi/32) = 0.995, and through the inverse of the Laplacian (by sines).
inline constexpr Index laplace_n = 31;
inline Vector laplace_jacobi(const Vector& u) {
  constexpr double h2 = 1.0 / (32 * 32);
  const Eigen::Map<const Matrix> grid(u.data(), laplace_n, laplace_n);
  Matrix padded = Matrix::Zero(laplace_n + 2, laplace_n + 2);
  padded.block(1, 1, laplace_n, laplace_n) = grid;
  const Matrix sum = padded.block(0, 1, laplace_n, laplace_n) + padded.block(2, 1, laplace_n, laplace_n) +
                     padded.block(1, 0, laplace_n, laplace_n) + padded.block(1, 2, laplace_n, laplace_n);
  const Matrix out = 0.25 * (sum.array() - h2 * (grid.array().cube() - grid.array() - 2)).matrix();
  return out.reshaped();
}
inline Vector laplace_inverse(const Vector& u) {
  Matrix sines(laplace_n, laplace_n);
  Vector eigenvalues(laplace_n);
  for (Index i = 0; i < laplace_n; ++i) {
    const double k = static_cast<double>(i + 1) * std::numbers::pi / 32;
    eigenvalues[i] = -4096 * std::pow(std::sin(k / 2), 2);  // of the second difference over h^2
    for (Index j = 0; j < laplace_n; ++j) sines(i, j) = 0.25 * std::sin(k * static_cast<double>(j + 1));  // orthogonal
  }
  const Eigen::Map<const Matrix> grid(u.data(), laplace_n, laplace_n);
  Matrix spectrum = sines * (grid.array().cube() - grid.array() - 2).matrix() * sines;
  for (Index j = 0; j < laplace_n; ++j) {
    for (Index i = 0; i < laplace_n; ++i) spectrum(i, j) /= eigenvalues[i] + eigenvalues[j];
  }
  return (sines * spectrum * sines).reshaped();
}
inline Vector laplace_solution() {
  Vector u = Vector::Zero(laplace_n * laplace_n);
  for (int i = 0; i < 40; ++i) u = laplace_inverse(u);  // rate 0.05
  return u;
}
inline Problem laplace_by_jacobi() {
  return {"11 Laplace, Jacobi",  on_vectors(laplace_jacobi), Matrix::Zero(laplace_n * laplace_n, 1),
          absolute(1e-12, 6000), laplace_solution(),         1e-9};  // the smallest eigenvalue of I - J is 0.0048
}
inline Problem laplace_by_inverse() {
  return {"11 Laplace, inverse", on_vectors(laplace_inverse), Matrix::Zero(laplace_n * laplace_n, 1),
          absolute(1e-12, 100),  laplace_solution(),          1e-11};
}

/// 12. Chandrasekhar's H equation, conservative limit c -> 1. There are two solutions, which meet at c = 1; `solution`
/// is the one of physics, the smaller.
inline Problem chandrasekhar(Index n, double c) {
  Matrix kernel(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      const double mu = static_cast<double>(i + 1), nu = static_cast<double>(j + 1);
      kernel(i, j) = c / static_cast<double>(2 * n) * mu / (mu + nu);
    }
  }
  const auto map =
      on_vectors([kernel](const Vector& h) { return Vector((1 - (kernel * h).array()).inverse().matrix()); });
  // Newton finds the larger solution from beyond it; where it finds the first one again, no harm is done.
  Vector second_start = by_newton(map, Vector::Ones(n));
  const double far = 1 + 6 * std::sqrt(1 - c);
  for (Index i = 0; i < n; ++i) second_start[i] = 1 + (second_start[i] - 1) * far * far;
  const std::string digits = std::to_string(c).substr(1, 5);
  return {"12 H, n = " + std::to_string(n) + ", c = " + digits.substr(0, digits.find_last_not_of('0') + 1),
          map,
          Matrix::Ones(n, 1),
          absolute(1e-8, 1000),
          by_newton(map, Vector::Ones(n)),
          5e-6,  // next to c = 1 the error is a hundred times the residual
          [kernel](const Vector& h) {
            const Eigen::ArrayXd out = (1 - (kernel * h).array()).inverse();
            return Matrix(out.square().matrix().asDiagonal() * kernel);
          },
          by_newton(map, second_start)};
}

// 13. Problems of More, Garbow and Hillstrom 1981 (ACM TOMS 7(1)) in the forms that suit fixed points, n = 10. The
// functions F are theirs, by their numbers; the maps are x - F(x) / scale, or F solved for its linear part.

inline Vector mgh_grid() { return Vector::LinSpaced(10, 1.0 / 11, 10.0 / 11); }

/// Number 28, by Jacobi.
inline Problem discrete_boundary_value() {
  const auto map = on_vectors([](const Vector& x) {
    const Vector t = mgh_grid();
    Vector out(10);
    for (Index i = 0; i < 10; ++i) {
      const double left = i > 0 ? x[i - 1] : 0, right = i < 9 ? x[i + 1] : 0;
      out[i] = 0.5 * (left + right - std::pow(x[i] + t[i] + 1, 3) / 242);
    }
    return out;
  });
  const Vector t = mgh_grid(), start = (t.array() * (t.array() - 1)).matrix();
  return {"13 boundary value", map, start, absolute(1e-10, 1000), by_newton(map, start), 1e-8};
}

/// Number 29: the same equation through Green's function, so it has the same solution.
inline Problem discrete_integral() {
  const auto map = on_vectors([](const Vector& x) {
    const Vector t = mgh_grid(), cube = (x + t).array().operator+(1).cube().matrix();
    Vector out(10);
    for (Index i = 0; i < 10; ++i) {
      double sum = 0;
      for (Index j = 0; j < 10; ++j) sum += (j <= i ? (1 - t[i]) * t[j] : t[i] * (1 - t[j])) * cube[j];
      out[i] = -sum / 22;
    }
    return out;
  });
  const Vector t = mgh_grid(), start = (t.array() * (t.array() - 1)).matrix();
  return {"13 integral equation", map, start, absolute(1e-10, 100), by_newton(map, start), 1e-9};
}

/// Number 30.
inline Vector broyden_tridiagonal_f(const Vector& x) {
  Vector f(x.size());
  for (Index i = 0; i < x.size(); ++i) {
    const double left = i > 0 ? x[i - 1] : 0, right = i + 1 < x.size() ? x[i + 1] : 0;
    f[i] = (3 - 2 * x[i]) * x[i] - left - 2 * right + 1;
  }
  return f;
}
inline Problem broyden_tridiagonal() {
  const auto map = on_vectors([](const Vector& x) { return Vector(x - broyden_tridiagonal_f(x) / 6); });
  const Vector start = Vector::Constant(10, -1);
  return {"13 tridiagonal", map, start, absolute(1e-10, 300), by_newton(map, start), 1e-8};
}

/// Number 31.
inline Vector broyden_banded_f(const Vector& x) {
  Vector f(x.size());
  for (Index i = 0; i < x.size(); ++i) {
    f[i] = x[i] * (2 + 5 * x[i] * x[i]) + 1;
    for (Index j = std::max<Index>(0, i - 5); j <= std::min(x.size() - 1, i + 1); ++j) {
      if (j != i) f[i] -= x[j] * (1 + x[j]);
    }
  }
  return f;
}
inline Problem broyden_banded() {
  const auto map = on_vectors([](const Vector& x) { return Vector(x - broyden_banded_f(x) / 8); });
  const Vector start = Vector::Constant(10, -1);
  return {"13 banded", map, start, absolute(1e-10, 300), by_newton(map, Vector::Constant(10, -0.4)), 1e-8};
}

/// Number 27, as x - F(x) / scale. With scale 1 Picard's rate is the sum of a row, far above one; with 11 it is 0.91.
inline Vector brown_almost_linear_f(const Vector& x) {
  Vector f = (x.array() + (x.sum() - 11)).matrix();
  f[9] = x.prod() - 1;
  return f;
}
inline Problem brown_almost_linear(double scale) {
  // n a^n - (n + 1) a^(n - 1) + 1 = 0 has two real roots a, one of them 1; x = (a, ..., a, a^(1 - n)).
  Vector other = Vector::Constant(10, 0.979430309);
  other[9] = std::pow(0.979430309, -9);
  const auto map = on_vectors([scale](const Vector& x) { return Vector(x - brown_almost_linear_f(x) / scale); });
  return {scale == 1 ? "13 Brown, scale 1" : "13 Brown, scale 11",
          map,
          Matrix::Constant(10, 1, 0.5),
          absolute(1e-10, 1000),
          Vector::Ones(10),
          1e-7,
          {},
          by_newton(map, other)};
}

/// All of them, in the order of the exam.
inline std::vector<Problem> problems() {
  std::vector<Problem> all{
      scalar_affine(),   symmetric(),         diagonal(),          cosine(), rotations(), tuple(), square_root(2, 1),
      kinsol_analytic(), laplace_by_jacobi(), laplace_by_inverse()};
  for (const Index n : {10, 100}) {
    for (const double c : {0.9, 0.99, 0.9999}) all.push_back(chandrasekhar(n, c));
  }
  for (Problem& problem : std::vector<Problem>{discrete_boundary_value(), discrete_integral(), broyden_tridiagonal(),
                                               broyden_banded(), brown_almost_linear(11), brown_almost_linear(1)}) {
    all.push_back(std::move(problem));
  }
  return all;
}

}  // namespace exam
