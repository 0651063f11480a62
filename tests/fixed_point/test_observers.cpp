#include "basin/fixed_point/observers.hpp"

#include <catch2/catch.hpp>

#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/picard.hpp"

using namespace basin;

namespace {

const auto half_plus_one = [](View<const double> z, View<double> out) { out.array() = 0.5 * z.array() + 1; };

}  // namespace

TEST_CASE("a trajectory and a history keep every iterate of every sample", "[unit]") {
  State<double> start(Shape{2, {1, 1, 1}, 3});
  start.values << 0, 0, 2, 2, 5, 6;  // the second sample is at its fixed point
  Trajectory<double> trajectory;
  ResidualHistory history;
  const auto solution =
      solve(half_plus_one, start, Picard{}, {.tolerance = 1e-6, .max_evaluations = 100}, trajectory, history);
  REQUIRE(trajectory.samples.size() == 3);
  REQUIRE(history.samples.size() == 3);
  for (std::size_t n = 0; n < 3; ++n) {
    const auto evaluations = static_cast<std::size_t>(solution.samples[n].evaluations);
    CHECK(trajectory.samples[n].size() == evaluations);
    CHECK(history.samples[n].size() == evaluations);
    CHECK(history.samples[n].back() == solution.samples[n].residual);
    CHECK(trajectory.samples[n].back().values == solution.value.view().sample(static_cast<Index>(n)).vector());
    CHECK(trajectory.samples[n][0].shape == Shape{2});
    for (std::size_t i = 1; i < evaluations; ++i) {
      const Vector<double> step = 0.5 * trajectory.samples[n][i - 1].values.array() + 1;
      CHECK(trajectory.samples[n][i].values == step);
    }
  }
  CHECK(trajectory.samples[1].size() == 1);
}

TEST_CASE("every n evaluations a user's function is called", "[unit]") {
  std::vector<int> iterations;
  Every report{3, [&](const auto& iterate) { iterations.push_back(iterate.iteration); }};
  const auto solution = solve(half_plus_one, Matrix<double>::Zero(1, 1).eval(), Picard{},
                              {.tolerance = 0, .absolute_tolerance = 0, .max_evaluations = 10}, report);
  CHECK(solution.samples[0].status == Status::max_iterations);
  CHECK(iterations == std::vector<int>{0, 3, 6, 9});

  const auto stopped = solve(half_plus_one, Matrix<double>::Zero(1, 1).eval(), Picard{}, {.tolerance = 0},
                             Every{4, [](const auto& iterate) { return iterate.iteration < 8; }});
  CHECK(stopped.samples[0].status == Status::interrupted);
  CHECK(stopped.samples[0].iterations == 8);

  CHECK_THROWS_WITH(
      solve(half_plus_one, Matrix<double>::Zero(1, 1).eval(), Picard{}, Stop{}, Every{0, [](const auto&) {}}),
      "count of Every is 0, expected 1 or more");
}
