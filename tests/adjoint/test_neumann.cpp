#include "basin/adjoint/neumann.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "adjoint/matrix_operator.hpp"
#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/jacobian_free.hpp"

using namespace basin;
using namespace basin::test;

static_assert(AdjointMethod<Neumann> && AdjointMethod<Neumann, double>);

TEST_CASE("the Neumann series holds the powers up to k, and its residual is what the next one adds", "[unit]") {
  const Square a = contraction(6), g = Square::Random(6, 3);
  const Square exact = (Square::Identity(6, 6) - a).partialPivLu().solve(g);
  double last = 1e300;
  for (const int k : {0, 1, 4, 9, 40}) {
    Square wanted = Square::Zero(6, 3), power = g;
    for (int j = 0; j <= k; ++j, power = a * power) wanted += power;
    const Outcome out = solve(Neumann{.k = k}, a, g);
    CHECK((out.w - wanted).norm() <= 1e-14 * wanted.norm());
    const double error = (out.w - exact).norm();
    CHECK(error < last);
    last = error;
    for (Index n = 0; n < 3; ++n) {
      const SampleResult& result = out.results[static_cast<std::size_t>(n)];
      CHECK(result.status == Status::approximated);
      CHECK(result.evaluations == k + 1);
      CHECK(result.residual == Approx(power.col(n).norm() / g.col(n).norm()).margin(1e-14));
      CHECK(solve(Neumann{.k = k}, a, g.col(n)).results[0].residual == Approx(result.residual).margin(1e-14));
    }
  }
  CHECK(last < 1e-8 * exact.norm());
  CHECK(solve(Neumann{.k = 0}, a, g).w == solve(JacobianFree{}, a, g).w);
  CHECK(solve(Neumann{.k = 3}, a, g).w == solve(Phantom{.k = 4, .tau = 1}, a, g).w);
  CHECK(solve(AnyAdjoint<Phantom, Neumann>("neumann"), a, g).w == solve(Neumann{}, a, g).w);
}

TEST_CASE("a Neumann series that grows says so by its residual, and a nilpotent A ends it", "[unit]") {
  const Square g = Square::Ones(3, 1);
  const Outcome grows = solve(Neumann{.k = 9}, -2 * Square::Identity(3, 3), g);
  CHECK(grows.results[0].status == Status::approximated);
  CHECK(grows.results[0].residual == 1024);

  Square shift = Square::Zero(3, 3);
  shift(1, 0) = shift(2, 1) = 1;
  CHECK(solve(Neumann{.k = 1}, shift, g).results[0].status == Status::approximated);
  const Outcome exact = solve(Neumann{.k = 2}, shift, g);
  CHECK(exact.results[0].status == Status::converged);
  CHECK(exact.w == (Square(3, 1) << 1, 2, 3).finished());

  const Outcome bad = solve(Neumann{}, Square::Constant(3, 3, std::nan("")), g);
  CHECK(bad.results[0].status == Status::non_finite);
  CHECK(bad.w.array().isNaN().all());
  CHECK_THROWS_WITH(solve(Neumann{.k = -1}, shift, g), "Neumann: k is -1, expected at least 0");
}
