#include "basin/stencil/boundary.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace basin;

namespace {

static_assert(Boundary<Zero> && Boundary<Periodic> && Boundary<Reflect> && Boundary<Replicate>);
struct NoSource {
  static void check_border(Index, Index) {}
};
struct NoCheck {
  static Index source(Index i, Index) { return i; }
};
static_assert(!Boundary<NoSource> && !Boundary<NoCheck> && !Boundary<int>);

/// What stands at -3 ... 6 of a line of four cells.
template <Boundary B>
std::vector<Index> around_four() {
  std::vector<Index> seen;
  for (Index i = -3; i < 7; ++i) seen.push_back(B::source(i, 4));
  return seen;
}

}  // namespace

TEST_CASE("each boundary shows its cells beyond the edge", "[unit][boundary]") {
  constexpr Index o = nothing;
  CHECK(around_four<Zero>() == std::vector<Index>{o, o, o, 0, 1, 2, 3, o, o, o});
  CHECK(around_four<Periodic>() == std::vector<Index>{1, 2, 3, 0, 1, 2, 3, 0, 1, 2});
  CHECK(around_four<Reflect>() == std::vector<Index>{3, 2, 1, 0, 1, 2, 3, 2, 1, 0});
  CHECK(around_four<Replicate>() == std::vector<Index>{0, 0, 0, 0, 1, 2, 3, 3, 3, 3});
  // A ring goes round more than once, and a single cell is its own neighbour.
  CHECK(Periodic::source(-9, 4) == 3);
  CHECK(Periodic::source(9, 4) == 1);
  CHECK(Periodic::source(-5, 1) == 0);
  CHECK(Replicate::source(5, 1) == 0);
}

TEST_CASE("a reflecting boundary needs more cells than the border", "[unit][boundary]") {
  CHECK_NOTHROW(Reflect::check_border(2, 3));
  CHECK_NOTHROW(Reflect::check_border(0, 1));
  CHECK_THROWS_AS(Reflect::check_border(2, 2), std::invalid_argument);
  CHECK_THROWS_WITH(Reflect::check_border(2, 2),
                    "reflect boundary: extent of the grid is 2, expected more than the border, 2");
  CHECK_NOTHROW(Zero::check_border(5, 1));
  CHECK_NOTHROW(Periodic::check_border(5, 1));
  CHECK_NOTHROW(Replicate::check_border(5, 1));
}

TEST_CASE("boundaries have names", "[unit][boundary]") {
  CHECK(Zero::label == "zero");
  CHECK(Periodic::label == "periodic");
  CHECK(Reflect::label == "reflect");
  CHECK(Replicate::label == "replicate");
}
