#include "basin/nca/alive.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "basin/stencil/hexagonal.hpp"
#include "nca/naive_automaton.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// Marks of all lines in parts of a few lines, against the definition.
template <Boundary Edge, class Around = BoxAround>
void check_marks(const std::array<Index, 3>& space, Index lines_at_once) {
  CAPTURE(Edge::label, space[0], space[1], space[2], lines_at_once);
  const Shape shape{1, space, 1};
  const Index cells = shape.cells(), lines = cells / space[0];
  const State<float> plane = random_state<float>(shape, 1);
  // So that about every second box of nine has one above.
  const float threshold = 1.4f;
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(cells), 99);
  for (Index first = 0; first < lines; first += lines_at_once) {
    const Index last = std::min(lines, first + lines_at_once);
    std::uint8_t* const mark = marks.data() + first * space[0];
    if constexpr (Stencil<Around>) {
      detail::mark_around<Edge, Around>(plane.values.data(), space, first, last, threshold, mark);
    } else {
      detail::mark_around<Edge>(plane.values.data(), space, first, last, threshold, mark);
    }
  }
  bool right = true;
  for (Index i = 0; i < cells; ++i) {
    bool above = false;
    const int reach_y = space[1] > 1 ? 1 : 0, reach_z = space[2] > 1 ? 1 : 0, reach_x = space[0] > 1 ? 1 : 0;
    for (int z = -reach_z; z <= reach_z; ++z) {
      for (int y = -reach_y; y <= reach_y; ++y) {
        for (int x = -reach_x; x <= reach_x; ++x) {
          if (std::is_same_v<Around, HexMean<1>> && x * y == 1) continue;
          const Index from = neighbour(shape, naive_source<Edge>, i, {x, y, z, 1});
          above = above || (from >= 0 && plane.values[from] > threshold);
        }
      }
    }
    right = right && marks[static_cast<std::size_t>(i)] == (above ? 1 : 0);
  }
  CHECK(right);
}

template <Boundary Edge>
void check_everywhere() {
  check_marks<Edge>({13, 1, 1}, 1);
  check_marks<Edge>({1, 1, 1}, 1);
  check_marks<Edge>({2, 2, 1}, 1);
  check_marks<Edge>({1, 9, 1}, 4);
  check_marks<Edge>({11, 9, 1}, 9);
  check_marks<Edge>({11, 9, 1}, 2);
  check_marks<Edge>({4, 3, 5}, 3);
  check_marks<Edge>({5, 1, 4}, 2);
  check_marks<Edge, HexMean<1>>({11, 9, 1}, 4);
  check_marks<Edge, HexMean<1>>({2, 2, 1}, 1);
}

}  // namespace

TEST_CASE("a cell is alive if one of the box around it is above the threshold", "[unit][alive]") {
  check_everywhere<Zero>();
  check_everywhere<Periodic>();
  check_everywhere<Reflect>();
  check_everywhere<Replicate>();
}

TEST_CASE("at the threshold a cell is dead", "[unit][alive]") {
  const std::vector<double> plane{0.1, 0.1, 0.1};
  std::vector<std::uint8_t> marks(3);
  detail::mark_around<Zero>(plane.data(), {3, 1, 1}, 0, 1, 0.1, marks.data());
  CHECK(marks == std::vector<std::uint8_t>{0, 0, 0});
  detail::mark_around<Zero>(plane.data(), {3, 1, 1}, 0, 1, 0.09, marks.data());
  CHECK(marks == std::vector<std::uint8_t>{1, 1, 1});
}

TEST_CASE("a number that is none does not die unseen", "[unit][alive]") {
  const double none = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> plane{0, 0, none, 0, 0};
  std::vector<std::uint8_t> marks(5);
  detail::mark_around<Zero>(plane.data(), {5, 1, 1}, 0, 1, 0.1, marks.data());
  CHECK(marks == std::vector<std::uint8_t>{0, 1, 1, 1, 0});
}
