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
                                                               {"Newton-GMRES", NewtonGmres<>{}}};
  return all;
}

constexpr Status yes = Status::converged, limit = Status::max_iterations, stalled = Status::stalled,
                 diverged = Status::diverged;

// What each method claims of each problem. Limits that the literature or other systems give: 2 in 100, 3 in 10, 4 in
// 100, 5 in 400, 10 as KINSOL (5, and 21 damped), 12 with n = 100 in 14. The others are what was measured and a fifth;
// those of Newton-GMRES count products with derivatives.
// n = 10 and c = .9999 is next to singular, and its count is at the mercy of rounding: twice what was measured.
const std::map<std::string, std::vector<Claim>> claims{
    {"1 a x + b", {{yes, 42}, {yes, 100}, {yes, 3}, {yes, 3}, {yes, 3}, {yes, 3}, {yes, 5}}},
    {"2 M x + b, n = 200", {{yes, 100}, {yes, 100}, {yes, 100}, {yes, 100}, {yes, 100}, {yes, 100}, {yes, 27}}},
    {"3 diag(.9,.99,.999)", {{yes, 2996}, {limit, 5000}, {yes, 10}, {yes, 10}, {yes, 10}, {yes, 10}, {yes, 11}}},
    {"4 cos x + theta", {{limit, 100}, {yes, 100}, {yes, 100}, {yes, 100}, {yes, 100}, {yes, 100}, {yes, 15}}},
    {"5 rotations", {{stalled, 51}, {yes, 400}, {yes, 400}, {yes, 400}, {yes, 400}, {yes, 400}, {yes, 30}}},
    {"6 tuple state", {{stalled, 60}, {yes, 26}, {yes, 11}, {yes, 10}, {yes, 10}, {yes, 10}, {yes, 47}}},
    {"9 u^2 = p", {{yes, 38}, {yes, 29}, {yes, 8}, {yes, 8}, {yes, 8}, {yes, 8}, {yes, 20}}},
    {"10 KINSOL analytic", {{yes, 5}, {yes, 21}, {yes, 5}, {yes, 5}, {yes, 5}, {yes, 5}, {yes, 17}}},
    {"11 Laplace, Jacobi", {{yes, 5200}, {limit, 6000}, {yes, 850}, {yes, 830}, {yes, 570}, {yes, 430}, {yes, 398}}},
    {"11 Laplace, inverse", {{yes, 13}, {yes, 55}, {yes, 8}, {yes, 8}, {yes, 8}, {yes, 8}, {yes, 21}}},
    {"12 H, n = 10, c = .9", {{yes, 27}, {yes, 63}, {yes, 8}, {yes, 8}, {yes, 8}, {yes, 8}, {yes, 23}}},
    {"12 H, n = 10, c = .99", {{yes, 77}, {yes, 163}, {yes, 14}, {yes, 14}, {yes, 14}, {yes, 11}, {yes, 27}}},
    {"12 H, n = 10, c = .9999", {{yes, 566}, {limit, 1000}, {yes, 54}, {yes, 52}, {yes, 66}, {yes, 28}, {yes, 41}}},
    {"12 H, n = 100, c = .9", {{yes, 28}, {yes, 67}, {yes, 8}, {yes, 8}, {yes, 8}, {yes, 8}, {yes, 26}}},
    {"12 H, n = 100, c = .99", {{yes, 81}, {yes, 171}, {yes, 14}, {yes, 14}, {yes, 14}, {yes, 12}, {yes, 27}}},
    {"12 H, n = 100, c = .9999", {{yes, 606}, {limit, 1000}, {yes, 14}, {yes, 14}, {yes, 18}, {yes, 14}, {yes, 42}}},
    {"13 boundary value", {{yes, 530}, {yes, 710}, {yes, 76}, {yes, 33}, {yes, 17}, {yes, 28}, {yes, 51}}},
    {"13 integral equation", {{yes, 19}, {yes, 29}, {yes, 10}, {yes, 10}, {yes, 10}, {yes, 10}, {yes, 18}}},
    {"13 tridiagonal", {{yes, 36}, {yes, 84}, {yes, 24}, {yes, 22}, {yes, 18}, {yes, 22}, {yes, 38}}},
    {"13 banded", {{yes, 28}, {yes, 62}, {yes, 22}, {yes, 23}, {yes, 27}, {yes, 22}, {yes, 41}}},
    {"13 Brown, scale 11", {{limit, 1000}, {limit, 1000}, {yes, 17}, {yes, 17}, {yes, 17}, {yes, 18}, {yes, 34}}},
    // How soon Picard meets a point where Brown's function is not finite depends on rounding, and so do its retries.
    {"13 Brown, scale 1", {{diverged, 100}, {diverged, 100}, {yes, 27}, {yes, 27}, {yes, 27}, {yes, 31}, {yes, 34}}},
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
