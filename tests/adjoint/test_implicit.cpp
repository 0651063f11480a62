#include "basin/adjoint/implicit.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "adjoint/matrix_operator.hpp"
#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/linear/bicgstab.hpp"

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
  check(Implicit<BiCgStab>{.tolerance = 1e-10, .max_evaluations = 200});
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
  CHECK_FALSE(singular.results[0].adjusted);
}

TEST_CASE("implicit gives g itself where the equation has no solution, and says so", "[unit]") {
  // I - A = 0: whatever w, the residual is |g|.
  const Square a = Square::Identity(2, 2), g = Square::Ones(2, 1);
  const auto check = [&](const auto& method) {
    const Outcome out = solve(method, a, g);
    CHECK(out.results[0].status != Status::converged);
    CHECK(out.results[0].status != Status::non_finite);
    CHECK(out.results[0].residual == Approx(1));
    CHECK(out.w.norm() >= g.norm());
    CHECK(out.w.norm() <= 1e3 * g.norm());
    return out;
  };
  const Outcome gmres = check(Implicit<>{});
  CHECK(gmres.w == g);
  CHECK(gmres.results[0].status == Status::stalled);
  CHECK(gmres.results[0].adjusted);
  check(Implicit<Broyden<>>{});
  check(Implicit<Anderson<>>{});
  check(Implicit<Picard>{});
  check(Implicit<Picard>{.max_evaluations = 5000});

  // A shift in a circle as I - A: GMRES solves it, if it may evaluate often enough.
  Square shift = Square::Zero(40, 40);
  for (Index i = 0; i < 40; ++i) shift((i + 1) % 40, i) = 1;
  const Square circle = Square::Identity(40, 40) - shift, unit = Square::Identity(40, 1);
  const Outcome solved = solve(Implicit<Gmres<20>>{}, circle, unit);
  CHECK(solved.results[0].status == Status::converged);
  CHECK((shift * solved.w - unit).norm() < 1e-12);
  const Outcome short_of = solve(Implicit<Gmres<20>>{.max_evaluations = 30}, circle, unit);
  CHECK(short_of.results[0].status == Status::max_iterations);
  CHECK(short_of.results[0].adjusted);
  CHECK(short_of.w == unit);
  CHECK(short_of.results[0].residual == Approx(std::sqrt(2.0)));  // |g - shift g|, measured of what is returned
}

TEST_CASE("implicit bounds a w that failed, and measures what it returns", "[unit]") {
  // I - A^T of a fit that went wrong: singular but for rounding. Its solution is some 1e15 long.
  Square i_minus_a(2, 2);
  i_minus_a << -.1112795288033378, .16127952880333685, .1112795288033368, -.16127952880333785;
  const Square a = Square::Identity(2, 2) - i_minus_a, g = Square::Ones(2, 1);
  const auto check = [&](const auto& method, double bound) {
    const Outcome out = solve(method, a, g);
    CHECK(out.results[0].status != Status::converged);
    CHECK(out.results[0].residual == Approx(residual(a, g, out.w, 0)).epsilon(1e-6));
    CHECK(out.w.norm() > 0);
    CHECK(out.w.norm() <= bound * g.norm() * (1 + 1e-12));
    return out;
  };
  const Outcome bounded = check(Implicit<>{}, 1e3);
  CHECK(bounded.results[0].adjusted);
  check(Implicit<>{.max_growth = 10}, 10);
  check(Implicit<Anderson<>>{}, 1e3);
  check(Implicit<Broyden<>>{}, 1e3);
  check(Implicit<Picard>{}, 1e3);
  CHECK_THROWS_WITH(solve(Implicit<>{.max_growth = 0.5}, a, g), "Implicit: max_growth is 0.5, expected at least 1");

  // A long w that solves its equation is left alone.
  const Square slow = (1 - 1e-5) * Square::Identity(2, 2);
  const Outcome exact = solve(Implicit<>{}, slow, g);
  CHECK(exact.results[0].status == Status::converged);
  CHECK(exact.w(0, 0) == Approx(1e5));
}

TEST_CASE("implicit solves for gradients of any size", "[unit]") {
  const Square a = contraction(9), unit = Square::Random(9, 1);
  const auto check = [&](const auto& method) {
    const Outcome wanted = solve(method, a, unit);
    for (const int exponent : {-1000, -565, -100, 100, 1000}) {  // 2^-565 = 1e-170: its square is no number
      const Outcome out = solve(method, a, std::ldexp(1.0, exponent) * unit);
      CHECK(out.results[0].status == Status::converged);
      CHECK(out.w == std::ldexp(1.0, exponent) * wanted.w);
      CHECK(out.results[0].residual == wanted.results[0].residual);
      CHECK(out.results[0].evaluations == wanted.results[0].evaluations);
    }
  };
  check(Implicit<>{});
  check(Implicit<BiCgStab>{});
  check(Implicit<Anderson<4>>{});
  check(Implicit<Broyden<20>>{});
  check(Implicit<Picard>{});
  const Outcome small = solve(Implicit<>{}, Square::Constant(1, 1, 0.5), Square::Constant(1, 1, 1e-170));
  CHECK(small.w(0, 0) == Approx(2e-170));
}

TEST_CASE("no adjoint method hides a NaN", "[unit]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto check = [&](const auto& method) {
    const Square good = contraction(3);
    Square g = Square::Ones(3, 2);
    g(1, 0) = nan;
    const Outcome in_g = solve(method, good, g);
    CHECK(in_g.results[0].status == Status::non_finite);
    CHECK(in_g.w.col(0).array().isNaN().all());
    CHECK(in_g.results[1].status != Status::non_finite);  // the sample beside it
    CHECK(in_g.w.col(1) == solve(method, good, g.col(1)).w);
    const Outcome in_a = solve(method, Square::Constant(3, 3, nan), Square::Ones(3, 1));
    CHECK(in_a.results[0].status == Status::non_finite);
    CHECK(in_a.w.array().isNaN().all());
  };
  check(Implicit<>{});
  check(Implicit<Gmres<2>>{});
  check(Implicit<BiCgStab>{});
  check(Implicit<Anderson<4>>{});
  check(Implicit<Broyden<20>>{});
  check(Implicit<Picard>{});
  check(Phantom{});
  check(JacobianFree{});
  check(AnyAdjoint<Implicit<>, Phantom>{});
}
