#include "basin/linear/preconditioned.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "basin/linear/bicgstab.hpp"
#include "basin/linear/gmres.hpp"
#include "linear/matrices.hpp"
#include "support/counting_allocator.hpp"

using namespace basin;
using namespace basin::test;

namespace {

// Rows of very different sizes: its diagonal is a good preconditioner.
const Index n = 60;
Vector<double> sizes() {
  return Vector<double>::LinSpaced(n, 0, 4).unaryExpr([](double e) { return std::pow(10, e); });
}
Matrix<double> rows() { return sizes().asDiagonal() * (Matrix<double>::Identity(n, n) + 0.03 * entries(n, n, 1)); }

struct Scaling {
  Vector<double> diagonal;
  void operator()(View<const double> v, View<double> out) const {
    out.matrix() = diagonal.cwiseInverse().asDiagonal() * v.matrix();
  }
};

}  // namespace

static_assert(LinearSolver<RightPreconditioned<Gmres<>, Scaling>, double>);
static_assert(Preconditioner<Scaling, double> && !Preconditioner<LinearStop, double>);

TEST_CASE("a right preconditioner saves applications of A, and the residual is that of A w = g", "[unit]") {
  const Matrix<double> a = rows(), g = entries(n, 2, 2);
  const LinearStop stop{.tolerance = 1e-10, .max_evaluations = 60};
  const auto check = [&](const auto& solver) {
    Matrices matrices{{a, a}};
    const auto plain = solve(matrices.op(), g, solver, stop);
    matrices.calls = 0;
    const RightPreconditioned<std::remove_cvref_t<decltype(solver)>, Scaling> better{solver, {sizes()}};
    const auto solution = solve(matrices.op(), g, better, stop);
    CHECK(plain.samples[0].evaluations > 50);
    CHECK(solution.converged());
    CHECK(matrices.calls < 26);
    const Matrix<double> wrong = g - a * solution.value.view().matrix();
    for (Index k = 0; k < 2; ++k) {
      const double residual = solution.samples[static_cast<std::size_t>(k)].residual;
      CHECK(residual == Approx(wrong.col(k).norm() / g.col(k).norm()).epsilon(1e-2));  // both are rounded
    }
  };
  check(Gmres<>{});
  check(BiCgStab{});
}

TEST_CASE("a preconditioner that is of no use is told as any solve that fails", "[unit]") {
  Matrices matrices{{rows()}};
  const Matrix<double> g = entries(n, 1, 2);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  using Solver = RightPreconditioned<Gmres<>, Scaling>;
  const auto bad = solve(matrices.op(), g, Solver{{}, {Vector<double>::Constant(n, nan)}});
  CHECK(bad.samples[0].status == Status::non_finite);
  CHECK(bad.value.values.array().isNaN().all());
  const auto none = solve(matrices.op(), g, Solver{{}, {Vector<double>::Constant(n, 1e300)}});
  CHECK(none.samples[0].status != Status::converged);
  CHECK(none.samples[0].residual <= 1);
}

TEST_CASE("a preconditioned solve allocates nothing after set-up", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  const Vector<double> diagonal = Vector<double>::LinSpaced(5000, 1, 500);
  const auto op = [&](View<const double> v, View<double> out) { out.array() = diagonal.array() * v.array(); };
  const auto inverse = [&](View<const double> v, View<double> out) {
    out.array() = v.array() / diagonal.array().sqrt();
  };
  const RightPreconditioned<BiCgStab, decltype(inverse)> solver{{}, inverse};
  State<double> g(Shape{5000}), w(g.shape);
  g.values.setOnes();
  std::vector<SampleResult> results(1);
  solver.solve_tile<double>(op, g, w, {}, results);
  const basin_test::AllocationCount count;
  solver.solve_tile<double>(op, g, w, {}, results);
  CHECK(count.allocations() == 0);
}
