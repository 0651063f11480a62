#include "basin/nca/pyramid.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/dense.hpp"
#include "basin/layers/pool.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// Five features, of which the first two are the image, and stay.
using R = Rollout<Automaton<Perceive<5, Zero, Centre, SobelX, SobelY>, Dense<15, 3>, RandomFire, Everywhere,
                            Keeping<FeatureRange<0, 2>>>>;

template <class P>
P with_steps(P pyramid) {
  for (std::size_t l = 0; l < pyramid.levels.size(); ++l) pyramid.levels[l].steps = static_cast<Index>(3 - l);
  return pyramid;
}

}  // namespace

TEST_CASE("a pyramid runs from coarse to fine, and each level begins with what the one before it left",
          "[unit][pyramid]") {
  using P = Pyramid<R, 2, 3>;
  static_assert(P::param_count == 3 * R::param_count && P::in_features == 2 && P::out_features == 5);
  const P pyramid = with_steps(P{});
  const auto theta = random_parameters<P>(1);
  const auto x = random_state({2, {12, 8, 1}, 2}, 2);
  State<double> found(pyramid.out_shape(x.shape));
  static_cast<void>(pyramid.apply(theta, x.view(), found.view(), {.step = 5}));

  // By layers that are there for other uses.
  State<double> state(Shape{5, {3, 2, 1}, 2});
  const auto level = [&](std::size_t l, const State<double>& image, Index step) {
    for (Index cell = 0; cell < state.shape.cells(); ++cell) {
      state.view().matrix().col(cell).head(2) = image.view().matrix().col(cell);
    }
    R rollout = pyramid.levels[l];
    State<double> end(state.shape);
    Parameters<R, double> own;
    own.vector() = theta.vector().segment(static_cast<Index>(l * R::param_count), R::param_count);
    static_cast<void>(rollout.apply(own, state.view(), end.view(), {.step = step}));
    state = end;
  };
  const auto up = [&] {
    State<double> finer(UpsampleNearest<2>{}.out_shape(state.shape));
    UpsampleNearest<2>{}.apply({}, state.view(), finer.view());
    state = finer;
  };
  State<double> half(Shape{2, {6, 4, 1}, 2}), quarter(Shape{2, {3, 2, 1}, 2});
  AveragePool<2>{}.apply({}, x.view(), half.view());
  AveragePool<4>{}.apply({}, x.view(), quarter.view());
  level(0, quarter, 5);
  up();
  level(1, half, 8);
  up();
  level(2, x, 10);
  CHECK(relative_error(found.values, state.values) < 1e-14);
  CHECK(found.view().matrix().topRows(2) == x.view().matrix());
}

TEST_CASE("a pyramid has the right derivatives, in a batch as alone", "[gradient][pyramid]") {
  check_linearization(with_steps(Pyramid<R, 2, 3>{}), {2, {8, 4, 1}, 2}, {.theta_spread = 0.3});
  using Shared = Pyramid<R, 1, 2, PyramidRules::shared, 1, 3>;
  static_assert(Shared::param_count == R::param_count);
  check_linearization(with_steps(Shared{}), {1, {6, 2, 1}, 2}, {.theta_spread = 0.3});
}

TEST_CASE("a loss along the finest level is the sum of the losses of shorter pyramids", "[gradient][pyramid]") {
  using P = Pyramid<R, 2, 2>;
  P pyramid = with_steps(P{});
  const auto theta = random_parameters<P>(1, 0.3);
  const auto x = random_state({2, {6, 4, 1}, 3}, 2);
  const LeadingFeaturesError<double> loss{random_state({4, {6, 4, 1}, 3}, 3)};
  const auto along = value_and_gradient_along(pyramid, theta, x.view(), loss, {{2, 0.5}, {1, 2}});
  double value = 0;
  Vector<double> gradient = Vector<double>::Zero(theta.vector().size());
  for (const LossStep& one : {LossStep{2, 0.5}, LossStep{1, 2}}) {
    pyramid.levels[1].steps = one.step;
    const auto at_end = value_and_gradient(pyramid, theta, x, loss);
    value += one.weight * at_end.value;
    gradient += one.weight * at_end.gradient.vector();
  }
  CHECK(along.value == Approx(value).epsilon(1e-13));
  CHECK(relative_error(along.gradient.vector(), gradient) < 1e-12);
}

TEST_CASE("leaves of a pyramid, and what it refuses", "[unit][pyramid]") {
  const auto leaves = leaves_of<Pyramid<R, 2, 3>>();
  REQUIRE(leaves.size() == 6);
  CHECK(leaves[2].name == "1.weight");
  CHECK(leaves_of<Pyramid<R, 2, 3, PyramidRules::shared>>().front().name == "weight");
  Pyramid<R, 2, 3> pyramid;
  CHECK(pyramid.out_shape({2, {8, 4, 1}, 3}) == Shape{5, {8, 4, 1}, 3});
  CHECK_THROWS_WITH(pyramid.out_shape({2, {8, 6, 1}, 3}),
                    "Pyramid: extent of an axis of space is 6, expected a multiple of 4");
  CHECK_THROWS_WITH(pyramid.out_shape({3, {8, 4, 1}, 3}), "Pyramid: number of features is 3, expected 2");
  CHECK_THROWS_WITH(pyramid.out_shape({2, {0, 4, 1}, 3}), Catch::Matchers::Contains("is 0, expected at least 1"));
  pyramid.levels[1].steps = -1;
  CHECK_THROWS_WITH(pyramid.out_shape({2, {8, 4, 1}, 3}), "Rollout: steps is -1, expected 0 or more");
}
