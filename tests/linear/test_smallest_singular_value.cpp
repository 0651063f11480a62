#include "basin/linear/smallest_singular_value.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "basin/core/random.hpp"

using namespace basin;

namespace {

Matrix<double> random_matrix(Index rows, Index columns, std::uint64_t seed) {
  Matrix<double> m(rows, columns);
  const Random random{seed, 8};
  for (Index i = 0; i < m.size(); ++i) m.data()[i] = random.normal(static_cast<std::uint64_t>(i));
  return m;
}

Matrix<double> orthogonal(Index n, std::uint64_t seed) {
  return Eigen::HouseholderQR<Matrix<double>>(random_matrix(n, n, seed)).householderQ();
}

/// U diag(s) V^T with random U and V.
Matrix<double> with_singular_values(const Vector<double>& s, std::uint64_t seed) {
  return orthogonal(s.size(), seed) * s.asDiagonal() * orthogonal(s.size(), seed + 1).transpose();
}

template <class S = double>
SmallestSingularValue of(const Matrix<double>& matrix, const SingularValueOptions& options = {}) {
  const Matrix<S> a = matrix.cast<S>();
  int calls = 0;
  const auto apply = [&](View<const S> v, View<S> out) {
    ++calls;
    out.vector().noalias() = a * v.vector();
  };
  const auto transposed = [&](View<const S> v, View<S> out) {
    ++calls;
    out.vector().noalias() = a.transpose() * v.vector();
  };
  const Matrix<S> start = random_matrix(matrix.rows(), 1, 99).cast<S>();
  const SmallestSingularValue result = smallest_singular_value(apply, transposed, start, options);
  CHECK(calls == result.evaluations);
  return result;
}

double dense(const Matrix<double>& a) { return Eigen::JacobiSVD<Matrix<double>>(a).singularValues().minCoeff(); }

}  // namespace

TEMPLATE_TEST_CASE("the smallest singular value of a diagonal matrix", "[unit][singular]", float, double) {
  Vector<double> s = Vector<double>::LinSpaced(120, 0.5, 2);
  s[70] = -0.01;
  s[71] = 0.02;
  const SmallestSingularValue result = of<TestType>(s.asDiagonal());
  CHECK(result.status == Status::converged);
  CHECK(result.residual <= 1e-3 * result.value);
  // The value errs by the square of the residual; in float also by its rounding, relative to the norm of A.
  CHECK(result.value == Approx(0.01).epsilon(std::is_same_v<TestType, float> ? 1e-4 : 1e-5));
}

TEST_CASE("the smallest singular value of a matrix near the identity needs few evaluations", "[unit][singular]") {
  // As I - J where a fixed point draws in strongly.
  const Matrix<double> a = Matrix<double>::Identity(200, 200) - 0.02 * random_matrix(200, 200, 1);
  const SmallestSingularValue result = of(a, {.tolerance = 1e-4});
  CHECK(result.status == Status::converged);
  CHECK(result.failed_solves == 0);
  CHECK(result.value == Approx(dense(a)).epsilon(1e-6));
  CHECK(result.evaluations < 400);
}

TEST_CASE("the smallest singular value of a non-normal matrix is far below its eigenvalues", "[unit][singular]") {
  // All eigenvalues are 1; the singular values are not.
  Matrix<double> a = Matrix<double>::Identity(12, 12);
  for (Index i = 0; i + 1 < a.rows(); ++i) a(i, i + 1) = 2;
  const double exact = dense(a);
  REQUIRE(exact < 1e-3);
  const SmallestSingularValue result = of(a);
  CHECK(result.status == Status::converged);
  CHECK(result.value == Approx(exact).epsilon(1e-5));
}

TEST_CASE("clusters of small singular values slow the search down but do not mislead it", "[unit][singular]") {
  Vector<double> s = Vector<double>::LinSpaced(150, 0.3, 1);
  s.head(6) << 0.1, 0.1001, 0.101, 0.102, 0.11, 0.12;
  const Matrix<double> a = with_singular_values(s, 3);
  const SmallestSingularValue result = of(a, {.tolerance = 1e-6, .inner_steps = 500});
  CHECK(result.status == Status::converged);
  CHECK(result.value == Approx(0.1).epsilon(1e-9));
}

TEST_CASE("a basis of four is enough, and is restarted", "[unit][singular]") {
  Vector<double> s = Vector<double>::LinSpaced(80, 0.4, 1);
  s[0] = 0.2;
  s[1] = 0.25;
  const SmallestSingularValue result =
      of(with_singular_values(s, 5), {.dimension = 4, .tolerance = 1e-5, .inner_steps = 200});
  CHECK(result.status == Status::converged);
  CHECK(result.iterations > 3);
  CHECK(result.value == Approx(0.2).epsilon(1e-7));
}

TEST_CASE("a singular matrix has the singular value zero", "[unit][singular]") {
  const SmallestSingularValue zero = of(Matrix<double>::Zero(30, 30));
  CHECK(zero.status == Status::converged);
  CHECK(zero.value == 0);

  Vector<double> s = Vector<double>::Ones(40);
  s[3] = 0;
  const SmallestSingularValue two_values = of(with_singular_values(s, 7));
  CHECK(two_values.status == Status::converged);
  CHECK(two_values.value < 1e-14);

  // Solves with it cannot succeed; the value still comes down to the rounding.
  s = Vector<double>::LinSpaced(40, 0, 1);
  const SmallestSingularValue spread = of(with_singular_values(s, 9), {.max_iterations = 100});
  CHECK(spread.failed_solves > 0);
  CHECK(spread.value < 1e-6);
}

TEST_CASE("small matrices end with the whole space", "[unit][singular]") {
  const SmallestSingularValue one = of(Matrix<double>::Constant(1, 1, -0.25));
  CHECK(one.status == Status::converged);
  CHECK(one.value == 0.25);
  for (Index n = 2; n < 7; ++n) {
    const Matrix<double> a = random_matrix(n, n, 20 + static_cast<std::uint64_t>(n));
    const SmallestSingularValue result = of(a, {.tolerance = 1e-12});
    CAPTURE(n);
    CHECK(result.status == Status::converged);
    CHECK(result.value == Approx(dense(a)).epsilon(1e-10));
  }
}

TEST_CASE("whatever the solves do, the value is an upper bound", "[unit][singular]") {
  const Matrix<double> a = with_singular_values(Vector<double>::LinSpaced(100, 1e-4, 1), 11);
  double before = std::numeric_limits<double>::infinity();
  for (const int iterations : {0, 1, 3, 10}) {
    const SmallestSingularValue result = of(a, {.max_iterations = iterations, .inner_steps = 1});
    CAPTURE(iterations);
    CHECK(result.status == Status::max_iterations);
    CHECK(result.failed_solves == iterations);
    CHECK(result.iterations == iterations);
    CHECK(result.value >= 1e-4);
    CHECK(result.value < before);
    before = result.value;
  }
}

TEST_CASE("a product that is not finite makes no smallest singular value, whichever it is", "[unit][singular]") {
  const Matrix<double> a = with_singular_values(Vector<double>::LinSpaced(12, 0.05, 1), 3);
  const Matrix<double> start = random_matrix(12, 1, 99);
  int calls = 0, broken = -1;
  const auto product = [&](const Matrix<double>& matrix, View<const double> v, View<double> out) {
    out.vector() = matrix * v.vector();
    if (calls++ == broken) out.vector()[7] = std::numeric_limits<double>::infinity();
  };
  const auto run = [&] {
    calls = 0;
    return smallest_singular_value([&](View<const double> v, View<double> out) { product(a, v, out); },
                                   [&](View<const double> v, View<double> out) { product(a.transpose(), v, out); },
                                   start, {.max_iterations = 3, .inner_steps = 3});
  };
  const int all = static_cast<int>(run().evaluations);
  for (broken = 0; broken < all; ++broken) {
    const SmallestSingularValue result = run();
    CHECK(result.status == Status::non_finite);
    CHECK((std::isnan(result.value) && std::isnan(result.residual)));
  }
}

TEST_CASE("the smallest singular value says what it cannot take", "[unit][singular]") {
  Matrix<double> bad = Matrix<double>::Identity(5, 5);
  bad(2, 2) = std::numeric_limits<double>::infinity();
  const SmallestSingularValue broken = of(bad);
  CHECK(broken.status == Status::non_finite);
  CHECK(std::isnan(broken.value));

  const auto copy = [](View<const double> v, View<double> out) { out.vector() = v.vector(); };
  const auto value = [&](const Matrix<double>& start, const SingularValueOptions& options = {}) {
    return smallest_singular_value(copy, copy, start, options);
  };
  const Matrix<double> start = Matrix<double>::Ones(3, 1);
  CHECK(value(start).value == Approx(1).epsilon(1e-15));
  CHECK_THROWS_WITH(value(0 * start),
                    "smallest_singular_value: norm of the start is 0, expected a positive finite number");
  CHECK_THROWS_WITH(value(Matrix<double>::Ones(3, 2)),
                    "smallest_singular_value: samples of the start is 2, expected 1");
  CHECK_THROWS_WITH(value(start, {.dimension = 2}), "dimension of SingularValueOptions is 2, expected 4 or more");
  CHECK_THROWS_WITH(value(start, {.tolerance = -1}),
                    "tolerance of SingularValueOptions is -1, expected a finite number, 0 or more");
  CHECK_THROWS_WITH(value(start, {.max_iterations = -1}),
                    "max_iterations of SingularValueOptions is -1, expected 0 or more");
  CHECK_THROWS_WITH(value(start, {.inner_tolerance = -1}),
                    "inner_tolerance of SingularValueOptions is -1, expected 0 or more");
  CHECK_THROWS_WITH(value(start, {.inner_steps = 0}), "inner_steps of SingularValueOptions is 0, expected 1 or more");
}
