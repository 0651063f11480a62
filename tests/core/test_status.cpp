#include "basin/core/status.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace basin;

namespace {

const double nan_value = std::numeric_limits<double>::quiet_NaN();

SolveCounts counts(std::initializer_list<SampleResult> samples) {
  SolveCounts sum;
  for (const SampleResult& sample : samples) sum.add(sample);
  return sum;
}

}  // namespace

TEST_CASE("every status has a name of its own", "[unit][status]") {
  CHECK(name(Status::converged) == "converged");
  CHECK(name(Status::max_iterations) == "max_iterations");
  CHECK(name(Status::stalled) == "stalled");
  CHECK(name(Status::diverged) == "diverged");
  CHECK(name(Status::non_finite) == "non_finite");
  CHECK(name(Status::interrupted) == "interrupted");
  CHECK(name(Status::approximated) == "approximated");
  CHECK(static_cast<std::size_t>(Status::approximated) + 1 == status_count);
}

TEST_CASE("a solution has converged if every sample has", "[unit][status]") {
  const SampleResult good{.status = Status::converged}, bad{.status = Status::stalled};
  CHECK(Solution<float>{{}, {good, good}}.converged());
  CHECK_FALSE(Solution<float>{{}, {good, bad, good}}.converged());
  CHECK_FALSE(Solution<float>{{}, {SampleResult{}}}.converged());
  CHECK(Solution<float>{}.converged());
}

TEST_CASE("counts of solves add up", "[unit][status]") {
  const SampleResult a{Status::converged, 4, 5, 1e-4}, b{Status::converged, 8, 9, 1e-5}, c{Status::diverged, 2, 3, 1e6};
  SolveCounts sum = counts({a, b});
  CHECK(sum.solves() == 2);
  CHECK(sum.converged() == 2);
  CHECK(sum.evaluations == 14);
  CHECK(sum.worst_residual == 1e-4);
  CHECK(sum.mean_evaluations() == 7.0);
  CHECK(sum.nonconverged_fraction() == 0.0);

  sum += counts({c});
  CHECK(sum.solves() == 3);
  CHECK(sum.by_status[static_cast<std::size_t>(Status::diverged)] == 1);
  CHECK(sum.evaluations == 17);
  CHECK(sum.worst_residual == 1e6);
  CHECK(sum.nonconverged_fraction() == Approx(1.0 / 3));

  CHECK(SolveCounts{}.solves() == 0);
  CHECK(SolveCounts{}.mean_evaluations() == 0.0);
  CHECK(SolveCounts{}.nonconverged_fraction() == 0.0);
}

TEST_CASE("what only approximates is counted apart: it neither converges nor fails", "[unit][status]") {
  const SampleResult approximate{Status::approximated, 4, 5, 0.3};
  SolveCounts sum = counts({approximate, approximate});
  CHECK(sum.results() == 2);
  CHECK(sum.approximated() == 2);
  CHECK(sum.solves() == 0);
  CHECK(sum.converged() == sum.solves());
  CHECK(sum.nonconverged_fraction() == 0);
  CHECK(sum.mean_evaluations() == 5);
  CHECK(sum.worst_residual == 0.3);
  sum += counts({{Status::converged, 1, 1, 0.1}, {Status::stalled, 1, 1, 0.1}});
  CHECK(sum.solves() == 2);
  CHECK(sum.nonconverged_fraction() == 0.5);
  CHECK(sum.mean_evaluations() == 3);
}

TEST_CASE("adjusted results are counted", "[unit][status]") {
  SampleResult shortened{Status::stalled, 4, 5, 0.3};
  shortened.adjusted = true;
  SolveCounts sum = counts({shortened, {Status::converged, 1, 1, 0.1}});
  sum += counts({shortened});
  CHECK(sum.adjusted == 2);
  CHECK(sum.solves() == 3);
}

TEST_CASE("a residual that is not a number is the worst, wherever it comes", "[unit][status]") {
  const SampleResult good{Status::converged, 1, 1, 1e-4}, broken{Status::non_finite, 1, 1, nan_value};
  CHECK(std::isnan(counts({broken, good}).worst_residual));
  CHECK(std::isnan(counts({good, broken}).worst_residual));
  CHECK(std::isnan(counts({good, broken, good}).worst_residual));
  SolveCounts left = counts({broken}), right = counts({good});
  left += counts({good});
  right += counts({broken});
  CHECK(std::isnan(left.worst_residual));
  CHECK(std::isnan(right.worst_residual));
}

TEST_CASE("reports add up by direction", "[unit][status]") {
  Report sum, other;
  sum.forward = counts({{Status::converged, 1, 2, 0.1}});
  other.forward = counts({{Status::stalled, 1, 3, 0.2}});
  other.adjoint = counts({{Status::converged, 1, 4, 0.3}});
  sum += other;
  CHECK(sum.forward.solves() == 2);
  CHECK(sum.forward.evaluations == 5);
  CHECK(sum.adjoint.solves() == 1);
  CHECK(sum.adjoint.worst_residual == 0.3);

  // A call that solves nothing has nothing to report.
  int calls = 0;
  CHECK(detail::report_of([&] { ++calls; }).forward.solves() == 0);
  CHECK(calls == 1);
  CHECK(detail::report_of([&] { return sum; }).forward.solves() == 2);
}
