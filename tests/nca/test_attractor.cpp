#include "basin/nca/attractor.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"
#include "exam/small_cells.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// f(z, u) = A z + u for every sample's vector; theta is one number that is not used.
struct Affine {
  Matrix<double> a;

  template <class S>
  Vector<S> value(const Vector<S>& z, const Vector<S>& u, const Vector<S>&) const {
    return a.cast<S>() * z + u;
  }
  template <class S>
  Matrix<S> by_z(const Vector<S>&, const Vector<S>&, const Vector<S>&) const {
    return a.cast<S>();
  }
  template <class S>
  Matrix<S> by_u(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Identity(z.size(), z.size());
  }
  template <class S>
  Matrix<S> by_theta(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Zero(z.size(), 1);
  }
};

/// Turns the plane by `angle` and draws it towards the circle of radius 1: g R z with g = 1.2 - 0.2 |z|^2, whose
/// derivative at the circle is R (I - 0.4 z z^T): 1 along the circle and 0.6 across it.
struct Circling {
  double angle;

  template <class S>
  Matrix<S> rotation() const {
    Matrix<S> r(2, 2);
    r(0, 0) = r(1, 1) = static_cast<S>(std::cos(angle));
    r(1, 0) = static_cast<S>(std::sin(angle));
    r(0, 1) = -r(1, 0);
    return r;
  }
  template <class S>
  Vector<S> value(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return (S(1.2) - S(0.2) * z.squaredNorm()) * (rotation<S>() * z);
  }
  template <class S>
  Matrix<S> by_z(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    const Matrix<S> r = rotation<S>();
    return (S(1.2) - S(0.2) * z.squaredNorm()) * r - S(0.4) * (r * z) * z.transpose();
  }
  template <class S>
  Matrix<S> by_u(const Vector<S>&, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Zero(2, 2);
  }
  template <class S>
  Matrix<S> by_theta(const Vector<S>&, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Zero(2, 1);
  }
};

/// Every number by itself, on any grid: Map has value(z, u) and slope(z, u).
template <class Map>
struct EachNumber {
  static constexpr int state_features = 1, input_features = 1;
  static constexpr std::size_t param_count = 0;
  Map map{};

  [[nodiscard]] Shape state_shape(const Shape& u) const { return u; }

  template <class S>
  void apply(Theta<S, 0>, In<S> z, In<S> u, View<S> out) const {
    for (Index i = 0; i < z.size(); ++i) out.data()[i] = static_cast<S>(map.value(z.data()[i], u.data()[i]));
  }

  template <class S>
  struct Linearization {
    Vector<S> slopes;
    void jvp(View<const S> t, View<S> out) const { out.vector() = slopes.cwiseProduct(t.vector()); }
    void vjp(View<const S> w, View<S> dz) const { jvp(w, dz); }
  };
  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> z, In<S> u, View<S> out) const {
    apply(theta, z, u, out);
    Linearization<S> linear{Vector<S>(z.size())};
    for (Index i = 0; i < z.size(); ++i) {
      linear.slopes[i] = static_cast<S>(map.slope(z.data()[i], u.data()[i]));
    }
    return linear;
  }
};

struct Logistic {  // u is its parameter
  double value(double z, double u) const { return u * z * (1 - z); }
  double slope(double z, double u) const { return u * (1 - 2 * z); }
};
struct ShiftedLogistic {  // the same, where 0 stands for 0.5
  double value(double z, double u) const { return Logistic{}.value(z + 0.5, u) - 0.5; }
  double slope(double z, double u) const { return Logistic{}.slope(z + 0.5, u); }
};
struct Contraction {
  double value(double z, double u) const { return 0.5 * z + u; }
  double slope(double, double) const { return 0.5; }
};
/// Rests at -1, 0 and 1; all but 0 is drawn to -1 or 1.
struct TwoWells {
  double value(double z, double) const { return z + 0.4 * z * (1 - z * z); }
  double slope(double z, double) const { return 1.4 - 1.2 * z * z; }
};
struct Explosion {
  double value(double z, double) const { return 1 + z * z; }
  double slope(double z, double) const { return 2 * z; }
};

constexpr std::span<const double, 0> no_theta{};
const std::array<double, 1> one_theta{0};

State<double> filled(const Shape& shape, double value) {
  State<double> state(shape);
  state.values.setConstant(value);
  return state;
}

}  // namespace

TEST_CASE("a contraction has period 1", "[unit][attractor]") {
  const Matrix<double> a = 0.1 * random_state(Shape{4, {1, 1, 1}, 4}, 3).view().matrix();
  const SmallCell<Affine, 4, 1> cell{{a}};
  const State<double> u = random_state(Shape{4, {1, 1, 1}, 1}, 4);
  const auto found = find_attractor(cell, one_theta, u, State<double>(u.shape), {.settle = 100});
  CHECK(found.period == 1);
  CHECK(found.steps == 100);
  REQUIRE(found.phases.size() == 1);
  const Vector<double> exact = (Matrix<double>::Identity(4, 4) - a).partialPivLu().solve(u.values);
  CHECK(relative_error(found.state().values, exact) < 1e-14);
  CHECK(found.residual < 1e-15);
  CHECK(found.residual_rms <= found.residual);
  CHECK(found.relative_residual < 1e-15);
  CHECK(found.cycle_residual < 1e-15);

  const Stability linear = stability(cell, one_theta, u, found);
  CHECK(linear.multiplier.status == Status::converged);
  CHECK(linear.singular.status == Status::converged);
  const double radius = Eigen::EigenSolver<Matrix<double>>(a, false).eigenvalues().cwiseAbs().maxCoeff();
  CHECK(linear.multiplier.value == Approx(radius).epsilon(1e-12));
  const Matrix<double> gap = Matrix<double>::Identity(4, 4) - a;
  CHECK(linear.singular.value ==
        Approx(Eigen::JacobiSVD<Matrix<double>>(gap).singularValues().minCoeff()).epsilon(1e-10));
}

TEST_CASE("a turn by a seventh has period 7, and its multipliers", "[unit][attractor]") {
  const SmallCell<Circling, 2, 1> cell{{2 * std::numbers::pi / 7}};
  const State<double> u(Shape{2, {1, 1, 1}, 1});
  State<double> z0(u.shape);
  z0.values[0] = 0.3;
  const auto found = find_attractor(cell, one_theta, u, z0, {.settle = 300});
  CHECK(found.period == 7);
  REQUIRE(found.phases.size() == 7);
  CHECK(found.cycle_residual < 1e-12);
  CHECK(found.relative_residual == Approx(2 * std::sin(std::numbers::pi / 7)).epsilon(1e-9));
  CHECK(found.state().values.norm() == Approx(1).epsilon(1e-12));
  // The phases follow each other, and the last is followed by the first.
  for (std::size_t i = 0; i < 7; ++i) {
    State<double> next(u.shape);
    cell.apply(one_theta, found.phases[i].view(), u.view(), next.view());
    CHECK(relative_error(next.values, found.phases[(i + 1) % 7].values) < 1e-12);
  }
  // Of seven steps: 1 along the circle, which is full of such cycles, and 0.6^7 across.
  const Stability linear = stability(cell, one_theta, u, found);
  CHECK(linear.multiplier.value == Approx(1).epsilon(1e-9));
  CHECK(linear.singular.value < 1e-9);

  // A whole number of turns is looked for as far as it is said, and no farther.
  CHECK(find_attractor(cell, one_theta, u, z0, {.settle = 300, .max_period = 7}).period == 7);
  const auto none = find_attractor(cell, one_theta, u, z0, {.settle = 300, .max_period = 6});
  CHECK(none.period == 0);
  CHECK(none.phases.size() == 1);
  CHECK(std::isinf(none.cycle_residual));
  CHECK(none.relative_residual == Approx(2 * std::sin(std::numbers::pi / 7)).epsilon(1e-9));
}

TEST_CASE("the cycles of the logistic map", "[unit][attractor]") {
  const EachNumber<Logistic> cell;
  const Shape shape{1, {1, 1, 1}, 1};
  const State<double> z0 = filled(shape, 0.3);
  const auto at = [&](double r, const AttractorOptions& options = {}) {
    return find_attractor(cell, no_theta, filled(shape, r), z0, options);
  };
  CHECK(at(2.8).period == 1);
  CHECK(at(3.5).period == 4);
  CHECK(at(3.55).period == 8);
  CHECK(at(3.83).period == 3);
  CHECK(at(3.9).period == 0);
  // The cycle of two has the multiplier 4 + 2 r - r^2.
  const auto two = at(3.2);
  REQUIRE(two.period == 2);
  const Stability linear = stability(cell, no_theta, filled(shape, 3.2), two);
  CHECK(linear.multiplier.eigenvalue.real() == Approx(0.16).epsilon(1e-12));
  CHECK(linear.singular.value == Approx(0.84).epsilon(1e-12));
  CHECK(two.residual == Approx(std::sqrt(0.2 * 4.2) / 3.2).epsilon(1e-12));  // sqrt((r - 3)(r + 1)) / r
}

TEST_CASE("what creeps or drifts is no attractor", "[unit][attractor]") {
  const Shape shape{3, {1, 1, 1}, 1};
  const SmallCell<Affine, 3, 1> drift{{Matrix<double>::Identity(3, 3)}};
  const State<double> z0(shape);
  // The window is 2 max_period + 1 = 129 steps: 1e-7 a step is 1.29e-5 in all, above the tolerance.
  const auto moved = find_attractor(drift, one_theta, filled(shape, 1e-7), z0);
  CHECK(moved.period == 0);
  CHECK(moved.residual == Approx(1e-7).epsilon(1e-6));
  CHECK(moved.steps > 8000);  // it went on looking
  CHECK(moved.steps <= 16000);
  CHECK(moved.state().values[0] > 1e-7 * 8000);
  // 1e-8 a step is within it. Only the residual tells.
  const auto crept = find_attractor(drift, one_theta, filled(shape, 1e-8), z0);
  CHECK(crept.period == 1);
  CHECK(crept.residual == Approx(1e-8).epsilon(1e-5));
  CHECK(crept.cycle_residual == Approx(128e-8).epsilon(1e-5));

  // Slow, but it settles: found once it moves by less.
  Matrix<double> slow = Matrix<double>::Identity(3, 3);
  slow *= 0.999;
  const SmallCell<Affine, 3, 1> settling{{slow}};
  const auto late = find_attractor(settling, one_theta, filled(shape, 1e-3), z0, {.settle = 1000});
  CHECK(late.period == 1);
  CHECK(late.steps > 8000);
  CHECK(late.state().values[0] == Approx(1).epsilon(1e-3));
  const auto never = find_attractor(settling, one_theta, filled(shape, 1e-3), z0, {.settle = 1000, .max_steps = 1000});
  CHECK(never.period == 0);
  CHECK(never.steps == 1000);
}

TEST_CASE("a map that runs away has no attractor", "[unit][attractor]") {
  const Shape shape{1, {2, 1, 1}, 1};
  const auto found = find_attractor(EachNumber<Explosion>{}, no_theta, State<double>(shape), State<double>(shape));
  CHECK(found.period == 0);
  CHECK(found.steps == 2000);
  CHECK(std::isinf(found.residual));
  CHECK(std::isinf(found.residual_rms));
  CHECK(std::isinf(found.relative_residual));
}

TEST_CASE("damage to a grid heals where only one attractor is", "[unit][attractor]") {
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

TEST_CASE("damage shows what lies beyond the basin", "[unit][attractor]") {
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

TEST_CASE("after damage to a cycle the nearest phase counts", "[unit][attractor]") {
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

TEST_CASE("the diagnostics of an automaton are those of its dense Jacobian", "[unit][attractor]") {
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

TEST_CASE("the attractor's functions say what they cannot take", "[unit][attractor]") {
  const Shape shape{1, {3, 1, 1}, 1};
  const EachNumber<Contraction> cell;
  const State<double> u = filled(shape, 0.5);
  const auto find = [&](const State<double>& z, const AttractorOptions& options = {}) {
    return find_attractor(cell, no_theta, u, z, options);
  };
  CHECK_THROWS_WITH(find(State<double>(shape.with_samples(2))), "samples of an attractor is 2, expected 1");
  CHECK_THROWS_WITH(find(State<double>(Shape{1, {4, 1, 1}, 1})),
                    "shape of an attractor's state is (1, 4, 1, 1, 1), expected (1, 3, 1, 1, 1)");
  CHECK_THROWS_WITH(find(u, {.settle = -1}), "settle of AttractorOptions is -1, expected 0 or more");
  CHECK_THROWS_WITH(find(u, {.max_period = 0}), "max_period of AttractorOptions is 0, expected 1 or more");
  CHECK_THROWS_WITH(find(u, {.tolerance = -1}), "tolerance of AttractorOptions is -1, expected 0 or more");
  const Attractor<double> empty;
  CHECK_THROWS_WITH(stability(cell, no_theta, u, empty), "number of an attractor's phases is 0, expected 1 or more");
  CHECK_THROWS_WITH(basin_by_damage(cell, no_theta, u, empty),
                    "number of an attractor's phases is 0, expected 1 or more");
  const auto found = find(u);
  CHECK_THROWS_WITH(basin_by_damage(cell, no_theta, u, found, {.trials = 0}),
                    "trials of DamageOptions is 0, expected 1 or more");
  CHECK_THROWS_WITH(basin_by_damage(cell, no_theta, u, found, {.steps = -1}),
                    "steps of DamageOptions is -1, expected 0 or more");
  CHECK_THROWS_WITH(basin_by_damage(cell, no_theta, u, found, {.tolerance = -1}),
                    "tolerance of DamageOptions is -1, expected 0 or more");
}
