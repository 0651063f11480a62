#include "basin/fixed_point/attractor.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "basin/fixed_point/stability.hpp"
#include "exam/small_cells.hpp"
#include "fixed_point/number_maps.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// f(z, u) = A z + u for every sample's vector; theta is one number that is not used.
struct Affine {
  Matrix<double> a;

  template <class S>
  Vector<S> value(const Vector<S>& z, const Vector<S>& u, const Vector<S>&) const {
    return a.cast<S>() * z + u;
  }
  template <class S>
  Matrix<S> by_z(const Vector<S>&, const Vector<S>&, const Vector<S>&) const {
    return a.cast<S>();
  }
  template <class S>
  Matrix<S> by_u(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Identity(z.size(), z.size());
  }
  template <class S>
  Matrix<S> by_theta(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Zero(z.size(), 1);
  }
};

/// Turns the plane by `angle` and draws it towards the circle of radius 1: g R z with g = 1.2 - 0.2 |z|^2, whose
/// derivative at the circle is R (I - 0.4 z z^T): 1 along the circle and 0.6 across it.
struct Circling {
  double angle;

  template <class S>
  Matrix<S> rotation() const {
    Matrix<S> r(2, 2);
    r(0, 0) = r(1, 1) = static_cast<S>(std::cos(angle));
    r(1, 0) = static_cast<S>(std::sin(angle));
    r(0, 1) = -r(1, 0);
    return r;
  }
  template <class S>
  Vector<S> value(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return (S(1.2) - S(0.2) * z.squaredNorm()) * (rotation<S>() * z);
  }
  template <class S>
  Matrix<S> by_z(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    const Matrix<S> r = rotation<S>();
    return (S(1.2) - S(0.2) * z.squaredNorm()) * r - S(0.4) * (r * z) * z.transpose();
  }
  template <class S>
  Matrix<S> by_u(const Vector<S>&, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Zero(2, 2);
  }
  template <class S>
  Matrix<S> by_theta(const Vector<S>&, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Zero(2, 1);
  }
};

const std::array<double, 1> one_theta{0};

}  // namespace

TEST_CASE("a contraction has period 1", "[unit][attractor]") {
  const Matrix<double> a = 0.1 * random_matrix(4, 4, 3);
  const SmallCell<Affine, 4, 1> cell{{a}};
  const State<double> u = random_state(Shape{4, {1, 1, 1}, 1}, 4);
  const auto found = find_attractor(cell, one_theta, u, State<double>(u.shape), {.settle = 100});
  CHECK(found.period == 1);
  CHECK(found.steps == 100);
  REQUIRE(found.phases.size() == 1);
  const Vector<double> exact = (Matrix<double>::Identity(4, 4) - a).partialPivLu().solve(u.values);
  CHECK(relative_error(found.state().values, exact) < 1e-14);
  CHECK(found.residual < 1e-15);
  CHECK(found.residual_rms <= found.residual);
  CHECK(found.relative_residual < 1e-15);
  CHECK(found.cycle_residual < 1e-15);

  const Stability linear = stability(cell, one_theta, u, found);
  CHECK(linear.multiplier.status == Status::converged);
  CHECK(linear.singular.status == Status::converged);
  const double radius = Eigen::EigenSolver<Matrix<double>>(a, false).eigenvalues().cwiseAbs().maxCoeff();
  CHECK(linear.multiplier.value == Approx(radius).epsilon(1e-12));
  const Matrix<double> gap = Matrix<double>::Identity(4, 4) - a;
  CHECK(linear.singular.value ==
        Approx(Eigen::JacobiSVD<Matrix<double>>(gap).singularValues().minCoeff()).epsilon(1e-10));
}

TEST_CASE("a turn by a seventh has period 7, and its multipliers", "[unit][attractor]") {
  const SmallCell<Circling, 2, 1> cell{{2 * std::numbers::pi / 7}};
  const State<double> u(Shape{2, {1, 1, 1}, 1});
  State<double> z0(u.shape);
  z0.values[0] = 0.3;
  const auto found = find_attractor(cell, one_theta, u, z0, {.settle = 300});
  CHECK(found.period == 7);
  REQUIRE(found.phases.size() == 7);
  CHECK(found.cycle_residual < 1e-12);
  CHECK(found.relative_residual == Approx(2 * std::sin(std::numbers::pi / 7)).epsilon(1e-9));
  CHECK(found.state().values.norm() == Approx(1).epsilon(1e-12));
  // The phases follow each other, and the last is followed by the first.
  for (std::size_t i = 0; i < 7; ++i) {
    State<double> next(u.shape);
    cell.apply(one_theta, found.phases[i].view(), u.view(), next.view());
    CHECK(relative_error(next.values, found.phases[(i + 1) % 7].values) < 1e-12);
  }
  // Of seven steps: 1 along the circle, which is full of such cycles, and 0.6^7 across.
  const Stability linear = stability(cell, one_theta, u, found);
  CHECK(linear.multiplier.value == Approx(1).epsilon(1e-9));
  CHECK(linear.singular.value < 1e-9);

  // A whole number of turns is looked for as far as it is said, and no farther.
  CHECK(find_attractor(cell, one_theta, u, z0, {.settle = 300, .max_period = 7}).period == 7);
  const auto none = find_attractor(cell, one_theta, u, z0, {.settle = 300, .max_period = 6});
  CHECK(none.period == 0);
  CHECK(none.phases.size() == 1);
  CHECK(std::isinf(none.cycle_residual));
  CHECK(none.relative_residual == Approx(2 * std::sin(std::numbers::pi / 7)).epsilon(1e-9));
}

TEST_CASE("the cycles of the logistic map", "[unit][attractor]") {
  const EachNumber<Logistic> cell;
  const Shape shape{1, {1, 1, 1}, 1};
  const State<double> z0 = filled(shape, 0.3);
  const auto at = [&](double r, const AttractorOptions& options = {}) {
    const State<double> u = filled(shape, r);
    return find_attractor(cell, no_theta, u, z0, options);
  };
  CHECK(at(2.8).period == 1);
  CHECK(at(3.5).period == 4);
  CHECK(at(3.55).period == 8);
  CHECK(at(3.83).period == 3);
  CHECK(at(3.9).period == 0);
  // The cycle of two has the multiplier 4 + 2 r - r^2.
  const auto two = at(3.2);
  REQUIRE(two.period == 2);
  const State<double> u = filled(shape, 3.2);
  const Stability linear = stability(cell, no_theta, u, two);
  CHECK(linear.multiplier.eigenvalue.real() == Approx(0.16).epsilon(1e-12));
  CHECK(linear.singular.value == Approx(0.84).epsilon(1e-12));
  CHECK(two.residual == Approx(std::sqrt(0.2 * 4.2) / 3.2).epsilon(1e-12));  // sqrt((r - 3)(r + 1)) / r
}

TEST_CASE("what creeps or drifts is no attractor", "[unit][attractor]") {
  const Shape shape{3, {1, 1, 1}, 1};
  const SmallCell<Affine, 3, 1> drift{{Matrix<double>::Identity(3, 3)}};
  const State<double> z0(shape), fast = filled(shape, 1e-7), slow = filled(shape, 1e-8);
  // The window is 2 max_period + 1 = 129 steps: 1e-7 a step is 1.29e-5 in all, above the tolerance.
  const auto moved = find_attractor(drift, one_theta, fast, z0);
  CHECK(moved.period == 0);
  CHECK(moved.residual == Approx(1e-7).epsilon(1e-6));
  CHECK(moved.steps > 8000);  // it went on looking
  CHECK(moved.steps <= 16000);
  CHECK(moved.state().values[0] > 1e-7 * 8000);
  // 1e-8 a step is within it. Only the residual tells.
  const auto crept = find_attractor(drift, one_theta, slow, z0);
  CHECK(crept.period == 1);
  CHECK(crept.residual == Approx(1e-8).epsilon(1e-5));
  CHECK(crept.cycle_residual == Approx(128e-8).epsilon(1e-5));

  // Slow, but it settles: found once it moves by less.
  const Matrix<double> nearly = 0.999 * Matrix<double>::Identity(3, 3);
  const SmallCell<Affine, 3, 1> settling{{nearly}};
  const State<double> u = filled(shape, 1e-3);
  const auto late = find_attractor(settling, one_theta, u, z0, {.settle = 1000});
  CHECK(late.period == 1);
  CHECK(late.steps > 8000);
  CHECK(late.state().values[0] == Approx(1).epsilon(1e-3));
  const auto never = find_attractor(settling, one_theta, u, z0, {.settle = 1000, .max_steps = 1000});
  CHECK(never.period == 0);
  CHECK(never.steps == 1000);
}

TEST_CASE("a map that runs away has no attractor", "[unit][attractor]") {
  const Shape shape{1, {2, 1, 1}, 1};
  const State<double> u(shape);
  const auto found = find_attractor(EachNumber<Explosion>{}, no_theta, u, u);
  CHECK(found.period == 0);
  CHECK(found.steps == 2000);
  CHECK(std::isinf(found.residual));
  CHECK(std::isinf(found.residual_rms));
  CHECK(std::isinf(found.relative_residual));
}

TEST_CASE("the attractor's functions say what they cannot take", "[unit][attractor]") {
  const Shape shape{1, {3, 1, 1}, 1};
  const EachNumber<Contraction> cell;
  const State<double> u = filled(shape, 0.5);
  const auto find = [&](const State<double>& z, const AttractorOptions& options = {}) {
    return find_attractor(cell, no_theta, u, z, options);
  };
  CHECK_THROWS_WITH(find(State<double>(shape.with_samples(2))), "samples of an attractor is 2, expected 1");
  CHECK_THROWS_WITH(find(State<double>(Shape{1, {4, 1, 1}, 1})),
                    "shape of an attractor's state is (1, 4, 1, 1, 1), expected (1, 3, 1, 1, 1)");
  CHECK_THROWS_WITH(find(u, {.settle = -1}), "settle of AttractorOptions is -1, expected 0 or more");
  CHECK_THROWS_WITH(find(u, {.max_period = 0}), "max_period of AttractorOptions is 0, expected 1 or more");
  CHECK_THROWS_WITH(find(u, {.tolerance = -1}), "tolerance of AttractorOptions is -1, expected 0 or more");
  const Attractor<double> empty;
  CHECK_THROWS_WITH(stability(cell, no_theta, u, empty), "number of an attractor's phases is 0, expected 1 or more");
}
