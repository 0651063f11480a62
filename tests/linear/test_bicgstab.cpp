#include "basin/linear/bicgstab.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "linear/matrices.hpp"
#include "support/counting_allocator.hpp"

using namespace basin;
using namespace basin::test;

static_assert(LinearSolver<BiCgStab> && LinearSolver<BiCgStab, double>);

namespace {

struct Outcome {
  Matrix<double> w;
  std::vector<SampleResult> results;
  int calls;
};

Outcome run(std::vector<Matrix<double>> a, const Matrix<double>& g, const LinearStop& stop) {
  Matrices matrices{std::move(a)};
  auto solution = solve(matrices.op(), g, BiCgStab{}, stop);
  return {solution.value.view().columns(), std::move(solution.samples), matrices.calls};
}

double residual(const Matrix<double>& a, const Vector<double>& w, const Vector<double>& g) {
  return (g - a * w).norm() / g.norm();
}

}  // namespace

TEST_CASE("BiCGStab solves each sample of a tile, each with its own stop, as it does alone", "[unit]") {
  const Index n = 30, samples = 6;
  std::vector<Matrix<double>> a;
  for (Index k = 0; k < samples; ++k) {
    const double distance = 0.02 * static_cast<double>(k);  // from the identity
    a.push_back(Matrix<double>::Identity(n, n) + distance * entries(n, n, static_cast<double>(k)));
  }
  Matrix<double> g = entries(n, samples, 9);
  g.col(2) *= 1e-170;  // the units of g do not matter
  g.col(3) *= 1e170;
  const LinearStop stop{.tolerance = 1e-11, .max_evaluations = 200};
  const Outcome out = run(a, g, stop);
  int most = 0;
  for (Index k = 0; k < samples; ++k) {
    const std::size_t i = static_cast<std::size_t>(k);
    const SampleResult& sample = out.results[i];
    INFO("sample " << k << ": " << sample.evaluations << " evaluations");
    CHECK(sample.status == Status::converged);
    CHECK(sample.residual <= 1e-11);
    const Vector<double> unit = g.col(k) / g.col(k).stableNorm(), w = out.w.col(k) / g.col(k).stableNorm();
    CHECK(residual(a[i], w, unit) <= 1.01e-11);
    most = std::max(most, sample.evaluations);
    const Outcome alone = run({a[i]}, g.col(k), stop);
    CHECK(alone.w == out.w.col(k));
    CHECK(alone.results[0].evaluations == sample.evaluations);
  }
  CHECK(out.results[0].evaluations == 2);
  CHECK(out.calls == most);
  CHECK(run(a, g, stop).w == out.w);  // twice
}

TEST_CASE("BiCGStab on a convection and diffusion, in float and for a start", "[unit]") {
  // -x'' + 20 x' on 100 points: not symmetric, and about 5 steps for each ten of the condition's root.
  const Index n = 100;
  const double h = 1.0 / static_cast<double>(n + 1);
  Matrix<double> a = Matrix<double>::Zero(n, n);
  for (Index i = 0; i < n; ++i) {
    a(i, i) = 2;
    if (i > 0) a(i, i - 1) = -1 - 10 * h;
    if (i + 1 < n) a(i, i + 1) = -1 + 10 * h;
  }
  const Vector<double> exact = entries(n, 1, 3), g = a * exact;
  const Outcome out = run({a}, g, {.tolerance = 1e-10, .max_evaluations = 1000});
  CHECK(out.results[0].status == Status::converged);
  CHECK((out.w.col(0) - exact).norm() < 1e-6 * exact.norm());

  Matrices matrices{{a}};
  const auto single =
      solve(matrices.op(), g.cast<float>().eval(), BiCgStab{}, {.tolerance = 1e-4, .max_evaluations = 1000});
  CHECK(single.samples[0].status == Status::converged);
  CHECK(residual(a, single.value.values.cast<double>(), g) < 1.1e-4);

  State<double> right(Shape{n}), w(Shape{n});
  std::vector<SampleResult> results(1);
  right.values = g;
  w.values = exact;
  BiCgStab{}.solve_tile<double>(matrices.op(), right, w, {}, results);
  CHECK(results[0].evaluations == 1);
  CHECK(w.values == exact);
  w.values = exact + 1e-5 * entries(n, 1, 4);
  BiCgStab{}.solve_tile<double>(matrices.op(), right, w, {.tolerance = 1e-10, .max_evaluations = 1000}, results);
  CHECK(results[0].status == Status::converged);
  CHECK(results[0].evaluations < out.results[0].evaluations);
}

TEST_CASE("BiCGStab says when it ran out of evaluations, and how far it came", "[unit]") {
  const Matrix<double> a = Vector<double>::LinSpaced(200, 1, 1000).asDiagonal();
  const Vector<double> g = Vector<double>::Ones(200);
  double last = 1;
  for (const int limit : {1, 2, 3, 4, 5, 10, 40, 61}) {
    const Outcome out = run({a}, g, {.tolerance = 1e-12, .max_evaluations = limit});
    INFO("limit " << limit);
    CHECK(out.results[0].status == Status::max_iterations);
    CHECK(out.results[0].evaluations <= limit);
    CHECK(out.results[0].residual == Approx(residual(a, out.w, g)).epsilon(1e-9));
    CHECK(out.results[0].residual < 1);
    last = std::min(last, out.results[0].residual);
  }
  CHECK(last < 0.3);
}

TEST_CASE("a breakdown of BiCGStab is told or gone around, and is no zero that looks like a solution", "[unit]") {
  const LinearStop stop{.tolerance = 1e-10, .max_evaluations = 400};
  const auto check = [&](const Matrix<double>& a, const Vector<double>& g, Status wanted) {
    const Outcome out = run({a}, g, stop);
    CHECK(out.results[0].status == wanted);
    CHECK(out.results[0].residual == Approx(residual(a, out.w, g)).margin(1e-12));
    return out;
  };
  // (r, A r) = 0 from the start, gone around.
  Matrix<double> turn{{0, 1}, {1, 0}};
  CHECK(check(turn, Vector<double>{{1, 0}}, Status::converged).w.col(0).isApprox(Vector<double>{{0, 1}}));
  // A rotation, a circle and other skew matrices are none that it can solve.
  const Matrix<double> skew = entries(20, 20, 1) - entries(20, 20, 1).transpose();
  CHECK(check(skew, entries(20, 1, 2), Status::stalled).results[0].residual <= 1);
  // With a symmetric part as large as theirs they are.
  check(skew + skew.norm() / 4 * Matrix<double>::Identity(20, 20), entries(20, 1, 2), Status::converged);
  // Singular: half of g can be reached, or nothing.
  CHECK(check(Vector<double>{{1, 0}}.asDiagonal(), Vector<double>{{1, 0}}, Status::converged).w(0, 0) == 1);
  CHECK(check(Vector<double>{{1, 0}}.asDiagonal(), Vector<double>{{1, 1}}, Status::stalled).results[0].residual ==
        Approx(1 / std::sqrt(2.0)));
  CHECK(check(Matrix<double>::Zero(3, 3), Vector<double>{{1, 2, 3}}, Status::stalled).results[0].residual == 1);
  // To rounding, and no farther.
  const Matrix<double> good = Matrix<double>::Identity(20, 20) + 0.1 * entries(20, 20, 1);
  const Outcome end = run({good}, entries(20, 1, 2), {.tolerance = 0, .max_evaluations = 400});
  CHECK(end.results[0].status == Status::stalled);
  CHECK(end.results[0].residual < 1e-14);
}

TEST_CASE("what is not finite is told by BiCGStab, and shows in w", "[unit]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Matrix<double> bad = Matrix<double>::Constant(3, 3, nan), good = 2 * Matrix<double>::Identity(3, 3);
  Matrix<double> g = Matrix<double>::Ones(3, 3);
  g(1, 2) = nan;
  const Outcome out = run({bad, good, good}, g, {});
  for (const Index n : {0, 2}) {
    CHECK(out.results[static_cast<std::size_t>(n)].status == Status::non_finite);
    CHECK(out.results[static_cast<std::size_t>(n)].residual == std::numeric_limits<double>::infinity());
    CHECK(out.w.col(n).array().isNaN().all());
  }
  CHECK(out.w.col(1) == Vector<double>::Constant(3, 0.5));
  const Outcome lax = run({entries(3, 3, 1)}, Matrix<double>::Ones(3, 1), {.tolerance = 1.5});
  CHECK(lax.results[0].status == Status::converged);
  const Outcome zero = run({good}, Matrix<double>::Zero(3, 1), {});
  CHECK(zero.results[0].status == Status::converged);
  CHECK(zero.calls == 0);
}

TEST_CASE("a product that is not finite ends BiCGStab at the best w before it, whichever it is", "[unit]") {
  const Matrix<double> a = Matrix<double>::Identity(20, 20) + 0.2 * entries(20, 20, 1);
  const Vector<double> g = entries(20, 1, 2);
  const LinearStop stop{.tolerance = 1e-10, .max_evaluations = 100};
  const int all = run({a}, g, stop).calls;
  for (int n = 0; n < all; ++n) {
    int calls = 0;
    const auto breaks = [&](View<const double> in, View<double> out) {
      out.vector() = a * in.vector();
      if (calls++ >= n) out.vector()[3] = std::numeric_limits<double>::infinity();
    };
    const auto solution = solve(breaks, Matrix<double>(g), BiCgStab{}, stop);
    const SampleResult& sample = solution.samples[0];
    INFO("from product " << n << " on");
    CHECK(sample.status == Status::non_finite);
    if (std::isfinite(sample.residual)) {
      CHECK(sample.residual == Approx(residual(a, solution.value.values, g)));
      CHECK(sample.residual <= 1);
    } else {
      CHECK(solution.value.values.array().isNaN().all());
    }
  }
  CHECK(all > 10);
}

TEST_CASE("BiCGStab allocates nothing after set-up", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  const Vector<double> diagonal = Vector<double>::LinSpaced(5000, 1, 500);
  const auto op = [&](View<const double> v, View<double> out) { out.array() = diagonal.array() * v.array(); };
  State<double> g(Shape{5000}), w(g.shape);
  g.values.setOnes();
  std::vector<SampleResult> results(1);
  const LinearStop stop{.tolerance = 1e-9, .max_evaluations = 50};
  BiCgStab{}.solve_tile<double>(op, g, w, stop, results);
  w.values.setZero();
  const basin_test::AllocationCount count;
  BiCgStab{}.solve_tile<double>(op, g, w, stop, results);
  CHECK(count.allocations() == 0);
  CHECK(results[0].evaluations > 40);
}
