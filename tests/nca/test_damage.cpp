#include "basin/nca/damage.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

using namespace basin;

TEST_CASE("a seed is one cell in the centre", "[unit][damage]") {
  const State<float> seed = one_cell_seed<float>(Shape{5, {6, 5, 1}, 2});
  CHECK(seed.values.sum() == 4);
  for (Index n = 0; n < 2; ++n) {
    const auto cell = seed.view().sample(n).matrix().col(3 + 6 * 2);
    CHECK(cell[2] == 0);
    CHECK(cell[3] == 1);
    CHECK(cell[4] == 1);
  }
  CHECK(count_above(seed.view(), 4) == 2);
  CHECK(one_cell_seed<double>(Shape{2, {3, 3, 3}, 1}, 0).values[2 * 13 + 1] == 1);
  CHECK_THROWS_WITH(one_cell_seed<float>(Shape{3, {4, 4, 1}, 1}, 3),
                    "first feature of a seed is 3, expected one of the state's, below 3");
}

TEST_CASE("a circle erases the cells within it, in all samples, and no other", "[unit][damage]") {
  State<double> state(Shape{2, {21, 11, 1}, 2});
  state.values.setOnes();
  const Circle circle{.x = 0.3, .y = -0.2, .radius = 0.5};
  const Index erased = erase(state.view(), circle);
  Index zero = 0;
  for (Index n = 0; n < 2; ++n) {
    for (Index y = 0; y < 11; ++y) {
      for (Index x = 0; x < 21; ++x) {
        const double dx = -1 + static_cast<double>(x) * 0.1 - 0.3, dy = -1 + static_cast<double>(y) * 0.2 + 0.2;
        const bool inside = std::sqrt(dx * dx + dy * dy) < 0.5 - 1e-9;
        const auto cell = state.view().sample(n).matrix().col(x + 21 * y);
        if (std::abs(std::sqrt(dx * dx + dy * dy) - 0.5) > 1e-9) CHECK(cell.sum() == (inside ? 0 : 2));
        zero += cell.sum() == 0 ? 1 : 0;
      }
    }
  }
  CHECK(zero == erased);
  CHECK(erased > 2 * 30);
}

TEST_CASE("random circles have the published sizes and places", "[unit][damage]") {
  double least = 1, most = 0, left = 1, right = -1;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const Circle circle = random_circle({5, 1}, i);
    CHECK(std::abs(circle.y) <= 0.5);
    least = std::min(least, circle.radius), most = std::max(most, circle.radius);
    left = std::min(left, circle.x), right = std::max(right, circle.x);
  }
  CHECK((least >= 0.1 && least < 0.11 && most <= 0.4 && most > 0.39));
  CHECK((left >= -0.5 && left < -0.48 && right <= 0.5 && right > 0.48));
}

TEST_CASE("half of a grid is erased on the side that is named", "[unit][damage]") {
  const auto left_over = [](double angle) {
    State<float> state(Shape{4, {6, 4, 1}, 1});
    state.values.setOnes();
    CHECK(erase(state.view(), HalfPlane{angle}) == 12);
    return Matrix<float>(state.view().matrix());
  };
  constexpr double pi = std::numbers::pi;
  CHECK(left_over(0)(0, 0) == 1);
  CHECK(left_over(0)(0, 3) == 0);
  CHECK(left_over(pi)(0, 2) == 0);
  CHECK(left_over(pi / 2)(0, 5) == 1);
  CHECK(left_over(pi / 2)(0, 23) == 0);
  CHECK(left_over(-pi / 2)(0, 11) == 0);
  State<float> slanted(Shape{1, {5, 5, 1}, 1});
  slanted.values.setOnes();
  CHECK(erase(slanted.view(), HalfPlane{pi / 4}) == 10);  // the cells on the line are left
  CHECK(slanted.view().matrix()(0, 24) == 0);
  CHECK(slanted.view().matrix()(0, 4) == 1);
}
