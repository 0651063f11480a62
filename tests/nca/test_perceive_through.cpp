// What cells see through a function: isotropic and steerable perceptions.

#include "basin/nca/perceive_through.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "basin/nca/perceive_isotropic.hpp"
#include "basin/nca/perceive_steerable.hpp"
#include "nca/moved_cells.hpp"
#include "nca/naive_automaton.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// What all cells of one sample see.
template <class P>
State<double> seen_by(const P& perception, const State<double>& z) {
  State<double> seen(z.shape.with_features(P::seen_features));
  std::vector<Index> all(static_cast<std::size_t>(z.shape.cells_per_sample()));
  std::iota(all.begin(), all.end(), Index{0});
  Scratch scratch;
  perception.check_shape(z.shape);
  typename P::template Sight<double>(perception, {}, z.view(), scratch)(all.data(), z.shape.cells_per_sample(),
                                                                        seen.values.data());
  return seen;
}

/// For each cell, of(identity, Laplacian, slopes along x and y), C numbers each, appended to `expected`.
template <Stencil L, Stencil X, Stencil Y, class P, class Of>
double error_of(const P& perception, const State<double>& z, const Of& of) {
  const State<double> linear =
      naive_perceive(z, {taps_of<Centre>(), taps_of<L>(), taps_of<X>(), taps_of<Y>()}, naive_source<Zero>);
  std::vector<double> expected;
  const Index C = z.shape.features;
  for (Index p = 0; p < z.shape.cells(); ++p) {
    const double* const of_cell = linear.values.data() + p * 4 * C;
    of(of_cell, of_cell + C, of_cell + 2 * C, of_cell + 3 * C, expected);
  }
  return relative_error(seen_by(perception, z).values,
                        Vector<double>(Eigen::Map<Vector<double>>(expected.data(), std::ssize(expected))));
}

/// The direction (c, s) turned into columns: the first n Laplacians and so on by the caller, then slopes along, across.
void add_turned(double c, double s, const double* x, const double* y, Index n, std::vector<double>& to) {
  for (Index i = 0; i < n; ++i) to.push_back(c * x[i] + s * y[i]);
  for (Index i = 0; i < n; ++i) to.push_back(c * y[i] - s * x[i]);
}

}  // namespace

TEST_CASE("isotropic perception is the state, its Laplacian and the length of its gradient", "[unit][perceive]") {
  const auto of = [](const double* z, const double* l, const double* x, const double* y, std::vector<double>& to) {
    to.insert(to.end(), z, z + 3);
    to.insert(to.end(), l, l + 3);
    for (int c = 0; c < 3; ++c) to.push_back(std::sqrt(x[c] * x[c] + y[c] * y[c] + 1e-8));
  };
  const auto z = random_state({3, {7, 6, 1}, 1}, 1);
  CHECK(error_of<Laplacian<2>, SobelX, SobelY>(PerceiveIsotropic<3, Zero>{}, z, of) < 1e-14);
  CHECK(error_of<HexLaplacian, HexGradientX, HexGradientY>(PerceiveIsotropicHex<3, Zero>{}, z, of) < 1e-14);
}

TEST_CASE("a steered cell sees slopes along its direction and across it", "[unit][perceive]") {
  const auto z = random_state({4, {7, 6, 1}, 1}, 2, 3.0);
  CHECK(error_of<Laplacian<2>, SobelX, SobelY>(
            PerceiveSteeredByAngle<4, Zero>{}, z,
            [](const double* of_z, const double* l, const double* x, const double* y, std::vector<double>& to) {
              to.insert(to.end(), of_z, of_z + 3);
              to.insert(to.end(), l, l + 3);
              add_turned(std::cos(of_z[3]), std::sin(of_z[3]), x, y, 3, to);
            }) < 1e-14);
  int shortened = 0, short_ones = 0;
  CHECK(error_of<Laplacian<2>, SobelX, SobelY>(
            PerceiveSteeredBySlope<4, Zero>{}, z,
            [&](const double* of_z, const double* l, const double* x, const double* y, std::vector<double>& to) {
              to.insert(to.end(), of_z, of_z + 4);
              to.insert(to.end(), l, l + 4);
              const double length = std::max(1.0, std::hypot(x[3], y[3]));
              (length > 1 ? shortened : short_ones) += 1;
              add_turned(x[3] / length, y[3] / length, x, y, 3, to);
            }) < 1e-14);
  CHECK(shortened > 5);
  CHECK(short_ones > 5);
}

TEST_CASE("perceptions through a function have the right derivatives", "[gradient][perceive]") {
  check_cell(Moving<PerceiveIsotropic<2, Reflect>>{}, {0, {5, 4, 1}, 2});
  check_cell(Moving<PerceiveSteeredByAngle<3, Zero>>{}, {0, {5, 4, 1}, 2});
  // Slopes above 1 and below.
  check_cell(Moving<PerceiveSteeredBySlope<3, Periodic, Laplacian<2>, Times<SobelX, 2>, Times<SobelY, 2>>>{},
             {0, {5, 4, 1}, 2});
}

TEST_CASE("an isotropic automaton does the same to a state that is turned or mirrored", "[unit][perceive]") {
  const auto z = random_state({3, {6, 6, 1}, 1}, 3);
  const PerceiveIsotropic<3, Periodic> square;
  CHECK(broken_symmetry(square, z, quarter_turn, unchanged) < 1e-13);
  CHECK(broken_symmetry(square, z, mirror, unchanged) < 1e-13);
  CHECK(broken_symmetry(square, z, sixth_turn, unchanged) > 0.01);
  const PerceiveIsotropicHex<3, Periodic> hexagons;
  CHECK(broken_symmetry(hexagons, z, sixth_turn, unchanged) < 1e-13);
  CHECK(broken_symmetry(hexagons, z, quarter_turn, unchanged) > 0.01);
  CHECK(broken_symmetry(Perceive<3, Periodic, Centre, SobelX, SobelY>{}, z, quarter_turn, unchanged) > 0.01);
}

TEST_CASE("a steered automaton turns with the state and the angles, and knows left from right", "[unit][perceive]") {
  const auto z = random_state({3, {6, 6, 1}, 1}, 4);
  const auto turn_by = [](double angle) {
    return [angle](State<double>& state) { state.view().matrix().row(2).array() += angle; };
  };
  const PerceiveSteeredByAngle<3, Periodic> by_angle;
  CHECK(broken_symmetry(by_angle, z, quarter_turn, turn_by(std::numbers::pi / 2)) < 1e-13);
  CHECK(broken_symmetry(by_angle, z, quarter_turn, unchanged) > 0.01);
  const auto mirror_angles = [](State<double>& state) {
    state.view().matrix().row(2) = std::numbers::pi - state.view().matrix().row(2).array();
  };
  CHECK(broken_symmetry(by_angle, z, mirror, mirror_angles) > 0.01);
  const PerceiveSteeredByAngle<3, Periodic, HexLaplacian, HexGradientX, HexGradientY> hexagons;
  CHECK(broken_symmetry(hexagons, z, sixth_turn, turn_by(std::numbers::pi / 3)) < 1e-13);
  const PerceiveSteeredBySlope<3, Periodic> by_slope;
  CHECK(broken_symmetry(by_slope, z, quarter_turn, unchanged) < 1e-13);
  CHECK(broken_symmetry(by_slope, z, mirror, unchanged) > 0.01);
}

TEST_CASE("a learned kernel on hexagons has seven cells", "[unit][perceive]") {
  using See = PerceiveEach<2, Zero, HexMean<1>>;
  static_assert(See::seen_features == 14);
  static_assert(PerceiveEach<2, Zero, BallMean<2, 2>>::seen_features == 26);
  const auto z = random_state({2, {5, 4, 1}, 1}, 5);
  const std::vector<Taps> taps{{{0, -1}}, {{1, -1}}, {{-1, 0}}, {{0, 0}}, {{1, 0}}, {{-1, 1}}, {{0, 1}}};
  CHECK(seen_by(See{}, z).values == naive_perceive(z, taps, naive_source<Zero>).values);
}
