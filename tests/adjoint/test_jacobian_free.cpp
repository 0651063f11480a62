#include "basin/adjoint/jacobian_free.hpp"

#include <catch2/catch.hpp>

#include "adjoint/matrix_operator.hpp"

using namespace basin;
using namespace basin::test;

TEST_CASE("Jacobian-free takes g as it comes, and says how wrong that is", "[unit]") {
  const Square a = contraction(6), g = Square::Random(6, 2);
  const Outcome out = solve(JacobianFree{}, a, g);
  CHECK(out.w == g);
  for (Index n = 0; n < 2; ++n) {
    CHECK(out.results[static_cast<std::size_t>(n)].status == Status::approximated);
    CHECK(out.results[static_cast<std::size_t>(n)].residual == Approx((a * g).col(n).norm() / g.col(n).norm()));
  }
  CHECK(solve(JacobianFree{}, Square::Zero(6, 6), g).results[0].status == Status::converged);
}
