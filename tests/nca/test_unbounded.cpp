#include "basin/nca/unbounded.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "basin/layers/dense.hpp"
#include "basin/nca/elementary.hpp"
#include "basin/nca/lenia.hpp"
#include "nca/pictures.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Life = LifeLikeAutomaton<Zero>;
using Plane = UnboundedPlane<Life>;
/// Life in another way, which reaches further: what lives around a cell before and after a step decides as well.
using Masked = Automaton<Perceive<1, Zero, Centre, Moore<2>>, LifeLike, EveryCell, AliveMask<0>, Replace>;

}  // namespace

TEST_CASE("unbounded: like a grid that is large enough, for any tiles and steps", "[unit]") {
  const OneThread one_thread;
  const State<float> start = random_bits(Shape{1, {20, 14, 1}, 1}, 2, 0.4);
  State<float> grid(Shape{1, {56, 50, 1}, 1});
  for (Index y = 0; y < 14; ++y) {
    for (Index x = 0; x < 20; ++x) grid.values[(y + 18) * 56 + x + 18] = start.values[y * 20 + x];
  }
  const State<float> expected = after(Life{}, grid, 17);
  for (const UnboundedOptions& options :
       {UnboundedOptions{}, UnboundedOptions{.steps = 1, .tile = 1}, UnboundedOptions{.steps = 3, .tile = 2},
        UnboundedOptions{.steps = 4, .tile = 7}, UnboundedOptions{.steps = 9, .tile = 5}}) {
    CAPTURE(options.tile, options.steps);
    Plane plane(Life{}, {}, options);
    UnboundedPlane masked(Masked{}, std::vector<float>{}, options);
    plane.place(start.view(), -7, 1000);
    masked.place(start.view(), -7, 1000);
    static_cast<void>(plane.advance(6));  // in pieces that do not fit the steps of a block
    static_cast<void>(plane.advance(11));
    static_cast<void>(masked.advance(17));
    const Box box{-7 - 18, 1000 - 18, 56, 50};
    CHECK(plane.crop(box).values == expected.values);
    CHECK(masked.crop(box).values == expected.values);
    CHECK(plane.population() == static_cast<Index>(expected.values.sum()));
  }
}

TEST_CASE("unbounded: tiles at rest are found, and woken", "[unit]") {
  const OneThread one_thread;
  // A blinker and a block rest; a glider passes, then another is put beside them.
  Plane plane(Life{});
  place(plane, "OOO", 0, 0);
  place(plane, "OO\nOO", 10, -40);
  static_cast<void>(plane.advance(100));
  CHECK(plane.crop({0, 0, 3, 1}).values == picture("OOO").values);
  CHECK(plane.population() == 7);
  place(plane, glider, -30, -30);
  static_cast<void>(plane.advance(120));

  State<float> grid(Shape{1, {128, 128, 1}, 1});
  const auto put = [&](std::string_view rows, Index x, Index y) {
    const State<float> cells = picture(rows);
    for (Index j = 0; j < cells.shape.space[1]; ++j) {
      for (Index i = 0; i < cells.shape.space[0]; ++i) {
        grid.values[(y + 64 + j) * 128 + x + 64 + i] = cells.values[j * cells.shape.space[0] + i];
      }
    }
  };
  put("OOO", 0, 0);
  put("OO\nOO", 10, -40);
  put(glider, -30, -30);
  CHECK(plane.crop({-64, -64, 128, 128}).values == after(Life{}, grid, 120).values);
}

TEST_CASE("unbounded: threads change nothing", "[repeatable]") {
  // Large enough for several groups of blocks.
  const State<float> start = random_bits(Shape{1, {200, 210, 1}, 1}, 8, 0.4);
  std::array<State<float>, 2> ends;
  for (const int count : {1, 2}) {
    set_threads(count);
    Plane fresh(Life{});
    fresh.place(start.view(), 0, 0);
    static_cast<void>(fresh.advance(9));
    ends[static_cast<std::size_t>(count - 1)] = fresh.crop({-10, -10, 220, 230});
  }
  set_threads(0);
  CHECK(ends[0].values == ends[1].values);
  State<float> grid(Shape{1, {220, 230, 1}, 1});
  for (Index y = 0; y < 210; ++y) grid.values.segment((y + 10) * 220 + 10, 200) = start.values.segment(y * 200, 200);
  CHECK(ends[0].values == after(Life{}, grid, 9).values);
}

TEST_CASE("unbounded: bounds, crops, and the empty plane", "[unit]") {
  Plane plane(Life{});
  CHECK(plane.bounds() == Box{});
  CHECK(plane.population() == 0);
  static_cast<void>(plane.advance(10));
  CHECK(plane.tiles() == 0);
  place(plane, "....\n.O.O", -1, 5);
  CHECK(plane.bounds() == Box{0, 6, 3, 1});
  CHECK(plane.crop({-1, 6, 5, 1}).values == picture(".O.O.").values);
  CHECK(plane.crop({100, 100, 2, 2}).values == picture("..\n..").values);
  place(plane, "....\n....", -1, 5);  // zeros are written too
  CHECK(plane.population() == 0);
  CHECK(plane.tiles() == 0);
}

TEST_CASE("unbounded: lines do not see one another in an automaton of lines", "[unit]") {
  UnboundedPlane plane(ElementaryAutomaton<Zero>{.rule = Elementary::numbered(90)}, std::vector<float>{});
  place(plane, "O\n.\nO", 0, 0);
  static_cast<void>(plane.advance(7));
  CHECK(plane.population() == 16);
  CHECK(plane.bounds() == Box{-7, 0, 15, 3});
}

TEST_CASE("unbounded: several features, parameters, and a large reach", "[unit]") {
  // A linear rule without bias: the exact spread of one cell is that on a large grid.
  using Spread = Automaton<Perceive<2, Zero, Centre, Laplacian<2>>, Dense<4, 2, Bias::no>, EveryCell>;
  const std::vector<double> theta{0.1, 0.2, -0.3, 0.05, 0.2, 0.1, 0.15, -0.1};
  State<double> one(Shape{2, {1, 1, 1}, 1}), grid(Shape{2, {31, 31, 1}, 1}), next(grid.shape);
  one.values << 1, -2;
  grid.values.segment(2 * (15 * 31 + 15), 2) = one.values;
  UnboundedPlane plane(Spread{}, theta);
  plane.place(one.view(), 15, 15);
  static_cast<void>(plane.advance(9));
  std::vector<std::uint8_t> marks(31 * 31);
  for (int t = 0; t < 9; ++t) {
    static_cast<void>(
        Spread{}.step<double>(std::span<const double, 8>(theta.data(), 8), grid.view(), next.view(), marks.data()));
    std::swap(grid.values, next.values);
  }
  CHECK(plane.crop({0, 0, 31, 31}).values == grid.values);
}

TEST_CASE("unbounded: what is wrong is refused", "[unit]") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(Plane(Life{}, {1.0f}), "UnboundedPlane: number of parameters is 1, expected 0");
  CHECK_THROWS_WITH(Plane(Life{}, {}, {.steps = 0}), "UnboundedPlane: steps of a block is 0, expected 1 or more");
  CHECK_THROWS_WITH(Plane(Life{}, {}, {.tile = -1}), Contains("cells of a tile is -1"));
  Plane plane(Life{});
  CHECK_THROWS_WITH(plane.advance(-1), "UnboundedPlane: steps is -1, expected 0 or more");
  const State<float> two_features(Shape{2, {3, 3, 1}, 1});
  CHECK_THROWS_WITH(plane.place(two_features.view(), 0, 0),
                    "shape of a pattern is (2, 3, 3, 1, 1), expected (1, X, Y, 1, 1)");
  CHECK_THROWS_WITH(plane.crop({0, 0, -1, 2}), Contains("size of a box is -1x2"));
  // A rule with a bias makes something of nothing.
  using Biased = Automaton<Perceive<1, Zero, Centre, Moore<2>>, Dense<2, 1>, EveryCell>;
  CHECK_THROWS_WITH(UnboundedPlane(Biased{}, std::vector<float>{0, 0, 0.5f}), Contains("empty plane is 0.5"));
  CHECK_NOTHROW(UnboundedPlane(Biased{}, std::vector<float>{1, 1, 0}));
  Biased noisy;
  noisy.update.noise = 0.1;
  CHECK_THROWS_WITH(UnboundedPlane(noisy, std::vector<float>{1, 1, 0}), Contains("noise of the automaton"));
  using Deep = Automaton<Perceive<1, Zero, Moore<3>>, Dense<1, 1>, EveryCell>;
  CHECK_THROWS_WITH(UnboundedPlane(Deep{}, std::vector<float>{1, 0}), Contains("along z is 1, expected 0"));
}
