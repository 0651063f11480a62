#include "basin/train/evolution.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "basin/layers/dense.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

using Model = Dense<2, 1>;  // three parameters
using Theta3 = Parameters<Model, double>;

const Random random_numbers{7, 9};

/// c + b^T x + x^T A x.
double quadratic(const Theta3& theta) {
  Matrix<double> A(3, 3);
  A << 2, -1, 0, 0.5, 1, 0, 3, 0, -1;
  const Vector<double> x = theta.vector();
  return 4 + Vector<double>::LinSpaced(3, 1, 2).dot(x) + x.dot(A * x);
}
Vector<double> slope(const Theta3& theta) {
  Matrix<double> A(3, 3);
  A << 2, -1, 0, 0.5, 1, 0, 3, 0, -1;
  return Vector<double>::LinSpaced(3, 1, 2) + (A + A.transpose()) * theta.vector();
}

}  // namespace

TEST_CASE("evolution strategies give the mean of projections on their perturbations", "[unit]") {
  const Theta3 theta = test::random_parameters<Model>(1);
  constexpr Index pairs = 5;
  // Of a quadratic, the difference of a mirrored pair is exactly the slope along it, whatever the deviation.
  Vector<double> expected = Vector<double>::Zero(3);
  for (Index p = 0; p < pairs; ++p) {
    Vector<double> e(3);
    for (Index i = 0; i < 3; ++i)
      e[i] = random_numbers.normal((static_cast<std::uint64_t>(p) << 32) + static_cast<std::uint64_t>(i));
    expected += e.dot(slope(theta)) / pairs * e;
  }
  for (const double deviation : {0.01, 0.5}) {
    const auto of = evolution_gradient(theta, random_numbers, {pairs, deviation},
                                       [](const Theta3& at, Index) { return quadratic(at); });
    CHECK(test::relative_error(of.gradient.vector(), expected) < 1e-10);
    CHECK(of.left_out == 0);
  }
}

TEST_CASE("many pairs come to the gradient", "[unit]") {
  const Theta3 theta = test::random_parameters<Model>(1);
  const auto of =
      evolution_gradient(theta, random_numbers, {20000, 0.1}, [](const Theta3& at, Index) { return quadratic(at); });
  // The error of P pairs in n parameters is some sqrt((n + 1) / P) of the gradient: .014.
  CHECK(test::relative_error(of.gradient.vector(), slope(theta)) < 0.05);
  CHECK(of.value == Approx(quadratic(theta) + 0.01 * (2 + 1 - 1)).epsilon(0.01));  // of the smoothed loss: s^2 tr A
}

TEST_CASE("evolution strategies are the same on any number of threads", "[repeatable]") {
  const Theta3 theta = test::random_parameters<Model>(1);
  const auto with = [&](int count) {
    set_threads(count);
    const auto of = evolution_gradient(theta, random_numbers, {7, 0.1}, [](const Theta3& at, Index p) {
      return quadratic(at) * static_cast<double>(p + 1);
    });
    set_threads(0);
    Vector<double> all(4);
    all << of.value, of.gradient.vector();
    return all;
  };
  CHECK(with(1) == with(2));
  CHECK(with(1) == with(3));
}

TEST_CASE("pairs without a finite loss are left out, and told", "[unit]") {
  const Theta3 theta = test::random_parameters<Model>(1);
  const auto some = evolution_gradient(theta, random_numbers, {4, 0.1}, [](const Theta3& at, Index p) {
    return p == 2 ? std::numeric_limits<double>::quiet_NaN() : quadratic(at);
  });
  CHECK(some.left_out == 1);
  Vector<double> expected = Vector<double>::Zero(3);
  for (const Index p : {Index{0}, Index{1}, Index{3}}) {
    Vector<double> e(3);
    for (Index i = 0; i < 3; ++i)
      e[i] = random_numbers.normal((static_cast<std::uint64_t>(p) << 32) + static_cast<std::uint64_t>(i));
    expected += e.dot(slope(theta)) / 3 * e;
  }
  CHECK(test::relative_error(some.gradient.vector(), expected) < 1e-10);
  const auto none = evolution_gradient(theta, random_numbers, {4, 0.1},
                                       [](const Theta3&, Index) { return std::numeric_limits<double>::infinity(); });
  CHECK(none.left_out == 4);
  CHECK(std::isnan(none.value));
  CHECK(none.gradient.vector().isZero());
  const auto loss = [](const Theta3&, Index) { return 0.0; };
  CHECK_THROWS_WITH(evolution_gradient(theta, random_numbers, {0, 0.1}, loss), Catch::Contains("number of pairs"));
  CHECK_THROWS_WITH(evolution_gradient(theta, random_numbers, {4, 0}, loss), Catch::Contains("deviation"));
}
