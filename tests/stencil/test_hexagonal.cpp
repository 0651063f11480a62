#include "basin/stencil/hexagonal.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

using namespace basin;

namespace {

/// The stencil's value at the origin on the plane X^a Y^b, in the coordinates of hex_centre.
template <Stencil T>
double on(int a, int b) {
  double sum = 0;
  for (const Tap& tap : T::taps) {
    const auto centre = hex_centre(tap.x, tap.y);
    sum += tap.weight * std::pow(centre[0], a) * std::pow(centre[1], b);
  }
  return sum;
}

}  // namespace

TEST_CASE("six hexagons stand at the distance 1, and steps are counted as a walk counts them", "[unit][stencil]") {
  int neighbours = 0;
  for (int y = -3; y <= 3; ++y) {
    for (int x = -3; x <= 3; ++x) {
      const auto [X, Y] = hex_centre(x, y);
      const bool near = std::abs(std::hypot(X, Y) - 1) < 1e-12;
      neighbours += near ? 1 : 0;
      CHECK(near == (hex_distance(x, y) == 1));
      // A walk: n steps reach a cell if n - 1 steps reach one of its six neighbours.
      if (x == 0 && y == 0) continue;
      int least = 100;
      for (const Tap& tap : HexRing<1>::taps) least = std::min(least, hex_distance(x + tap.x, y + tap.y));
      CHECK(hex_distance(x, y) == least + 1);
    }
  }
  CHECK(neighbours == 6);
}

TEST_CASE("stencils of hexagons on planes and paraboloids", "[unit][stencil]") {
  CHECK(HexRing<1>::taps.size() == 6);
  CHECK(HexRing<3>::taps.size() == 18);
  CHECK(HexMean<1>::taps.size() == 7);
  CHECK(HexMean<3>::taps.size() == 37);
  CHECK(on<HexRing<2>>(0, 0) == 12);
  CHECK(on<HexMean<2>>(0, 0) == Approx(1));
  CHECK(on<HexMean<2>>(1, 0) == Approx(0).margin(1e-15));
  const auto slope = [](auto stencil, double along_x, double along_y) {
    using T = decltype(stencil);
    CHECK(on<T>(0, 0) == Approx(0).margin(1e-15));
    CHECK(on<T>(1, 0) == Approx(along_x).margin(1e-15));
    CHECK(on<T>(0, 1) == Approx(along_y).margin(1e-15));
    CHECK(on<T>(2, 0) == Approx(0).margin(1e-15));
    CHECK(on<T>(1, 1) == Approx(0).margin(1e-15));
    CHECK(on<T>(0, 2) == Approx(0).margin(1e-15));
  };
  slope(HexGradientX{}, 1, 0);
  slope(HexGradientY{}, 0, 1);
  const auto laplacian = [](int a, int b) { return on<HexLaplacian>(a, b); };
  CHECK(laplacian(0, 0) == Approx(0).margin(1e-15));
  CHECK(laplacian(1, 0) == Approx(0).margin(1e-15));
  CHECK(laplacian(0, 1) == Approx(0).margin(1e-15));
  CHECK(laplacian(2, 0) == Approx(2));
  CHECK(laplacian(0, 2) == Approx(2));
  CHECK(laplacian(1, 1) == Approx(0).margin(1e-15));
}

TEST_CASE("a turn by 60 degrees goes round the ring, and turns the slopes", "[unit][stencil]") {
  for (const Tap& tap : HexRing<3>::taps) {
    const auto before = hex_centre(tap.x, tap.y), after = hex_centre(-tap.y, tap.x + tap.y);
    CHECK(hex_distance(-tap.y, tap.x + tap.y) == 3);
    CHECK(after[0] == Approx(0.5 * before[0] - std::sqrt(0.75) * before[1]).margin(1e-14));
    CHECK(after[1] == Approx(std::sqrt(0.75) * before[0] + 0.5 * before[1]).margin(1e-14));
  }
}
