#include "basin/nca/life_like.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <set>

#include "basin/nca/unbounded.hpp"
#include "nca/pictures.hpp"
#include "stencil/naive_boundary.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Plane = UnboundedPlane<LifeLikeAutomaton<Zero>>;

/// Life with a pattern at a place where it crosses tiles on both sides of zero.
Plane life(std::string_view rows) {
  Plane plane(LifeLikeAutomaton<Zero>{});
  place(plane, rows, -2, -1);
  return plane;
}

/// The populations of a pattern at ascending generations.
std::vector<Index> populations(std::string_view rows, const std::vector<Index>& generations) {
  Plane plane = life(rows);
  std::vector<Index> out;
  Index now = 0;
  for (const Index t : generations) {
    static_cast<void>(plane.advance(t - now));
    now = t;
    out.push_back(plane.population());
  }
  return out;
}

/// Checks that a pattern is itself again after some steps, moved.
void check_moves(std::string_view rows, Index steps, Index by_x, Index by_y) {
  Plane plane = life(rows);
  const Box before = plane.bounds();
  const State<float> cells = plane.crop(before);
  static_cast<void>(plane.advance(steps));
  CHECK(plane.bounds() == Box{before.x + by_x, before.y + by_y, before.width, before.height});
  CHECK(plane.crop(plane.bounds()).values == cells.values);
}

template <Boundary Edge>
void check_naive(const LifeLike& rule, Index width, Index height) {
  State<float> z = random_bits(Shape{1, {width, height, 1}, 1}, 5, 0.4);
  for (int t = 0; t < 4; ++t) {
    CAPTURE(rule.to_string(), width, height, Edge::label, t);
    const State<float> expected = naive_life(z, rule, naive_source<Edge>);
    CHECK(after(LifeLikeAutomaton<Edge>{.rule = rule}, z, 1).values == expected.values);
    z = expected;
  }
}

}  // namespace

TEST_CASE("life: rules are read in each notation", "[unit]") {
  const LifeLike life;
  for (const char* text : {"B3/S23", "b3/s23", "B3S23", "S23/B3", "s32b3", "23/3", "32/3"}) {
    CAPTURE(text);
    CHECK(LifeLike::parse(text) == life);
  }
  CHECK(life.to_string() == "B3/S23");
  CHECK(LifeLike::parse("B2/S") == LifeLike{.born = 4, .survives = 0});
  CHECK(LifeLike::parse("/2") == LifeLike{.born = 4, .survives = 0});
  CHECK(LifeLike::parse("B/S") == LifeLike{.born = 0, .survives = 0});
  CHECK(LifeLike::parse("B012345678/S012345678") == LifeLike{.born = 511, .survives = 511});
  CHECK(LifeLike::parse("B0/S8").born_of_nothing());
  for (int born = 0; born < 512; ++born) {
    const LifeLike rule{static_cast<std::uint16_t>(born), static_cast<std::uint16_t>(born * 7 % 512)};
    REQUIRE(LifeLike::parse(rule.to_string()) == rule);
  }
}

TEST_CASE("life: what is no rule is refused", "[unit]") {
  for (const char* text : {"", "B3", "S23", "3", "23", "B3/S9", "B33/S23", "B3/S23/", "B3//S23", "23//3", "B3/S23/S3",
                           "B3/23", "3/S23", "/B3/S23", "B3 /S23", "R30", "B3/S23V", "23/3/2", "B3/B3"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(LifeLike::parse(text), std::invalid_argument);
  }
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(LifeLike::parse("B3/S29"), std::invalid_argument,
                       Message("Life-like rule is 'B3/S29', expected such as B3/S23, each count of neighbours at most "
                               "once and from 0 to 8, or survival first, such as 23/3"));
  CHECK_THROWS_AS(LifeLike{}.out_shape(Shape{3, {4, 1, 1}, 1}), std::invalid_argument);
  CHECK_THROWS_WITH(Plane(LifeLikeAutomaton<Zero>{.rule = LifeLike::parse("B0/S")}),
                    "UnboundedPlane: what the automaton makes of an empty plane is 1, expected 0, nothing");
}

TEST_CASE("life: numbers other than 0 and 1 count as whole neighbours, and NaN as none", "[unit]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> seen{0, 3.2f, 1, 100, 0, -5, nan, 3, 1, nan};
  std::vector<float> out(5, -1.0f);
  LifeLike::parse("B3/S8").apply<float>({}, View<const float>(seen.data(), Shape{2, {5, 1, 1}, 1}),
                                        View<float>(out.data(), Shape{1, {5, 1, 1}, 1}));
  CHECK(out == std::vector<float>{1, 1, 0, 1, 0});
}

TEST_CASE("life: rules on tori and in boxes, against the words of the definition", "[unit]") {
  for (const char* text : {"B3/S23", "B36/S23", "B2/S", "B3678/S34678", "B0/S8", "B01234/S1"}) {
    const LifeLike rule = LifeLike::parse(text);
    check_naive<Periodic>(rule, 37, 29);
    check_naive<Zero>(rule, 37, 29);
    check_naive<Replicate>(rule, 1, 5);
    check_naive<Periodic>(rule, 2, 3);
  }
  check_naive<Zero>({}, 70, 40);
  check_naive<Reflect>({}, 20, 2);
}

TEST_CASE("life: gliders and spaceships", "[exam]") {
  const OneThread one_thread;
  CHECK(populations(glider, {0, 1, 2, 3, 4, 400}) == std::vector<Index>{5, 5, 5, 5, 5, 5});
  check_moves(glider, 4, 1, 1);
  check_moves(glider, 4000, 1000, 1000);
  CHECK(populations(spaceship, {0, 1, 2, 3, 4}) == std::vector<Index>{9, 12, 9, 12, 9});
  check_moves(spaceship, 4, -2, 0);
  check_moves(spaceship, 400, -200, 0);
  CHECK(populations(pulsar, {0, 1, 2, 3, 300}) == std::vector<Index>{48, 56, 72, 48, 48});
}

TEST_CASE("life: methuselahs", "[exam]") {
  const OneThread one_thread;
  CHECK(populations(diehard, {128, 129, 130, 200}) == std::vector<Index>{3, 2, 0, 0});
  CHECK(populations(r_pentomino, {0, 1, 2, 3, 4, 5, 6, 7, 8, 100}) ==
        std::vector<Index>{5, 6, 7, 9, 8, 9, 12, 11, 18, 121});
}

#ifdef NDEBUG  // half a second each; half a minute and more where nothing is optimized
TEST_CASE("life: the R-pentomino, generation by generation until it rests", "[exam]") {
  const OneThread one_thread;
  Plane plane = life(r_pentomino);
  std::vector<Index> all;
  for (Index t = 0; t <= 1103; ++t) {
    all.push_back(plane.population());
    static_cast<void>(plane.advance(1));
  }
  CHECK(*std::max_element(all.begin(), all.end()) == 319);
  CHECK(std::max_element(all.begin(), all.end()) - all.begin() == 821);
  CHECK(all[1103] == 116);
  static_cast<void>(plane.advance(100));
  CHECK(plane.population() == 116);
}
#endif

TEST_CASE("life: the acorn, against a set of living cells", "[unit]") {
  const OneThread one_thread;
  Plane plane = life(acorn);
  std::set<std::pair<Index, Index>> cells;
  plane.each_cell([&](Index x, Index y, const float*) { cells.emplace(x, y); });
  for (int t = 0; t < 200; ++t) {
    std::map<std::pair<Index, Index>, int> neighbours;
    for (const auto& [x, y] : cells) {
      for (Index v = y - 1; v <= y + 1; ++v) {
        for (Index u = x - 1; u <= x + 1; ++u) neighbours[{u, v}] += u == x && v == y ? 0 : 1;
      }
    }
    std::erase_if(neighbours,
                  [&](const auto& n) { return n.second != 3 && !(n.second == 2 && cells.contains(n.first)); });
    cells.clear();
    for (const auto& n : neighbours) cells.insert(n.first);
  }
  static_cast<void>(plane.advance(200));
  bool right = true;
  plane.each_cell([&](Index x, Index y, const float*) { right = right && cells.contains({x, y}); });
  CHECK(right);
  CHECK(plane.population() == static_cast<Index>(cells.size()));
}

#ifdef NDEBUG
TEST_CASE("life: the acorn, to generation 5206", "[exam]") {
  const OneThread one_thread;
  Plane plane = life(acorn);
  static_cast<void>(plane.advance(5206));
  CHECK(plane.population() == 633);
  static_cast<void>(plane.advance(30));
  CHECK(plane.population() == 633);
}
#endif

TEST_CASE("life: the gun shoots a glider every 30 generations", "[exam]") {
  const OneThread one_thread;
  CHECK(populations(gosper_gun, {0, 30, 60, 150, 300}) == std::vector<Index>{36, 41, 46, 61, 86});
}
