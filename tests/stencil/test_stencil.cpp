#include "basin/stencil/stencil.hpp"

#include <catch2/catch.hpp>
#include <cmath>

using namespace basin;

namespace {

struct NoTaps {};
static_assert(Stencil<Centre> && Stencil<Moore<3>> && Stencil<Times<SobelX, 8>>);
static_assert(!Stencil<NoTaps> && !Stencil<int>);

/// The stencil's value at the origin on the grid x^a y^b z^c.
template <Stencil T>
double on(int a, int b = 0, int c = 0) {
  double sum = 0;
  for (const Tap& tap : T::taps) sum += tap.weight * std::pow(tap.x, a) * std::pow(tap.y, b) * std::pow(tap.z, c);
  return sum;
}

}  // namespace

// All weights are sums of powers of two, so every comparison is exact.

TEST_CASE("Sobel's filters are slopes along their axis", "[unit][stencil]") {
  CHECK(on<SobelX>(0) == 0);
  CHECK(on<SobelX>(1, 0) == 1);
  CHECK(on<SobelX>(0, 1) == 0);
  CHECK(on<SobelX>(1, 1) == 0);
  CHECK(on<SobelX>(2, 0) == 0);
  CHECK(on<SobelX>(1, 2) == 0.5);  // smoothed along y: half the weight stands beside the line
  CHECK(on<SobelY>(0) == 0);
  CHECK(on<SobelY>(1, 0) == 0);
  CHECK(on<SobelY>(0, 1) == 1);
  CHECK(on<SobelY>(2, 1) == 0.5);
  for (int y = -1; y <= 1; ++y) {
    for (int x = -1; x <= 1; ++x) {
      CHECK(detail::weight_at<SobelX>(x, y, 0) == x * (y == 0 ? 2 : 1) / 8.0);
      CHECK(detail::weight_at<SobelY>(x, y, 0) == detail::weight_at<SobelX>(y, x, 0));
    }
  }
}

TEST_CASE("central differences are slopes along one axis", "[unit][stencil]") {
  CHECK(on<Gradient<0>>(1) == 1);
  CHECK(on<Gradient<1>>(0, 1) == 1);
  CHECK(on<Gradient<2>>(0, 0, 1) == 1);
  CHECK(on<Gradient<2>>(1) == 0);
  CHECK(on<Gradient<1>>(0) == 0);
  CHECK(on<Gradient<1>>(0, 2) == 0);
  CHECK(detail::reach_of<Gradient<2>> == std::array{0, 0, 1});
}

TEST_CASE("the Laplacian of x^2 is 2 on each axis that it has", "[unit][stencil]") {
  const auto check = [](auto laplacian, int axes) {
    using T = decltype(laplacian);
    CAPTURE(axes);
    CHECK(on<T>(0) == 0);
    CHECK(on<T>(1) == 0);
    CHECK(on<T>(2) == 2);
    CHECK(on<T>(0, 2) == (axes > 1 ? 2 : 0));
    CHECK(on<T>(0, 0, 2) == (axes > 2 ? 2 : 0));
    CHECK(on<T>(1, 1) == 0);
    CHECK(on<T>(0, 1) == 0);
  };
  check(Laplacian<1>{}, 1);
  check(Laplacian<2>{}, 2);
  check(Laplacian<3>{}, 3);
  // The nine points of Niklasson et al. 2021 are four times as large.
  using Published = Times<Laplacian<2>, 4>;
  for (int y = -1; y <= 1; ++y) {
    for (int x = -1; x <= 1; ++x) {
      const int away = x * x + y * y;
      CHECK(detail::weight_at<Published>(x, y, 0) == (away == 0 ? -12 : away == 1 ? 2 : 1));
    }
  }
  CHECK(Laplacian<3>::taps.size() == 7);
}

TEST_CASE("neighbourhoods have their cells once and not the centre", "[unit][stencil]") {
  const auto check = [](auto neighbourhood, std::size_t cells, auto belongs) {
    using T = decltype(neighbourhood);
    CHECK(T::taps.size() == cells);
    for (int z = -1; z <= 1; ++z) {
      for (int y = -1; y <= 1; ++y) {
        for (int x = -1; x <= 1; ++x) CHECK(detail::weight_at<T>(x, y, z) == (belongs(x, y, z) ? 1 : 0));
      }
    }
  };
  const auto touches = [](int axes) {
    return [axes](int x, int y, int z) {
      return (x != 0 || y != 0 || z != 0) && (axes > 1 || y == 0) && (axes > 2 || z == 0);
    };
  };
  const auto shares_face = [](int axes) {
    return [axes](int x, int y, int z) {
      return x * x + y * y + z * z == 1 && (axes > 1 || y == 0) && (axes > 2 || z == 0);
    };
  };
  check(Moore<1>{}, 2, touches(1));
  check(Moore<2>{}, 8, touches(2));
  check(Moore<3>{}, 26, touches(3));
  check(VonNeumann<1>{}, 2, shares_face(1));
  check(VonNeumann<2>{}, 4, shares_face(2));
  check(VonNeumann<3>{}, 6, shares_face(3));
}

TEST_CASE("the Gaussian keeps the mean and the place, with variance 1/2 along each axis", "[unit][stencil]") {
  CHECK(on<Gaussian<1>>(0) == 1);
  CHECK(on<Gaussian<2>>(0) == 1);
  CHECK(on<Gaussian<3>>(0) == 1);
  CHECK(on<Gaussian<3>>(1, 0, 0) == 0);
  CHECK(on<Gaussian<3>>(2, 0, 0) == 0.5);
  CHECK(on<Gaussian<3>>(0, 2, 0) == 0.5);
  CHECK(on<Gaussian<3>>(0, 0, 2) == 0.5);
  CHECK(on<Gaussian<2>>(0, 0, 2) == 0);
  CHECK(on<Gaussian<2>>(2, 2) == 0.25);
}

TEST_CASE("a shift reads one cell, the centre the cell itself, and Times scales", "[unit][stencil]") {
  CHECK(Centre::taps.size() == 1);
  CHECK(detail::weight_at<Centre>(0, 0, 0) == 1);
  CHECK(detail::weight_at<Shift<2, -3, 1>>(2, -3, 1) == 1);
  CHECK(detail::weight_at<Shift<2, -3, 1>>(0, 0, 0) == 0);
  CHECK(detail::reach_of<Shift<2, -3, 1>> == std::array{2, 3, 1});
  CHECK(detail::reach_of<Centre> == std::array{0, 0, 0});
  CHECK(detail::reach_of<SobelX> == std::array{1, 1, 0});
  CHECK(on<Times<SobelX, 8>>(1) == 8);
  CHECK(on<Times<Gaussian<2>, -3, 4>>(0) == -0.75);
}

TEST_CASE("neighbourhoods of any radius", "[unit][stencil]") {
  CHECK(Moore<2, 2>::taps.size() == 24);
  CHECK(Moore<3, 2>::taps.size() == 124);
  CHECK(Moore<1, 5>::taps.size() == 10);
  CHECK(VonNeumann<2, 2>::taps.size() == 12);
  CHECK(VonNeumann<3, 2>::taps.size() == 24);
  CHECK(BoxMean<2, 2>::taps.size() == 25);
  CHECK(BallMean<2, 1>::taps.size() == 5);
  CHECK(BallMean<2, 3>::taps.size() == 29);  // Gauss's circle problem: 1, 5, 13, 29, 49
  CHECK(BallMean<2, 4>::taps.size() == 49);
  CHECK(BallMean<3, 2>::taps.size() == 33);
  for (int y = -3; y <= 3; ++y) {
    for (int x = -3; x <= 3; ++x) {
      const int along = std::max(std::abs(x), std::abs(y)), steps = std::abs(x) + std::abs(y);
      CHECK(detail::weight_at<Moore<2, 2>>(x, y, 0) == (along == 1 || along == 2 ? 1 : 0));
      CHECK(detail::weight_at<VonNeumann<2, 2>>(x, y, 0) == (steps == 1 || steps == 2 ? 1 : 0));
      CHECK(detail::weight_at<BoxMean<2, 2>>(x, y, 0) == (along <= 2 ? 1 / 25.0 : 0));
      CHECK(detail::weight_at<BallMean<2, 2>>(x, y, 0) == (std::hypot(x, y) <= 2 ? 1 / 13.0 : 0));
    }
  }
  // (1 4 6 4 1) / 16, the square of (1 2 1) / 4.
  CHECK(detail::weight_at<Gaussian<1, 2>>(0, 0, 0) == 0.375);
  CHECK(detail::weight_at<Gaussian<1, 2>>(-1, 0, 0) == 0.25);
  CHECK(detail::weight_at<Gaussian<2, 2>>(2, 1, 0) == 1 / 64.0);
  CHECK(on<Gaussian<2, 3>>(0) == 1);
  CHECK(on<Gaussian<2, 3>>(2) == 1.5);
  CHECK(on<Gaussian<3, 2>>(0, 0, 2) == 1);
}
