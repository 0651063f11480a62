#include "basin/nca/expanded_lenia.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "basin/nca/lenia.hpp"
#include "basin/nca/tessellatium.hpp"
#include "nca/naive_automaton.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// Three kernels on two channels, of growths so wide that random states are not all clipped.
std::vector<LeniaKernel> three_kernels() {
  return {{.source = 0, .target = 1, .radius = 2.5, .profile = bell_rings({1}), .centre = 0.1, .width = 0.7},
          {.source = 1,
           .target = 0,
           .radius = 3,
           .profile = bell_rings({0.5, 1}),
           .centre = 0.3,
           .width = 0.9,
           .weight = 0.4},
          {.source = 1, .target = 1, .radius = 1, .centre = -0.2, .width = 0.8, .weight = 0.6}};
}

}  // namespace

TEST_CASE("expanded lenia: a channel with one kernel of its own is Lenia", "[unit]") {
  const LeniaOptions options{.radius = 4, .steps_per_time = 5, .centre = 0.2, .width = 0.1, .rings = {0.5, 1}};
  auto kernels = three_kernels();
  kernels[0] = {
      .radius = 4, .profile = [&](double r) { return lenia_kernel(r, options.rings); }, .centre = 0.2, .width = 0.1};
  kernels[1].target = 1;
  const auto many = expanded_lenia<2, 3>(kernels, 5);
  const auto theta = lenia_parameters<ExpandedLenia<2, 3>, double>(kernels);
  State<double> z(Shape{2, {12, 9, 1}, 1}), out(z.shape), alone(Shape{1, {12, 9, 1}, 1}), expected(alone.shape);
  z.values = random_state(z.shape, 1).values.cwiseAbs().cwiseMin(1.0);
  alone.values = z.view().matrix().row(0).transpose();
  std::vector<std::uint8_t> marks(108);
  static_cast<void>(lenia(options).step<double>({}, alone.view(), expected.view(), marks.data()));
  static_cast<void>(many.step<double>(theta.span(), z.view(), out.view(), marks.data()));
  CHECK(relative_error(Vector<double>(out.view().matrix().row(0).transpose()), expected.values) < 1e-14);
}

TEST_CASE("expanded lenia: each kernel sees its channel, and makes its channel grow", "[unit]") {
  const auto kernels = three_kernels();
  const auto automaton = expanded_lenia<2, 3, Periodic>(kernels, 4);
  const auto theta = lenia_parameters<ExpandedLenia<2, 3, Periodic>, double>(kernels);
  State<double> z(Shape{2, {8, 7, 1}, 1}), found(z.shape), expected = z;
  z.values = random_state(z.shape, 1).values.cwiseAbs().cwiseMin(1.0);
  for (Index p = 0; p < 56; ++p) {
    std::array<double, 2> growth{0, 0};
    for (const LeniaKernel& kernel : kernels) {
      double sum = 0, weights = 0;
      for (int y = -3; y <= 3; ++y) {
        for (int x = -3; x <= 3; ++x) {
          const double r = std::hypot(x, y) / kernel.radius;
          if (r > 1) continue;
          const double weight = kernel.profile ? kernel.profile(r) : 1;
          const Index from = neighbour(z.shape, naive_source<Periodic>, p, {x, y, 0, 1});
          sum += weight * z.values[2 * from + kernel.source];
          weights += weight;
        }
      }
      const double off = (sum / weights - kernel.centre) / kernel.width;
      growth[static_cast<std::size_t>(kernel.target)] += kernel.weight * (2 * std::exp(-off * off / 2) - 1);
    }
    for (Index c = 0; c < 2; ++c) {
      expected.values[2 * p + c] = std::clamp(z.values[2 * p + c] + growth[static_cast<std::size_t>(c)] / 4, 0.0, 1.0);
    }
  }
  static_cast<void>(
      automaton.apply(theta.span(), z.view(), View<const double>(nullptr, z.shape.with_features(0)), found.view()));
  CHECK(relative_error(found.values, expected.values) < 1e-14);
}

TEST_CASE("expanded lenia: it can be differentiated, in its growths too", "[gradient]") {
  check_linearization(LeniaGrowths<3, 2>{.targets = {1, 0, 1}}, Shape{3, {4, 1, 1}, 2}, {.seed = 3});
  auto automaton = expanded_lenia<2, 3>(three_kernels(), 4);
  check_cell(automaton, Shape{0, {5, 6, 1}, 2}, {.seed = 3});
}

TEST_CASE("expanded lenia: tessellatium becomes two lobes that live on, and swims", "[unit]") {
  const auto kernels = tessellatium_kernels();
  const auto automaton = expanded_lenia<3, 15>(kernels, tessellatium_steps_per_time);
  const auto theta = lenia_parameters<ExpandedLenia<3, 15>>(kernels);
  constexpr Index side = 48;
  State<float> z(Shape{3, {side, side, 1}, 1}), next(z.shape);
  const State<float> creature = tessellatium();
  CHECK(creature.shape == Shape{3, {24, 18, 1}, 1});
  for (Index y = 0; y < 18; ++y) z.values.segment(3 * ((y + 15) * side + 12), 72) = creature.values.segment(72 * y, 72);
  const auto mass = [&] { return z.values.cast<double>().sum(); };
  // Where its mass is, on the torus: an angle along each axis.
  const auto place = [&] {
    std::array<double, 2> at{};
    for (int axis = 0; axis < 2; ++axis) {
      double c = 0, s = 0;
      for (Index p = 0; p < side * side; ++p) {
        const double angle = 6.283185307179586 * static_cast<double>(axis == 0 ? p % side : p / side) / side;
        const double here = static_cast<double>(z.values.segment(3 * p, 3).sum());
        c += here * std::cos(angle), s += here * std::sin(angle);
      }
      at[static_cast<std::size_t>(axis)] = std::atan2(s, c) * side / 6.283185307179586;
    }
    return at;
  };
  CHECK(mass() == Approx(350.7).margin(0.1));
  const auto start = place();
  double moved = 0;
  std::vector<std::uint8_t> marks(side * side);
  for (int t = 0; t < 100; ++t) {
    static_cast<void>(automaton.step<float>(theta.span(), z.view(), next.view(), marks.data()));
    std::swap(z.values, next.values);
    // What docs/classical_automata.md says: one that dies has none, and one that bursts fills the torus.
    if (t >= 80 && (mass() < 800 || mass() > 832)) FAIL("mass is " << mass() << " after " << t + 1 << " steps");
    const auto now = place();
    const auto around = [](double d) { return std::abs(std::remainder(d, static_cast<double>(side))); };
    moved = std::max(moved, std::hypot(around(now[0] - start[0]), around(now[1] - start[1])));
  }
  CHECK(moved > 2);
}

TEST_CASE("expanded lenia: profiles, and what is refused", "[unit]") {
  const auto rings = bell_rings({0.5, 1});
  CHECK(rings(0.25) == 0.5);
  CHECK(rings(0.75) == 1);
  CHECK(rings(0.825) == Approx(std::exp(-0.5)));
  CHECK(rings(1) == 0);
  auto kernels = three_kernels();
  CHECK_THROWS_WITH(lenia_targets<2>(kernels), "Lenia: number of kernels is 3, expected 2");
  CHECK_THROWS_WITH((expanded_lenia<2, 3>(kernels, 0)), "Lenia: steps in a unit of time is 0, expected above 0");
  kernels[2].source = 2;
  CHECK_THROWS_WITH((expanded_lenia<2, 3>(kernels, 4)), "PerceiveDiscs: feature of a disc is 2, expected 0 to 1");
  kernels[0].width = 0;
  CHECK_THROWS_WITH((lenia_parameters<ExpandedLenia<2, 3>>(kernels)),
                    "Lenia: width of the growth is 0, expected above 0");
  kernels[1].radius = -1;
  CHECK_THROWS_WITH((expanded_lenia<2, 3>(kernels, 4)), "PerceiveDiscs: radius is -1, expected 0 to 1000");
  const LeniaGrowths<1, 1> layer{.targets = {1}};
  CHECK_THROWS_WITH(layer.out_shape({1, {1, 1, 1}, 1}), "LeniaGrowths: target of a kernel is 1, expected 0 to 0");
}
