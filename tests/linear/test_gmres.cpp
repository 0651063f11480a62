#include "basin/linear/gmres.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "linear/matrices.hpp"
#include "support/counting_allocator.hpp"

using namespace basin;
using namespace basin::test;

static_assert(LinearSolver<Gmres<>> && LinearSolver<Gmres<5>, double>);
static_assert(!LinearSolver<LinearStop>, "options without solve_tile are no solver");

namespace {

SampleResult one(const Matrix<double>& a, const Vector<double>& g, Vector<double>& w, const LinearStop& stop) {
  Matrices dense{{a}};
  const auto solution = solve(dense.op(), Matrix<double>(g), Gmres<>{}, stop);
  w = solution.value.values;
  CHECK(dense.calls == solution.samples[0].evaluations);
  return solution.samples[0];
}

}  // namespace

TEMPLATE_TEST_CASE("GMRES solves each sample of a tile, each with its own stop", "[unit]", float, double) {
  using S = TestType;
  const Index n = 30, samples = 6;
  Matrices dense;
  for (Index k = 0; k < samples; ++k) {
    // Farther and farther from the identity.
    dense.a.push_back(Matrix<double>::Identity(n, n) +
                      0.03 * static_cast<double>(k) * entries(n, n, static_cast<double>(k)));
  }
  Matrix<S> g = entries(n, samples, 9).cast<S>();
  g.col(2) *= S(1e-12);  // the units of g do not matter
  g.col(3) *= S(1e12);
  const double tolerance = std::is_same_v<S, float> ? 1e-5 : 1e-11;
  const auto solution = solve(dense.op(), g, Gmres<20>{}, {.tolerance = tolerance, .max_evaluations = 200});
  CHECK(solution.converged());
  int most = 0;
  for (Index k = 0; k < samples; ++k) {
    const SampleResult& sample = solution.samples[static_cast<std::size_t>(k)];
    const Vector<double> w = solution.value.view().columns().col(k).template cast<double>();
    const Vector<double> right = g.col(k).template cast<double>();
    const double residual = (right - dense.a[static_cast<std::size_t>(k)] * w).norm() / right.norm();
    INFO("sample " << k << ": " << sample.evaluations << " evaluations");
    CHECK(sample.residual <= tolerance);
    CHECK(residual <= tolerance * (std::is_same_v<S, float> ? 1.2 : 1.0001));  // float: the product's own rounding
    CHECK((k == 0 ? sample.evaluations == 2 : sample.evaluations > 2));
    most = std::max(most, sample.evaluations);
  }
  CHECK(dense.calls == most);
}

TEST_CASE("a batch gives GMRES's samples what they get alone", "[unit]") {
  Matrices dense;
  for (int k = 0; k < 4; ++k) dense.a.push_back(Matrix<double>::Identity(25, 25) + 0.1 * (k + 1) * entries(25, 25, k));
  const Matrix<double> g = entries(25, 4, 5);
  const LinearStop stop{.tolerance = 1e-9, .max_evaluations = 300};
  const auto together = solve(dense.op(), g, Gmres<10>{}, stop);
  for (Index k = 0; k < 4; ++k) {
    Matrices single{{dense.a[static_cast<std::size_t>(k)]}};
    const auto alone = solve(single.op(), g.col(k).eval(), Gmres<10>{}, stop);
    CHECK(alone.samples[0].evaluations == together.samples[static_cast<std::size_t>(k)].evaluations);
    CHECK(alone.samples[0].status == together.samples[static_cast<std::size_t>(k)].status);
    CHECK(alone.value.values == together.value.view().columns().col(k));
  }
}

TEST_CASE("without restart GMRES ends in as many steps as there are unknowns", "[unit]") {
  const Matrix<double> a = entries(12, 12, 1) + 2 * Matrix<double>::Identity(12, 12);
  const Vector<double> g = entries(12, 1, 2);
  Vector<double> w;
  const SampleResult sample = one(a, g, w, {.tolerance = 1e-12, .max_evaluations = 100});
  CHECK(sample.status == Status::converged);
  CHECK(sample.iterations <= 12);
  CHECK(sample.evaluations == sample.iterations + 1);  // one to verify
  CHECK((w - a.partialPivLu().solve(g)).norm() < 1e-10 * w.norm());
}

TEST_CASE("an invariant space that holds the solution ends GMRES early", "[unit]") {
  // g is an eigenvector; then it lies in a space of two of them.
  const Vector<double> diagonal = Vector<double>::LinSpaced(20, 1, 20);
  Vector<double> g = Vector<double>::Zero(20), w;
  g[4] = 3;
  SampleResult sample = one(diagonal.asDiagonal(), g, w, {.tolerance = 0, .max_evaluations = 50});
  CHECK(sample.status == Status::converged);
  CHECK(sample.evaluations == 2);
  g[7] = -1;
  sample = one(diagonal.asDiagonal(), g, w, {.tolerance = 1e-14, .max_evaluations = 50});
  CHECK(sample.status == Status::converged);
  CHECK(sample.evaluations == 3);
  CHECK(w[7] == Approx(-1.0 / 8));
}

TEST_CASE("a singular system is a stall, and the best w is returned with its residual", "[unit]") {
  Vector<double> w;
  const LinearStop stop{.tolerance = 1e-8, .max_evaluations = 100};

  // Consistent: it has solutions.
  SampleResult sample = one(Vector<double>{{1, 0}}.asDiagonal(), Vector<double>{{1, 0}}, w, stop);
  CHECK(sample.status == Status::converged);
  CHECK(w == Vector<double>{{1, 0}});

  // Inconsistent: half of g can be reached.
  sample = one(Vector<double>{{1, 0}}.asDiagonal(), Vector<double>{{1, 1}}, w, stop);
  CHECK(sample.status == Status::stalled);
  CHECK(sample.residual == Approx(1 / std::sqrt(2.0)));
  CHECK(w[0] == Approx(1));

  // A g = 0 and A = 0: nothing can be reached.
  Matrix<double> nilpotent = Matrix<double>::Zero(2, 2);
  nilpotent(0, 1) = 1;
  sample = one(nilpotent, Vector<double>{{1, 0}}, w, stop);
  CHECK(sample.status == Status::stalled);
  CHECK(sample.residual == 1);
  sample = one(Matrix<double>::Zero(3, 3), Vector<double>{{1, 2, 3}}, w, stop);
  CHECK(sample.status == Status::stalled);
  CHECK(sample.residual == 1);
}

TEST_CASE("where a cycle stalls GMRES keeps its basis and lets it grow", "[unit]") {
  Vector<double> w;
  SampleResult sample = one(circle(40), Vector<double>::Unit(40, 0), w, {.tolerance = 1e-8, .max_evaluations = 60});
  CHECK(sample.status == Status::converged);  // restart is 20
  CHECK(w == Vector<double>::Unit(40, 39));
  CHECK(sample.evaluations == 42);  // 40 vectors, and two residuals
  sample = one(circle(30), Vector<double>::Unit(30, 0), w, {.tolerance = 1e-8, .max_evaluations = 100});
  CHECK(sample.status == Status::converged);
  CHECK(w == Vector<double>::Unit(30, 29));

  // Too few evaluations for so many vectors.
  sample = one(circle(40), Vector<double>::Unit(40, 0), w, {.tolerance = 1e-8, .max_evaluations = 41});
  CHECK(sample.status == Status::max_iterations);
  CHECK(sample.residual == 1);

  // Beside others, and with a restart that has to grow many times.
  const Matrix<double> easy = Matrix<double>::Identity(40, 40) + 0.1 * entries(40, 40, 3);
  Matrices both{{circle(40), easy}}, alone{{easy}};
  Matrix<double> g = entries(40, 2, 5);
  g.col(0) = Vector<double>::Unit(40, 0);
  const LinearStop stop{.tolerance = 1e-10, .max_evaluations = 100};
  const auto solution = solve(both.op(), g, Gmres<5>{}, stop);
  CHECK(solution.converged());
  CHECK(solution.value.view().columns().col(0) == Vector<double>::Unit(40, 39));
  const auto other = solve(alone.op(), g.col(1).eval(), Gmres<5>{}, stop);
  CHECK(other.value.values == solution.value.view().columns().col(1));
  CHECK(other.samples[0].evaluations == solution.samples[1].evaluations);
}

TEST_CASE("GMRES says when it ran out of evaluations, and how far it came", "[unit]") {
  const Matrix<double> a = Vector<double>::LinSpaced(200, 1, 1000).asDiagonal();
  const Vector<double> g = Vector<double>::Ones(200);
  double last = 1;
  for (const int limit : {1, 2, 3, 10, 22, 23, 24, 60}) {
    Vector<double> w;
    const SampleResult sample = one(a, g, w, {.tolerance = 1e-12, .max_evaluations = limit});
    INFO("limit " << limit);
    CHECK(sample.status == Status::max_iterations);
    CHECK(sample.evaluations <= limit);
    CHECK(sample.evaluations >= limit - 1);
    CHECK(sample.residual == Approx((g - a * w).norm() / g.norm()).epsilon(1e-9));
    CHECK(sample.residual <= last * (1 + 1e-12));
    last = sample.residual;
  }
  CHECK(last < 0.5);
}

TEST_CASE("GMRES starts from a guess", "[unit]") {
  const Matrix<double> a = Matrix<double>::Identity(20, 20) + 0.1 * entries(20, 20, 1);
  const Vector<double> exact = entries(20, 1, 2), g = a * exact;
  Matrices dense{{a}};
  State<double> right(Shape{20}), w(Shape{20});
  right.values = g;
  std::vector<SampleResult> results(1);
  const LinearStop stop{.tolerance = 1e-8, .max_evaluations = 50};

  w.values = exact;
  Gmres<>{}.solve_tile<double>(dense.op(), right, w, stop, results);
  CHECK(results[0].status == Status::converged);
  CHECK(results[0].evaluations == 1);
  CHECK(results[0].iterations == 0);
  CHECK(w.values == exact);

  w.values = exact + 1e-6 * entries(20, 1, 3);
  Gmres<>{}.solve_tile<double>(dense.op(), right, w, stop, results);
  const int warm = results[0].evaluations;
  CHECK(results[0].status == Status::converged);
  w.values.setZero();
  Gmres<>{}.solve_tile<double>(dense.op(), right, w, stop, results);
  CHECK(results[0].status == Status::converged);
  CHECK(warm < results[0].evaluations);

  // A guess worse than zero: its residual is above one.
  w.values.setConstant(100);
  Gmres<>{}.solve_tile<double>(dense.op(), right, w, {.tolerance = 1e-8, .max_evaluations = 1}, results);
  CHECK(results[0].status == Status::max_iterations);
  CHECK(results[0].residual > 10);
}

TEST_CASE("what is not finite is told, and shows in w", "[unit]") {
  Vector<double> w;
  Matrix<double> a = Matrix<double>::Identity(3, 3);
  a(1, 1) = std::nan("");
  SampleResult sample = one(a, Vector<double>::Ones(3), w, {});
  CHECK(sample.status == Status::non_finite);
  CHECK(sample.residual == std::numeric_limits<double>::infinity());
  CHECK(w.array().isNaN().all());

  for (const double bad : {std::nan(""), static_cast<double>(INFINITY)}) {
    sample = one(Matrix<double>::Identity(3, 3), Vector<double>{{1, bad, 0}}, w, {});
    CHECK(sample.status == Status::non_finite);
    CHECK(sample.evaluations == 0);
    CHECK(sample.residual == std::numeric_limits<double>::infinity());
    CHECK(w.array().isNaN().all());
  }

  // The samples beside it are not touched.
  Matrices dense{{a, 2 * Matrix<double>::Identity(3, 3)}};
  const auto both = solve(dense.op(), Matrix<double>::Ones(3, 2).eval(), Gmres<>{});
  CHECK(both.samples[0].status == Status::non_finite);
  CHECK(both.samples[1].status == Status::converged);
}

TEST_CASE("a right side of zero asks for nothing", "[unit]") {
  Vector<double> w;
  const SampleResult sample = one(entries(4, 4, 1), Vector<double>::Zero(4), w, {});
  CHECK(sample.status == Status::converged);
  CHECK(sample.evaluations == 0);
  CHECK(sample.residual == 0);
  CHECK(w == Vector<double>::Zero(4));
}

TEMPLATE_TEST_CASE("GMRES solves for right sides of any size", "[unit]", float, double) {
  using S = TestType;
  const Matrix<double> a = Matrix<double>::Identity(20, 20) + 0.1 * entries(20, 20, 1);
  const Vector<S> unit = entries(20, 1, 2).cast<S>();
  Matrices dense{{a}};
  const auto wanted = solve(dense.op(), unit, Gmres<>{});
  const std::vector<double> sizes = std::is_same_v<S, float> ? std::vector{1e-40, 1e-37, 1e-25, 1e25, 1e37}
                                                             : std::vector{1e-311, 1e-170, 1e-160, 1e160, 1e306};
  for (const double size : sizes) {
    const Vector<S> g = (unit.template cast<double>() * size).template cast<S>();
    const auto solution = solve(dense.op(), g, Gmres<>{}, {.tolerance = 1e-3});
    INFO("size " << size);
    CHECK(solution.converged());
    CHECK(((solution.value.values.template cast<double>() / size).template cast<S>() - wanted.value.values).norm() <
          S(5e-3) * wanted.value.values.norm());
  }
}

TEST_CASE("GMRES converges where the fixed-point form of the adjoint cannot", "[unit]") {
  // A = tridiag(-1, 10, -1) + diag(.2 x), N = 10^4: the Neumann series of I - A diverges by a factor of about 10.
  const Index n = 10000;
  Vector<double> diagonal(n);
  for (Index i = 0; i < n; ++i) diagonal[i] = 10 + 0.2 * std::sin(static_cast<double>(i));
  const auto op = [&](View<const double> v, View<double> out) {
    out.array() = diagonal.array() * v.array();
    out.vector().head(n - 1) -= v.vector().tail(n - 1);
    out.vector().tail(n - 1) -= v.vector().head(n - 1);
  };
  const auto solution = solve(op, entries(n, 1, 1), Gmres<>{}, {.tolerance = 1e-10, .max_evaluations = 100});
  CHECK(solution.converged());
  CHECK(solution.samples[0].evaluations < 25);
}

TEMPLATE_TEST_CASE("GMRES is the same twice", "[repeatable]", float, double) {
  Matrices dense;
  for (int k = 0; k < 3; ++k) dense.a.push_back(Matrix<double>::Identity(40, 40) + 0.2 * (k + 1) * entries(40, 40, k));
  const Matrix<TestType> g = entries(40, 3, 5).cast<TestType>();
  const auto first = solve(dense.op(), g, Gmres<8>{}), second = solve(dense.op(), g, Gmres<8>{});
  CHECK(first.value.values == second.value.values);
  for (std::size_t n = 0; n < 3; ++n) CHECK(first.samples[n].residual == second.samples[n].residual);
}

TEST_CASE("GMRES allocates nothing after set-up", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  const Index n = 5000;
  const Vector<float> diagonal = Vector<float>::LinSpaced(n, 1, 500);
  std::size_t at_first_call = 0, at_last_call = 0;
  int calls = 0;
  const auto op = [&](View<const float> v, View<float> out) {
    for (Index k = 0; k < v.samples(); ++k) out.sample(k).array() = diagonal.array() * v.sample(k).array();
    at_last_call = basin_test::allocations();
    if (calls++ == 0) at_first_call = at_last_call;
  };
  State<float> g(Shape{n, {1, 1, 1}, 2}), w(g.shape);
  g.values.setOnes();
  std::vector<SampleResult> results(2);
  Gmres<10>{}.solve_tile<float>(op, g, w, {.tolerance = 1e-7, .max_evaluations = 50}, results);
  CHECK(calls > 40);
  CHECK(at_last_call == at_first_call);
  w.values.setZero();
  const basin_test::AllocationCount count;
  Gmres<10>{}.solve_tile<float>(op, g, w, {.tolerance = 1e-7, .max_evaluations = 50}, results);
  CHECK(count.allocations() == 0);
}

TEST_CASE("GMRES refuses what makes no sense", "[unit]") {
  Matrices dense{{Matrix<double>::Identity(2, 2)}};
  const Matrix<double> g = Matrix<double>::Ones(2, 1);
  CHECK_THROWS_WITH(solve(dense.op(), g, Gmres<>{}, {.tolerance = -1}),
                    Catch::StartsWith("tolerance of LinearStop is -1"));
  CHECK_THROWS_WITH(solve(dense.op(), g, Gmres<>{}, {.max_evaluations = 0}),
                    "max_evaluations of LinearStop is 0, expected 1 or more");
  State<double> right(Shape{2}), w(Shape{3});
  std::vector<SampleResult> results(1);
  CHECK_THROWS_WITH(Gmres<>{}.solve_tile<double>(dense.op(), right, w, {}, results),
                    "shape of w is (3, 1, 1, 1, 1), expected (2, 1, 1, 1, 1)");
  State<double> same(Shape{2});
  results.clear();
  CHECK_THROWS_WITH(Gmres<>{}.solve_tile<double>(dense.op(), right, same, {}, results),
                    "number of results is 0, expected 1");
}
