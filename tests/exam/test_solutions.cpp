// The exam problems of exam/problems.hpp, each by every method, in the table of the exam.

#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <map>

#include "exam/methods.hpp"
#include "exam/problems.hpp"
#include "exam/table.hpp"

using namespace basin;

Solution<double> exam::solved(const Map& map, const basin::Matrix<double>& start, const Method& method,
                              const Stop& stop) {
  return solve(map, start, method, stop);
}

namespace {

using exam::Method;

struct Row {
  std::string problem, method;
  Status status;
  int evaluations;
  double residual, error;
};

Row run(const exam::Problem& problem, const std::string& name, const Method& method) {
  const auto solution = exam::solved(problem.map, problem.start, method, problem.stop);
  const SampleResult& sample = solution.samples[0];
  return {problem.name, name, sample.status, sample.evaluations, sample.residual, problem.error(solution.value.values)};
}

struct Claim {
  Status status;
  int evaluations;  // at most
};

// In the order of the claims below.
const std::vector<std::pair<std::string, Method>>& solvers() {
  static const std::vector<std::pair<std::string, Method>> all{{"Picard", Picard{}},
                                                               {"Picard, damping .5", Picard{.damping = 0.5}},
                                                               {"Anderson<5>", exam::anderson(5)},
                                                               {"Anderson<6>", exam::anderson(6)},
                                                               {"Anderson<10>", exam::anderson(10)},
                                                               {"Broyden<20>", Broyden<20>{}},
                                                               {"Newton-GMRES, line", exam::newton_by_line_search()},
                                                               {"Newton-GMRES", NewtonGmres<>{}},
                                                               {"Anderson<5>, delay 3", exam::delayed_anderson(5)},
                                                               {"Broyden bad", BroydenBad<20>{}},
                                                               {"Klement", Klement{}},
                                                               {"Chord", Chord<>{}},
                                                               {"pseudo-transient", PseudoTransient<>{}}};
  return all;
}

constexpr Status yes = Status::converged, limit = Status::max_iterations, stalled = Status::stalled,
                 diverged = Status::diverged;

// What each method claims of each problem. Limits that the literature or other systems give: 2 in 100, 3 in 10, 4 in
// 100, 5 in 400, 10 as KINSOL (5, and 21 damped), 12 with n = 100 in 14. The others are what was measured and a fifth;
// those of Newton's methods count products with derivatives. Klement's claims are few where numbers couple; the chord
// method has no search along its step, and neither has it from Brown's start.
// n = 10 and c = .9999 is next to singular, and its count is at the mercy of rounding: twice what was measured.
const std::map<std::string, std::vector<Claim>> claims{
    {"1 a x + b",
     {{yes, 42},
      {yes, 100},
      {yes, 3},
      {yes, 3},
      {yes, 3},
      {yes, 3},
      {yes, 5},
      {yes, 4},
      {yes, 8},
      {yes, 4},
      {yes, 4},
      {yes, 4},
      {yes, 30}}},
    {"2 M x + b, n = 200",
     {{yes, 100},
      {yes, 100},
      {yes, 100},
      {yes, 100},
      {yes, 100},
      {yes, 100},
      {yes, 27},
      {yes, 21},
      {yes, 17},
      {yes, 17},
      {limit, 100},
      {yes, 29},
      {yes, 42}}},
    {"3 diag(.9,.99,.999)",
     {{yes, 2996},
      {limit, 5000},
      {yes, 10},
      {yes, 10},
      {yes, 10},
      {yes, 10},
      {yes, 11},
      {yes, 9},
      {yes, 8},
      {yes, 9},
      {yes, 38},
      {yes, 10},
      {yes, 102}}},
    {"4 cos x + theta",
     {{limit, 100},
      {yes, 100},
      {yes, 100},
      {yes, 100},
      {yes, 100},
      {yes, 100},
      {yes, 15},
      {yes, 11},
      {yes, 10},
      {yes, 10},
      {yes, 8},
      {yes, 17},
      {yes, 21}}},
    {"5 rotations",
     {{stalled, 51},
      {yes, 400},
      {yes, 400},
      {yes, 400},
      {yes, 400},
      {yes, 400},
      {yes, 30},
      {yes, 22},
      {yes, 208},
      {yes, 52},
      {diverged, 75},
      {yes, 51},
      {yes, 78}}},
    {"6 tuple state",
     {{stalled, 60},
      {yes, 26},
      {yes, 11},
      {yes, 10},
      {yes, 10},
      {yes, 10},
      {yes, 47},
      {yes, 32},
      {yes, 11},
      {yes, 9},
      {yes, 12},
      {yes, 36},
      {yes, 28}}},
    {"9 u^2 = p",
     {{yes, 38},
      {yes, 29},
      {yes, 8},
      {yes, 8},
      {yes, 8},
      {yes, 8},
      {yes, 20},
      {yes, 14},
      {yes, 11},
      {yes, 9},
      {yes, 9},
      {yes, 40},
      {yes, 23}}},
    {"10 KINSOL analytic",
     {{yes, 5},
      {yes, 21},
      {yes, 5},
      {yes, 5},
      {yes, 5},
      {yes, 5},
      {yes, 17},
      {yes, 11},
      {yes, 6},
      {yes, 5},
      {yes, 6},
      {yes, 16},
      {yes, 24}}},
    {"11 Laplace, Jacobi",
     {{yes, 5200},
      {limit, 6000},
      {yes, 850},
      {yes, 830},
      {yes, 570},
      {yes, 430},
      {yes, 398},
      {yes, 122},
      {yes, 854},
      {yes, 335},
      {limit, 6000},
      {yes, 370},
      {yes, 1104}}},
    {"11 Laplace, inverse",
     {{yes, 13},
      {yes, 55},
      {yes, 8},
      {yes, 8},
      {yes, 8},
      {yes, 8},
      {yes, 21},
      {yes, 12},
      {yes, 9},
      {yes, 9},
      {yes, 12},
      {yes, 21},
      {yes, 33}}},
    {"12 H, n = 10, c = .9",
     {{yes, 27},
      {yes, 63},
      {yes, 8},
      {yes, 8},
      {yes, 8},
      {yes, 8},
      {yes, 23},
      {yes, 15},
      {yes, 12},
      {yes, 9},
      {yes, 39},
      {yes, 21},
      {yes, 40}}},
    {"12 H, n = 10, c = .99",
     {{yes, 77},
      {yes, 163},
      {yes, 14},
      {yes, 14},
      {yes, 14},
      {yes, 11},
      {yes, 27},
      {yes, 18},
      {yes, 17},
      {yes, 11},
      {yes, 254},
      {yes, 26},
      {yes, 46}}},
    {"12 H, n = 10, c = .9999",
     {{yes, 566},
      {limit, 1000},
      {yes, 54},
      {yes, 52},
      {yes, 66},
      {yes, 28},
      {yes, 41},
      {yes, 46},
      {yes, 40},
      {yes, 26},
      {limit, 1000},
      {yes, 62},
      {yes, 108}}},
    {"12 H, n = 100, c = .9",
     {{yes, 28},
      {yes, 67},
      {yes, 8},
      {yes, 8},
      {yes, 8},
      {yes, 8},
      {yes, 26},
      {yes, 15},
      {yes, 12},
      {yes, 10},
      {yes, 44},
      {yes, 26},
      {yes, 35}}},
    {"12 H, n = 100, c = .99",
     {{yes, 81},
      {yes, 171},
      {yes, 14},
      {yes, 14},
      {yes, 14},
      {yes, 12},
      {yes, 27},
      {yes, 17},
      {yes, 17},
      {yes, 12},
      {yes, 226},
      {yes, 26},
      {yes, 46}}},
    {"12 H, n = 100, c = .9999",
     {{yes, 606},
      {limit, 1000},
      {yes, 14},
      {yes, 14},
      {yes, 18},
      {yes, 14},
      {yes, 42},
      {yes, 29},
      {yes, 23},
      {yes, 16},
      {limit, 1000},
      {yes, 34},
      {yes, 65}}},
    {"13 boundary value",
     {{yes, 530},
      {yes, 710},
      {yes, 76},
      {yes, 33},
      {yes, 17},
      {yes, 28},
      {yes, 51},
      {yes, 30},
      {yes, 74},
      {yes, 23},
      {yes, 1148},
      {yes, 50},
      {yes, 166}}},
    {"13 integral equation",
     {{yes, 19},
      {yes, 29},
      {yes, 10},
      {yes, 10},
      {yes, 10},
      {yes, 10},
      {yes, 18},
      {yes, 14},
      {yes, 11},
      {yes, 10},
      {yes, 21},
      {yes, 21},
      {yes, 35}}},
    {"13 tridiagonal",
     {{yes, 36},
      {yes, 84},
      {yes, 24},
      {yes, 22},
      {yes, 18},
      {yes, 22},
      {yes, 38},
      {yes, 29},
      {yes, 24},
      {yes, 20},
      {yes, 104},
      {yes, 41},
      {yes, 63}}},
    {"13 banded",
     {{yes, 28},
      {yes, 62},
      {yes, 22},
      {yes, 23},
      {yes, 27},
      {yes, 22},
      {yes, 41},
      {yes, 26},
      {yes, 17},
      {yes, 21},
      {yes, 23},
      {yes, 39},
      {yes, 47}}},
    {"13 Brown, scale 11",
     {{limit, 1000},
      {limit, 1000},
      {yes, 17},
      {yes, 17},
      {yes, 17},
      {yes, 18},
      {yes, 34},
      {yes, 22},
      {yes, 17},
      {yes, 16},
      {yes, 1109},
      {diverged, 34},
      {yes, 40}}},
    // How soon Picard meets a point where Brown's function is not finite depends on rounding, and so do its retries.
    {"13 Brown, scale 1",
     {{diverged, 100},
      {diverged, 100},
      {yes, 27},
      {yes, 27},
      {yes, 27},
      {yes, 31},
      {yes, 34},
      {yes, 22},
      {yes, 27},
      {diverged, 200},
      {diverged, 200},
      {diverged, 200},
      {yes, 40}}},
};

}  // namespace

TEST_CASE("exam: every problem by every method, with the status it deserves", "[exam]") {
  for (const exam::Problem& problem : exam::problems()) {
    const std::vector<Claim>& claimed = claims.at(problem.name);
    for (std::size_t m = 0; m < solvers().size(); ++m) {
      const Row row = run(problem, solvers()[m].first, solvers()[m].second);
      INFO(row.problem << " by " << row.method << ": " << name(row.status) << " in " << row.evaluations
                       << " evaluations, residual " << row.residual << ", error " << row.error);
      CHECK(name(row.status) == name(claimed[m].status));
      CHECK(row.evaluations <= claimed[m].evaluations);
      if (row.status == Status::converged) {
        CHECK(row.residual <= problem.stop.absolute());
        CHECK(row.error <= problem.max_error);
      } else {
        CHECK(row.residual > problem.stop.absolute());
      }
      exam::table.rows.push_back({row.problem, row.method, std::string(name(row.status)),
                                  static_cast<std::size_t>(row.evaluations), row.residual, row.error});
    }
  }
}

TEST_CASE("exam: Anderson after at most three Picard steps needs no more evaluations than Picard", "[exam]") {
  // At every tolerance down to 1e-10 and every depth. Without the delay 13 banded is the one exception, where a
  // tolerance of 0.1 to 1e-4 takes up to twice as many: its first differences say little of the rates to come.
  double worst = 0;
  int compared = 0;
  for (const exam::Problem& problem : exam::problems()) {
    for (const double tolerance : {1e-1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10}) {
      const Stop stop = exam::absolute(tolerance, 6000);
      const SampleResult picard = exam::solved(problem.map, problem.start, Picard{}, stop).samples[0];
      if (picard.status != Status::converged) continue;
      for (const int depth : {1, 2, 3, 5, 10}) {
        const auto mixed = exam::solved(problem.map, problem.start, exam::delayed_anderson(depth), stop);
        INFO(problem.name << " to " << tolerance << ", depth " << depth);
        REQUIRE(mixed.converged());
        worst = std::max(worst, static_cast<double>(mixed.samples[0].evaluations) / picard.evaluations);
        ++compared;
      }
    }
  }
  CHECK(worst <= 1);
  CHECK(compared > 400);
}

TEST_CASE("exam: the solutions are those that are published", "[exam]") {
  CHECK(exam::scalar_affine().solution[0] == 2);
  CHECK(std::abs(exam::chandrasekhar(10, 0.9).solution[9] - 1.8026243) < 5e-8);
  CHECK(std::abs(exam::chandrasekhar(10, 0.99).solution[9] - 2.3704217) < 5e-8);
  CHECK(std::abs(exam::chandrasekhar(10, 0.9999).solution[9] - 2.7141310) < 5e-8);
  const exam::Vector u = exam::laplace_solution();
  CHECK(std::abs(u[15 + 31 * 15] - 0.15564) < 5e-6);
  CHECK(std::abs(u[0] - 0.00405) < 5e-6);
  // Both are the same equation, so the oracle must give the same solution for both.
  CHECK((exam::discrete_boundary_value().solution - exam::discrete_integral().solution).norm() < 1e-12);
  CHECK(exam::broyden_tridiagonal_f(exam::broyden_tridiagonal().solution).norm() < 1e-12);
  CHECK(exam::broyden_banded_f(exam::broyden_banded().solution).norm() < 1e-12);
  CHECK(exam::brown_almost_linear_f(exam::brown_almost_linear(1).other_solution).norm() < 1e-11);
}

TEST_CASE("exam: the Jacobians of the problems are right", "[exam]") {
  for (const exam::Problem& problem : exam::problems()) {
    if (!problem.jacobian) continue;
    INFO(problem.name);
    const exam::Vector z = problem.start.col(0) + 0.1 * exam::random_matrix(problem.start.rows(), 1, 3);
    const exam::Vector t = exam::random_matrix(z.size(), 1, 4), jt = problem.jacobian(z) * t;
    const exam::Vector difference = (problem.at(z + 1e-5 * t) - problem.at(z - 1e-5 * t)) / 2e-5;
    CHECK((difference - jt).norm() <= 1e-7 * (1 + jt.norm()));
  }
}

TEST_CASE("exam 4: Anderson with a window of 4 where the slope is one in size", "[exam]") {
  const exam::Problem problem = exam::cosine();
  const Row row = run(problem, "Anderson<4>", exam::anderson(4));
  CHECK(row.status == Status::converged);
  CHECK(row.evaluations <= 100);
  CHECK(row.error <= 1e-6);
}

TEST_CASE("exam 9: square roots, each warm-started from the last", "[exam]") {
  const auto sweep = [](const Method& method) {
    int evaluations = 0;
    double u = 0.5;
    for (int k = 0; k < 200; ++k) {
      const double p = 0.01 + 1.99 * k / 199;
      const exam::Problem problem = exam::square_root(p, u);
      const auto solution = exam::solved(problem.map, problem.start, method, problem.stop);
      REQUIRE(solution.converged());
      u = solution.value.values[0];
      REQUIRE(std::abs(u - std::sqrt(p)) < 1e-10);
      evaluations += solution.samples[0].evaluations;
    }
    return evaluations;
  };
  const int picard = sweep(Picard{}), anderson = sweep(exam::anderson(5)), broyden = sweep(Broyden<20>{});
  CHECK(anderson < 1200);  // about 5 a value
  CHECK(broyden < 1200);
  CHECK(anderson < picard / 2);
}

TEST_CASE("exam 10: the counts of KINSOL", "[exam]") {
  const exam::Problem problem = exam::kinsol_analytic();
  CHECK(run(problem, "plain", Picard{}).evaluations == 5);
  CHECK(run(problem, "m = 2", exam::anderson(2)).evaluations == 5);
  CHECK(run(problem, "damping .5", Picard{.damping = 0.5}).evaluations == 21);
}

TEST_CASE("exam 12: Anderson on differences finds the H function of physics", "[exam]") {
  // For c = .9999 a second solution is 0.09 away at the far end. The window of 5 stays on this side of it.
  for (const double c : {0.9, 0.99, 0.9999}) {
    const exam::Problem problem = exam::chandrasekhar(10, c);
    const auto solution = exam::solved(problem.map, problem.start, exam::anderson(5), problem.stop);
    CHECK((solution.value.values - problem.solution).norm() < problem.max_error);
    CHECK(solution.samples[0].evaluations <= 40);
  }
}
