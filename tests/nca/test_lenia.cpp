#include "basin/nca/lenia.hpp"

#include <catch2/catch.hpp>
#include <complex>
#include <numbers>

#include "basin/nca/orbium.hpp"
#include "basin/nca/unbounded.hpp"
#include "nca/pictures.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// Orbium on a torus of 64 x 64 cells.
template <class S>
State<S> orbium_on_torus() {
  State<S> out(Shape{1, {64, 64, 1}, 1});
  const State<S> pattern = orbium<S>();
  for (Index y = 0; y < 20; ++y) out.values.segment((y + 22) * 64 + 22, 20) = pattern.values.segment(y * 20, 20);
  return out;
}

/// Where the mass of a torus is centred along its two axes, as angles.
std::array<double, 2> centre(const State<double>& z) {
  std::complex<double> x, y;
  const Index width = z.shape.space[0], height = z.shape.space[1];
  for (Index i = 0; i < z.values.size(); ++i) {
    x += z.values[i] *
         std::polar(1.0, 2 * std::numbers::pi * static_cast<double>(i % width) / static_cast<double>(width));
    y += z.values[i] *
         std::polar(1.0, 2 * std::numbers::pi * static_cast<double>(i / width) / static_cast<double>(height));
  }
  return {std::arg(x), std::arg(y)};
}

template <class S, class Observe>
void swim(Index steps, const Observe& observe) {
  const auto automaton = lenia();
  State<S> z = orbium_on_torus<S>(), next(z.shape);
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(z.shape.cells()));
  for (Index t = 0; t <= steps; ++t) {
    observe(t, z);
    static_cast<void>(automaton.template step<S>({}, z.view(), next.view(), marks.data()));
    std::swap(z.values, next.values);
  }
}

}  // namespace

TEST_CASE("lenia: Orbium keeps its mass and its speed", "[exam]") {
  const OneThread one_thread;
  const std::vector<std::pair<Index, double>> masses{
      {0, 75.100}, {1, 73.346}, {10, 72.679}, {100, 70.893}, {500, 71.116}};
  std::array<double, 2> last{}, way{};
  swim<double>(500, [&](Index t, const State<double>& z) {
    for (const auto& [when, mass] : masses) {
      // The numbers are given to three places.
      if (t == when) CHECK(std::abs(z.values.sum() - mass) < 5.1e-4);
    }
    const std::array<double, 2> now = centre(z);
    for (std::size_t axis = 0; axis < 2; ++axis) {
      if (t > 0) way[axis] += std::remainder(now[axis] - last[axis], 2 * std::numbers::pi) * 32 / std::numbers::pi;
    }
    last = now;
  });
  // The mean over these steps, to four places: the first hundred, before it has its shape, are a little faster.
  CHECK(std::abs(std::hypot(way[0], way[1]) / 500 - 0.6152) < 5.1e-5);
  CHECK(way[0] > 0);
  CHECK(way[1] > 0);
}

TEST_CASE("lenia: float swims as double does", "[unit]") {
  const OneThread one_thread;
  State<double> exact;
  swim<double>(30, [&](Index, const State<double>& z) { exact = z; });
  State<float> single;
  swim<float>(30, [&](Index, const State<float>& z) { single = z; });
  CHECK(relative_error(single.values, exact.values) < 1e-4);
}

TEST_CASE("lenia: on an unbounded plane Orbium swims as on a torus", "[unit]") {
  const OneThread one_thread;
  UnboundedPlane<Lenia<Zero>, double> plane(lenia<Zero>());
  const State<double> animal = orbium<double>();
  plane.place(animal.view(), 0, 0);
  static_cast<void>(plane.advance(25));
  State<double> torus;
  swim<double>(25, [&](Index, const State<double>& z) { torus = z; });
  double mass = 0;
  plane.each_cell([&](Index, Index, const double* cell) { mass += *cell; });
  CHECK(std::abs(mass - torus.values.sum()) < 1e-11);
}

TEST_CASE("lenia: kernel and growth", "[unit]") {
  const std::vector<double> one{1}, rings{0.5, 1};
  CHECK(lenia_kernel(0, one) == 0);
  CHECK(lenia_kernel(0.5, one) == 1);
  CHECK(lenia_kernel(0.25, one) == Approx(std::exp(4 - 1 / (0.25 * 0.75))));
  CHECK(lenia_kernel(1, one) == 0);
  CHECK(lenia_kernel(0.25, rings) == 0.5);
  CHECK(lenia_kernel(0.5, rings) == 0);
  CHECK(lenia_kernel(0.75, rings) == 1);
  const auto automaton = lenia({.radius = 4, .steps_per_time = 5, .centre = 0.2, .width = 0.1, .rings = rings});
  CHECK(automaton.update.rate == 0.2);
  CHECK(automaton.perception.weight(3, 0) / automaton.perception.weight(1, 0) == Approx(2));
  const Eigen::ArrayXd u = Eigen::ArrayXd::LinSpaced(3, 0.1, 0.3);
  const Eigen::ArrayXd growth = automaton.rule.map(u);
  CHECK(growth[0] == Approx(2 * std::exp(-0.5) - 1));
  CHECK(growth[1] == Approx(1));
  CHECK(growth[2] == Approx(growth[0]));
}

TEST_CASE("lenia: it is a cell that can be differentiated", "[gradient]") {
  // A growth wide enough for numbers of either sign, and those between the clips: of the others it is zero.
  check_cell(lenia<Periodic>({.radius = 3, .steps_per_time = 4, .centre = 0.1, .width = 0.7}), Shape{0, {7, 6, 1}, 2});
  check_cell(lenia<Zero>({.radius = 2, .steps_per_time = 4, .centre = 0.1, .width = 0.7}), Shape{0, {5, 9, 1}, 1});
}

TEST_CASE("lenia: what is wrong is refused", "[unit]") {
  CHECK_THROWS_WITH(lenia({.radius = 1}), "Lenia: radius is 1, expected 2 or more");
  CHECK_THROWS_WITH(lenia({.steps_per_time = 0}), "Lenia: steps in a unit of time is 0, expected above 0");
  CHECK_THROWS_WITH(lenia({.width = -1}), "Lenia: width of the growth is -1, expected above 0");
  CHECK_THROWS_WITH(lenia({.rings = {}}), "Lenia: height of the highest ring is 0, expected above 0");
  CHECK_THROWS_WITH(lenia({.rings = {1, -0.5}}), "Lenia: height of a ring is -0.5, expected 0 or more");
}
