#include "basin/nca/damage_basin.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>

#include "basin/fixed_point/stability.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"
#include "fixed_point/number_maps.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

TEST_CASE("damage to a grid heals where only one attractor is", "[unit][damage]") {
  const Shape shape{1, {21, 17, 1}, 1};
  const State<double> u = filled(shape, 0.5), z0(shape);
  const EachNumber<Contraction> cell;
  const auto found = find_attractor(cell, no_theta, u, z0, {.settle = 100});
  REQUIRE(found.period == 1);
  const DamageBasin basin = basin_by_damage(cell, no_theta, u, found, {.trials = 9, .steps = 20, .seed = 4});
  CHECK(basin.returned == 1);
  REQUIRE(basin.trials.size() == 9);
  for (std::size_t i = 0; i < basin.trials.size(); ++i) {
    const DamageTrial& trial = basin.trials[i];
    CHECK(trial.returned);
    CHECK(trial.damage == 1);
    CHECK(trial.distance == Approx(std::pow(0.5, 20)).epsilon(1e-9));
    CHECK(trial.circle.radius == random_circle({4, 0}, i).radius);
  }
  // Half of the way is not there.
  const DamageBasin early = basin_by_damage(cell, no_theta, u, found, {.trials = 9, .steps = 1, .seed = 4});
  CHECK(early.returned == 0);
  CHECK(early.trials[0].distance == Approx(0.5));
}

TEST_CASE("damage shows what lies beyond the basin", "[unit][damage]") {
  const Shape shape{1, {15, 15, 1}, 1};
  const State<double> u(shape);
  const EachNumber<TwoWells> cell;
  const auto found = find_attractor(cell, no_theta, u, filled(shape, 0.2), {.settle = 200});
  REQUIRE(found.period == 1);
  CHECK(found.state().values[0] == Approx(1).epsilon(1e-12));
  CHECK(stability(cell, no_theta, u, found).multiplier.value == Approx(0.2).epsilon(1e-9));
  // What was erased rests at 0 and never returns.
  const DamageBasin basin = basin_by_damage(cell, no_theta, u, found, {.trials = 5, .steps = 50});
  CHECK(basin.returned == 0);
  CHECK(basin.trials[0].distance == 1);
}

TEST_CASE("after damage to a cycle the nearest phase counts", "[unit][damage]") {
  const Shape shape{1, {21, 21, 1}, 1};  // on which no circle is empty
  const State<double> u = filled(shape, 3.2);
  const EachNumber<ShiftedLogistic> cell;
  // What is erased is near one of the two phases and becomes it: in time with the rest if that one was damaged.
  for (const Index steps : {200, 201}) {
    Index healed = 0;
    for (const Index settle : {100, 101}) {
      const auto found = find_attractor(cell, no_theta, u, filled(shape, -0.2), {.settle = settle});
      REQUIRE(found.period == 2);
      const DamageBasin basin = basin_by_damage(cell, no_theta, u, found, {.trials = 6, .steps = steps});
      CHECK((basin.returned == 0 || basin.returned == 1));
      const double apart = std::abs(found.phases[0].values[0] - found.phases[1].values[0]);
      for (const DamageTrial& trial : basin.trials) {
        CHECK(trial.distance == Approx(basin.returned == 1 ? 0.0 : apart).margin(1e-12));
      }
      healed += basin.returned == 1 ? 1 : 0;
    }
    CHECK(healed == 1);
  }
}

TEST_CASE("the diagnostics of an automaton are those of its dense Jacobian", "[unit][damage]") {
  using See = Perceive<2, Periodic, Centre, SobelX, SobelY>;
  using Rule = Sequential<Dense<6, 8>, Tanh, Dense<8, 2>>;
  using Cell = Automaton<See, Rule, MeanField, Everywhere, Relax>;
  const Cell cell;
  const auto theta = random_parameters<Cell>(5, 0.3);
  const Shape shape{2, {5, 4, 1}, 1};
  const State<double> u(shape.with_features(0));
  const auto found = find_attractor(cell, theta, u, random_state(shape, 6));
  REQUIRE(found.period == 1);
  REQUIRE(found.residual < 1e-12);

  Matrix<double> j(40, 40);
  State<double> out(shape);
  const auto linear = cell.linearize(theta, found.state().view(), u.view(), out.view());
  for (Index i = 0; i < 40; ++i) {
    State<double> t(shape);
    t.values[i] = 1;
    static_cast<void>(linear.jvp(t.view(), out.view()));
    j.col(i) = out.values;
  }
  const Stability stable = stability(cell, theta, u, found, {.arnoldi = {.tolerance = 1e-10}});
  CHECK(stable.multiplier.status == Status::converged);
  CHECK(stable.multiplier.value ==
        Approx(Eigen::EigenSolver<Matrix<double>>(j, false).eigenvalues().cwiseAbs().maxCoeff()).epsilon(1e-8));
  CHECK(stable.multiplier.value < 1);
  CHECK(stable.singular.status == Status::converged);
  const Matrix<double> gap = Matrix<double>::Identity(40, 40) - j;
  CHECK(stable.singular.value ==
        Approx(Eigen::JacobiSVD<Matrix<double>>(gap).singularValues().minCoeff()).epsilon(1e-5));

  const DamageBasin basin = basin_by_damage(cell, theta, u, found, {.trials = 4, .steps = 500, .tolerance = 1e-9});
  CHECK(basin.returned == 1);
}

TEST_CASE("a basin of damage says what it cannot take", "[unit][damage]") {
  const Shape shape{1, {3, 1, 1}, 1};
  const EachNumber<Contraction> cell;
  const State<double> u = filled(shape, 0.5);
  const Attractor<double> empty;
  CHECK_THROWS_WITH(basin_by_damage(cell, no_theta, u, empty),
                    "number of an attractor's phases is 0, expected 1 or more");
  const auto found = find_attractor(cell, no_theta, u, u);
  CHECK_THROWS_WITH(basin_by_damage(cell, no_theta, u, found, {.trials = 0}),
                    "trials of DamageOptions is 0, expected 1 or more");
  CHECK_THROWS_WITH(basin_by_damage(cell, no_theta, u, found, {.steps = -1}),
                    "steps of DamageOptions is -1, expected 0 or more");
  CHECK_NOTHROW(basin_by_damage(cell, no_theta, u, found, {.trials = 1, .steps = 1, .tolerance = 0}));
  CHECK_THROWS_WITH(basin_by_damage(cell, no_theta, u, found, {.tolerance = -1}),
                    "tolerance of DamageOptions is -1, expected 0 or more");
}
