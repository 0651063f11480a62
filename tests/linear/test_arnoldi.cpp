#include "basin/linear/arnoldi.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "basin/core/random.hpp"

using namespace basin;

namespace {

Matrix<double> random_matrix(Index rows, Index columns, std::uint64_t seed) {
  Matrix<double> m(rows, columns);
  const Random random{seed, 7};
  for (Index i = 0; i < m.size(); ++i) m.data()[i] = random.normal(static_cast<std::uint64_t>(i));
  return m;
}

Matrix<double> rotation(double angle) {
  Matrix<double> r(2, 2);
  r << std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle);
  return r;
}

/// A similar matrix with orthonormal eigenvectors where `a` has them.
Matrix<double> hidden(const Matrix<double>& a, std::uint64_t seed) {
  const Matrix<double> q = Eigen::HouseholderQR<Matrix<double>>(random_matrix(a.rows(), a.rows(), seed)).householderQ();
  return q * a * q.transpose();
}

template <class S>
struct Counted {
  Matrix<S> a;
  mutable int calls = 0;

  explicit Counted(const Matrix<double>& matrix) : a(matrix.cast<S>()) {}

  void operator()(View<const S> v, View<S> out) const {
    ++calls;
    out.vector().noalias() = a * v.vector();
  }
};

template <class S = double>
SpectralRadius radius_of(const Matrix<double>& a, const ArnoldiOptions& options = {}) {
  const Counted<S> op(a);
  const Matrix<S> start = random_matrix(a.rows(), 1, 99).cast<S>();
  const SpectralRadius result = spectral_radius(op, start, options);
  CHECK(op.calls == result.evaluations);
  return result;
}

double dense_radius(const Matrix<double>& a) {
  return Eigen::EigenSolver<Matrix<double>>(a, false).eigenvalues().cwiseAbs().maxCoeff();
}

}  // namespace

TEMPLATE_TEST_CASE("the spectral radius of a symmetric matrix is its largest |eigenvalue|", "[unit][arnoldi]", float,
                   double) {
  Vector<double> values = Vector<double>::LinSpaced(300, -1, 1);
  values[17] = -1.25;  // outermost, and negative
  const bool single = std::is_same_v<TestType, float>;
  const SpectralRadius result =
      radius_of<TestType>(hidden(values.asDiagonal(), 1), {.tolerance = single ? 1e-4 : 1e-9});
  CHECK(result.status == Status::converged);
  // Of a symmetric matrix an eigenvalue is good to the square of the residual over the gap.
  CHECK(result.eigenvalue.real() == Approx(-1.25).epsilon(single ? 1e-6 : 1e-13));
  CHECK(result.eigenvalue.imag() == 0);
  CHECK(result.value == std::abs(result.eigenvalue));
}

TEST_CASE("an outermost pair of complex eigenvalues is found as a pair", "[unit][arnoldi]") {
  Matrix<double> a = Matrix<double>::Zero(200, 200);
  a.diagonal() = Vector<double>::LinSpaced(200, -0.9, 0.9);
  a.block(40, 40, 2, 2) = 1.1 * rotation(2.0);
  a.block(90, 90, 2, 2) = 1.05 * rotation(0.5);
  const SpectralRadius result = radius_of(hidden(a, 2), {.dimension = 24, .tolerance = 1e-10});
  CHECK(result.status == Status::converged);
  CHECK(result.restarts > 0);
  CHECK(result.value == Approx(1.1).epsilon(1e-9));
  CHECK(result.eigenvalue.real() == Approx(1.1 * std::cos(2.0)).epsilon(1e-9));
  CHECK(result.eigenvalue.imag() == Approx(1.1 * std::sin(2.0)).epsilon(1e-9));
  CHECK(result.residual <= 1e-10 * 1.1);
}

TEST_CASE("real eigenvalues of both signs and a pair on one circle do not confuse each other", "[unit][arnoldi]") {
  // Power iteration would not converge here; all four have the modulus 1.
  Matrix<double> a = Matrix<double>::Zero(120, 120);
  a.diagonal() = Vector<double>::LinSpaced(120, -0.95, 0.95);
  a(0, 0) = 1;
  a(1, 1) = -1;
  a.block(2, 2, 2, 2) = rotation(2 * std::numbers::pi / 7);
  const SpectralRadius result = radius_of(hidden(a, 3), {.dimension = 30, .tolerance = 1e-10});
  CHECK(result.status == Status::converged);
  CHECK(result.value == Approx(1).epsilon(1e-9));
}

TEST_CASE("the spectral radius of a non-normal matrix is not its norm", "[unit][arnoldi]") {
  // Upper triangular: the eigenvalues are the diagonal, whatever stands above it.
  Matrix<double> a = 0.3 * random_matrix(100, 100, 4).triangularView<Eigen::StrictlyUpper>().toDenseMatrix();
  a.diagonal() = Vector<double>::LinSpaced(100, -0.5, 0.5);
  a.block(60, 60, 1, 1) << 3;
  REQUIRE(a.norm() > 20);
  const SpectralRadius result = radius_of(hidden(a, 5), {.tolerance = 1e-8, .restarts = 100});
  CHECK(result.status == Status::converged);
  CHECK(result.value == Approx(3).epsilon(1e-5));

  // A random matrix of any entries, against all its eigenvalues: a cloud, whose rim is dense.
  const Matrix<double> cloud = random_matrix(100, 100, 6) / 10.0;
  const SpectralRadius rim = radius_of(cloud, {.tolerance = 1e-9, .restarts = 300});
  CHECK(rim.status == Status::converged);
  CHECK(rim.value == Approx(dense_radius(cloud)).epsilon(1e-7));
}

TEST_CASE("small and defective matrices end with an invariant space", "[unit][arnoldi]") {
  const Matrix<double> one = Matrix<double>::Constant(1, 1, -0.25);
  CHECK(radius_of(one).value == 0.25);
  CHECK(radius_of(one).status == Status::converged);

  const SpectralRadius identity = radius_of(Matrix<double>::Identity(50, 50));
  CHECK(identity.value == Approx(1).epsilon(1e-14));
  CHECK(identity.status == Status::converged);
  CHECK(identity.evaluations == 2);  // one to see that nothing is new, one to measure

  const SpectralRadius zero = radius_of(Matrix<double>::Zero(50, 50));
  CHECK(zero.value == 0);
  CHECK(zero.status == Status::converged);

  // A Jordan block: twice 0.5, with one eigenvector; its eigenvalues move by the root of the rounding.
  const Matrix<double> jordan = (Matrix<double>(2, 2) << 0.5, 1, 0, 0.5).finished();
  const SpectralRadius defective = radius_of(jordan);
  CHECK(defective.status == Status::converged);
  CHECK(defective.value == Approx(0.5).margin(1e-7));

  const Matrix<double> nilpotent = (Matrix<double>(3, 3) << 0, 1, 0, 0, 0, 1, 0, 0, 0).finished();
  CHECK(radius_of(nilpotent).status == Status::converged);
  CHECK(radius_of(nilpotent).value < 1e-4);

  const Matrix<double> quarter = rotation(std::numbers::pi / 2);
  CHECK(radius_of(quarter).value == Approx(1).epsilon(1e-14));
  CHECK(radius_of(quarter).eigenvalue.imag() == Approx(1).epsilon(1e-14));
}

TEST_CASE("restarts lose nothing", "[unit][arnoldi]") {
  // The same matrix with a large basis and with a small one; the small one has to restart often.
  const Matrix<double> a = hidden(Vector<double>::LinSpaced(200, 0, 1).asDiagonal(), 8);
  const SpectralRadius large = radius_of(a, {.dimension = 100, .tolerance = 1e-8});
  const SpectralRadius small = radius_of(a, {.dimension = 16, .tolerance = 1e-8, .restarts = 500});
  CHECK(large.status == Status::converged);
  CHECK(small.status == Status::converged);
  CHECK(small.restarts > 3);
  CHECK(large.value == Approx(1).epsilon(1e-9));
  CHECK(small.value == Approx(1).epsilon(1e-9));
}

TEST_CASE("a spectral radius that was not reached says so", "[unit][arnoldi]") {
  const Matrix<double> a = hidden(Vector<double>::LinSpaced(200, 0, 1).asDiagonal(), 8);
  const SpectralRadius result = radius_of(a, {.dimension = 10, .tolerance = 1e-10, .restarts = 2});
  CHECK(result.status == Status::max_iterations);
  CHECK(result.restarts == 2);
  CHECK(result.residual > 1e-10);
  CHECK(result.value < 1);  // a Ritz value of a symmetric matrix is inside its spectrum

  Matrix<double> bad = Matrix<double>::Identity(8, 8);
  bad(3, 4) = std::numeric_limits<double>::quiet_NaN();
  const SpectralRadius broken = radius_of(bad);
  CHECK(broken.status == Status::non_finite);
  CHECK(std::isnan(broken.value));
}

TEST_CASE("a product that is not finite makes no spectral radius, whichever it is", "[unit][arnoldi]") {
  const Matrix<double> a = hidden(Vector<double>::LinSpaced(30, 0, 1).asDiagonal(), 8);
  const Matrix<double> start = random_matrix(30, 1, 99);
  int calls = 0, broken = -1;
  const auto breaks = [&](View<const double> v, View<double> out) {
    out.vector() = a * v.vector();
    if (calls++ == broken) out.vector()[7] = std::numeric_limits<double>::infinity();
  };
  const ArnoldiOptions options{.dimension = 8, .tolerance = 1e-3, .restarts = 2};
  const int all = static_cast<int>(spectral_radius(breaks, start, options).evaluations);
  CHECK(calls == all);
  for (broken = 0; broken < all; ++broken) {
    calls = 0;
    const SpectralRadius result = spectral_radius(breaks, start, options);
    CHECK(result.status == Status::non_finite);
    CHECK((std::isnan(result.value) && std::isnan(result.residual)));
  }
}

TEST_CASE("the spectral radius takes a state on a grid as its start, and refuses bad ones", "[unit][arnoldi]") {
  const Shape shape{2, {4, 3, 1}, 1};
  State<double> start(shape);
  const auto shift = [](View<const double> v, View<double> out) {
    for (Index i = 0; i < v.size(); ++i) out.data()[i] = 0.5 * v.data()[(i + 1) % v.size()];
  };
  CHECK_THROWS_WITH(spectral_radius(shift, start),
                    "spectral_radius: norm of the start is 0, expected a positive finite number");
  start.values[0] = 1;
  const SpectralRadius result = spectral_radius(shift, start);
  CHECK(result.value == Approx(0.5).epsilon(1e-12));  // all its eigenvalues lie on one circle
  CHECK_THROWS_WITH(spectral_radius(shift, Matrix<double>(Matrix<double>::Ones(3, 2))),
                    "spectral_radius: samples of the start is 2, expected 1");
  CHECK_THROWS_WITH(spectral_radius(shift, start, {.dimension = 3}),
                    "dimension of ArnoldiOptions is 3, expected 4 or more");
  CHECK_THROWS_WITH(spectral_radius(shift, start, {.tolerance = -1}),
                    "tolerance of ArnoldiOptions is -1, expected a finite number, 0 or more");
  CHECK_THROWS_WITH(spectral_radius(shift, start, {.restarts = -1}),
                    "restarts of ArnoldiOptions is -1, expected 0 or more");
}
