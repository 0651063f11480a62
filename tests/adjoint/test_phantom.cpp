#include "basin/adjoint/phantom.hpp"

#include <catch2/catch.hpp>

#include "adjoint/matrix_operator.hpp"

using namespace basin;
using namespace basin::test;

TEST_CASE("the phantom gradient is its Neumann sum, and reports its residual", "[unit]") {
  const Square a = contraction(6), g = Square::Random(6, 2);
  for (const double tau : {1.0, 0.5}) {
    for (const int k : {1, 2, 5, 9}) {
      Square wanted = Square::Zero(6, 2), power = Square::Identity(6, 6);
      for (int j = 0; j < k; ++j) {
        wanted += tau * power * g;
        power = power * (tau * a + (1 - tau) * Square::Identity(6, 6));
      }
      const Outcome out = solve(Phantom{.k = k, .tau = tau}, a, g);
      CHECK((out.w - wanted).norm() <= 1e-13 * wanted.norm());
      for (Index n = 0; n < 2; ++n) {
        const SampleResult& result = out.results[static_cast<std::size_t>(n)];
        CHECK(result.status == Status::approximated);
        CHECK(result.evaluations == k);
        CHECK(result.residual == Approx(residual(a, g, wanted, n)).epsilon(1e-10));
      }
    }
  }
  CHECK_THROWS_WITH(solve(Phantom{.k = 1, .tau = 0}, a, g), "Phantom: tau is 0, expected more than 0 and at most 1");
}
