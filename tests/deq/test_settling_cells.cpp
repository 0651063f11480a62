// Cells that settle by construction, other than monotone ones: no parameters break them.

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "basin/deq/injected.hpp"
#include "basin/deq/positive_concave.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/layers/bounded_diagonal.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using Positive = PositiveConcave<6>;
using Gate = Injected<Sequential<BoundedDiagonal<6>, Tanh>>;
const Shape shape{6, {1, 1, 1}, 3};

/// Picard iteration from two starts that are far apart comes to the same within `most` evaluations; returns it.
template <class C>
State<double> settle(const C& cell, const Parameters<C, double>& theta, double injection, std::uint64_t seed,
                     int most) {
  const State<double> u = test::random_state(shape.with_samples(1), seed, injection);
  const std::function<void(View<const double>, View<double>)> f = [&](View<const double> z, View<double> out) {
    (void)cell.apply(theta, z, u.view(), out);
  };
  const State<double> from = test::random_state(u.shape, seed + 1, 100.0), zero(u.shape);
  const Stop stop{.tolerance = 1e-10, .max_evaluations = most};
  const auto one = solve(f, from.view(), Picard{}, stop), other = solve(f, zero.view(), Picard{}, stop);
  CHECK(one.converged());
  CHECK(other.converged());
  CHECK(test::relative_error(one.value.values, other.value.values) < 1e-7);
  return one.value;
}

/// The spectral radius of df/dz, which is positive or diagonal, by the power method.
template <class C>
double radius(const C& cell, const Parameters<C, double>& theta, const State<double>& z, const State<double>& u) {
  State<double> value(z.shape), x(z.shape), y(z.shape);
  const auto linear = cell.linearize(theta, z.view(), u.view(), value.view());
  x.values.setOnes();
  double length = 0;
  for (int i = 0; i < 200; ++i) {
    (void)linear.jvp(x.view(), y.view());
    length = y.values.norm();
    if (length == 0) return 0;
    x.values = y.values / length;
  }
  return length;
}

}  // namespace

TEST_CASE("the derivatives of cells that settle by construction are right", "[unit]") {
  test::check_cell(Positive{}, {6, {2, 1, 1}, 2}, {.theta_spread = 0.3});
  test::check_linearization(BoundedDiagonal<6>{.limit = 0.8}, {6, {2, 3, 1}, 2});
}

TEST_CASE("no parameters break a positive concave cell: Picard settles, to one equilibrium, at the proved rate",
          "[unit]") {
  const Positive cell;
  for (const double spread : {0.1, 1.0, 10.0, 100.0}) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(spread, seed);
      auto theta = test::random_parameters<Positive>(seed, spread);
      theta.vector().array() -= seed % 2 == 0 ? 2.0 : 0.0;  // at 0 and above J is small, as tanh saturates
      const double injection = seed % 3 == 0 ? 100.0 : 1.0;
      const State<double> z = settle(cell, theta, injection, seed, 600);
      CHECK(z.values.minCoeff() >= std::tanh(0.05));
      const State<double> u = test::random_state(z.shape, seed, injection);
      CHECK(radius(cell, theta, z, u) <= 1 - std::tanh(0.05));
    }
  }
  // Near the worst: an injection of nothing, and a W at which the slope at the equilibrium is as large as can be.
  auto theta = test::random_parameters<Positive>(1, 0.0);
  theta.vector().setConstant(std::log(std::expm1(1.0 / 6)));  // W is a mean
  State<double> u(shape.with_samples(1)), z(u.shape), next(u.shape);
  u.values.setConstant(-50);
  for (int i = 0; i < 600; ++i) {
    (void)cell.apply(theta, z.view(), u.view(), next.view());
    z.values = next.values;
  }
  const double rate = radius(cell, theta, z, u);
  CHECK(rate > 0.7);
  CHECK(rate <= 1 - std::tanh(0.05));
}

TEST_CASE("no parameters break a diagonal gate: it settles at the rate of its limit", "[unit]") {
  Gate cell;
  cell.layers.layer<0>().limit = 0.9;
  for (const double spread : {0.1, 1.0, 100.0}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const auto theta = test::random_parameters<Gate>(seed, spread);
      const State<double> z = settle(cell, theta, 1.0, seed, 300);
      CHECK(radius(cell, theta, z, test::random_state(z.shape, seed)) <= 0.9);
    }
  }
  CHECK_THROWS_WITH(test::check_linearization(BoundedDiagonal<6>{.limit = 0}, shape),
                    "BoundedDiagonal: limit is 0, expected a finite number above 0");
  const auto theta = test::random_parameters<Positive>(1);
  CHECK_THROWS_WITH(Positive{.floor = 0}.prepare<double>(theta.span()),
                    "PositiveConcave: floor is 0, expected a finite number above 0");
}
