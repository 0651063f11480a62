#include "basin/stencil/lines.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "stencil/naive_boundary.hpp"

using namespace basin;

namespace {

/// Every neighbour of every cell, in an order of cells that goes back and forth between lines.
template <Boundary Edge, int RX, int RY, int RZ>
void check_lines(const std::array<Index, 3>& space) {
  constexpr int C = 3;
  CAPTURE(Edge::label, RX, RY, RZ, space[0], space[1], space[2]);
  const Index cells = space[0] * space[1] * space[2];
  const std::vector<float> sample(static_cast<std::size_t>(C * cells)),
      elsewhere(static_cast<std::size_t>(C * space[0]));
  Lines<const float, Edge, C, RX, RY, RZ> lines(sample.data(), space, elsewhere.data());
  bool right = true, says_inside = true;
  for (Index turn = 0; turn < 2 * cells; ++turn) {
    const Index cell = turn < cells ? turn : (turn - cells) * 5 % cells;
    const std::array<Index, 3> here{cell % space[0], cell / space[0] % space[1], cell / (space[0] * space[1])};
    lines.go_to(cell);
    says_inside = says_inside && lines.inside() == (here[0] >= RX && here[0] + RX < space[0]);
    for (int z = -RZ; z <= RZ; ++z) {
      for (int y = -RY; y <= RY; ++y) {
        for (int x = -RX; x <= RX; ++x) {
          const Index at_x = test::naive_source<Edge>(here[0] + x, space[0]);
          const Index at_y = test::naive_source<Edge>(here[1] + y, space[1]);
          const Index at_z = test::naive_source<Edge>(here[2] + z, space[2]);
          const bool on_grid = at_x >= 0 && at_y >= 0 && at_z >= 0;
          const auto is_right = [&](const float* found) {
            if (!on_grid) return found >= elsewhere.data() && found + C <= elsewhere.data() + elsewhere.size();
            return found == sample.data() + (at_x + space[0] * (at_y + space[1] * at_z)) * C;
          };
          right =
              right && is_right(lines.inside() ? lines.template at<true>(x, y, z) : lines.template at<false>(x, y, z));
        }
      }
    }
  }
  CHECK(right);
  CHECK(says_inside);
}

template <Boundary Edge>
void check_everywhere() {
  check_lines<Edge, 1, 0, 0>({7, 1, 1});
  check_lines<Edge, 2, 0, 0>({3, 4, 2});
  check_lines<Edge, 1, 1, 0>({2, 2, 3});
  check_lines<Edge, 1, 1, 0>({6, 5, 1});
  check_lines<Edge, 0, 2, 1>({1, 3, 2});
  check_lines<Edge, 1, 2, 3>({5, 4, 6});
  if (std::is_same_v<Edge, Reflect>) return;  // which needs more cells than it reaches
  check_lines<Edge, 1, 1, 1>({1, 1, 1});
  check_lines<Edge, 3, 1, 0>({2, 1, 1});
  check_lines<Edge, 2, 2, 2>({2, 1, 3});
}

}  // namespace

TEST_CASE("lines show the neighbours that the boundary says", "[unit][stencil]") {
  check_everywhere<Zero>();
  check_everywhere<Periodic>();
  check_everywhere<Reflect>();
  check_everywhere<Replicate>();
}

TEST_CASE("what is added to a line beyond a zero edge goes elsewhere", "[unit][stencil]") {
  std::vector<double> sample(2 * 2 * 2, 1.0), elsewhere(2 * 2, 0.0);
  Lines<double, Zero, 2, 1, 1, 0> lines(sample.data(), {2, 2, 1}, elsewhere.data());
  lines.go_to(0);
  for (int y = -1; y <= 1; ++y) {
    for (int x = -1; x <= 1; ++x) lines.at<false>(x, y, 0)[0] += 10;
  }
  CHECK(sample == std::vector<double>{11, 1, 11, 1, 11, 1, 11, 1});
  CHECK(elsewhere[0] + elsewhere[2] == 50);
}
