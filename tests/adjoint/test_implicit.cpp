#include "basin/adjoint/implicit.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "adjoint/matrix_operator.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/picard.hpp"

using namespace basin;
using namespace basin::test;

TEST_CASE("implicit solves (I - A) w = g by every solver, sample by sample, and reports the residual", "[unit]") {
  const Square a = contraction(9), identity = Square::Identity(9, 9);
  Square g = Square::Random(9, 4);
  g.col(1) *= 1e-9;  // tolerances are relative to each sample's own g
  g.col(2).setZero();
  const Square wanted = (identity - a).partialPivLu().solve(g);
  const auto check = [&](const auto& method) {
    const Outcome out = solve(method, a, g);
    for (Index n = 0; n < 4; ++n) {
      const SampleResult& result = out.results[static_cast<std::size_t>(n)];
      CHECK(result.status == Status::converged);
      CHECK(result.residual <= 1e-10);
      CHECK((out.w - wanted).col(n).norm() <= 1e-9 * wanted.col(n).norm());
      if (n != 2) CHECK(residual(a, g, out.w, n) <= 1.1e-10);
    }
    CHECK(out.w.col(2).isZero());
  };
  check(Implicit<>{.tolerance = 1e-10, .max_evaluations = 200});
  check(Implicit<Gmres<3>>{.tolerance = 1e-10, .max_evaluations = 200});
  check(Implicit<Anderson<4>>{.tolerance = 1e-10, .max_evaluations = 200});
  check(Implicit<Broyden<20>>{.tolerance = 1e-10, .max_evaluations = 200});
  check(Implicit<Picard>{.tolerance = 1e-10, .max_evaluations = 200});
}

TEST_CASE("implicit returns the best w that it reached when it fails, and never a zero", "[unit]") {
  const Square a = 3 * Square::Identity(2, 2), g = Square::Ones(2, 1);
  const Outcome picard = solve(Implicit<Picard>{.tolerance = 1e-8, .max_evaluations = 500}, a, g);
  CHECK(picard.results[0].status == Status::diverged);
  CHECK(picard.w == g);  // the start, w = g, has the lowest residual
  CHECK(picard.results[0].residual == Approx(3.0));
  CHECK(solve(Implicit<>{.tolerance = 1e-8}, a, g).results[0].status == Status::converged);

  // I - A is singular and g is outside its range.
  const Square projection = Square::Identity(2, 2) - (Square(2, 2) << 1, 0, 0, 0).finished();
  const Outcome singular = solve(Implicit<>{.tolerance = 1e-8}, projection, g);
  CHECK(singular.results[0].status == Status::stalled);
  CHECK(singular.results[0].residual == Approx(std::sqrt(0.5)));

  const Square nan = Square::Constant(2, 2, std::numeric_limits<double>::quiet_NaN());
  CHECK(solve(Implicit<>{}, nan, g).results[0].status == Status::non_finite);
  CHECK(solve(Implicit<Picard>{}, nan, g).results[0].status == Status::non_finite);
}
