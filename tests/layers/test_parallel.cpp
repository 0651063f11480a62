// Layers side by side (basin/layers/parallel.hpp), and parts of states (basin/layers/split.hpp).

#include "basin/layers/parallel.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/dropout.hpp"
#include "basin/layers/grouped.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/split.hpp"
#include "basin/layers/upsample.hpp"
#include "basin/layers/window_conv.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Beside = Concat<Identity, Conv<3, 2, 3>, Split<3, 1, 3>>;
using Added = Sum<Dense<3, 4>, Sequential<Dense<3, 4>, Tanh>>;

static_assert(Beside::in_features == 3 && Beside::out_features == 7 && Added::out_features == 4);
static_assert(Sum<Tanh, Relu>::in_features == any_features && Sum<Tanh, Relu>::out_features == any_features);
static_assert(!Fusible<Beside> && !Pointwise<Sum<Tanh, Relu>>);

}  // namespace

TEST_CASE("concat puts the features of its layers side by side", "[unit][parallel]") {
  const Beside layer;
  const auto theta = random_parameters<Beside>(1);
  const auto x = random_state(Shape{3, {4, 3, 1}, 2}, 2);
  State<double> y(layer.out_shape(x.shape)), conv(Shape{2, {4, 3, 1}, 2});
  static_cast<void>(layer.apply(theta, x.view(), y.view()));
  layer.layer<1>().apply(Beside::part<1>(theta.span()), x.view(), conv.view());
  CHECK(y.view().matrix().topRows(3) == x.view().matrix());
  CHECK(y.view().matrix().middleRows(3, 2) == conv.view().matrix());
  CHECK(y.view().matrix().bottomRows(2) == x.view().matrix().bottomRows(2));
  State<double> prepared(y.shape);
  const auto made = layer.prepare(theta.span());
  static_cast<void>(layer.apply(theta, x.view(), prepared.view(), {}, made));
  CHECK(relative_error(prepared.values, y.values) <= 1e-14);
}

TEST_CASE("sum adds what its layers give", "[unit][parallel]") {
  const Sum<Tanh, Identity, Relu> layer;
  State<double> x(Shape{2}), y(Shape{2});
  x.values << -0.5, 2;
  static_cast<void>(layer.apply({}, x.view(), y.view()));
  CHECK(y.values[0] == std::tanh(-0.5) - 0.5);
  CHECK(y.values[1] == Approx(std::tanh(2.0) + 4).epsilon(1e-15));
}

TEST_CASE("derivatives of layers side by side", "[gradient][parallel]") {
  check_linearization(Beside(), {3, {3, 2, 1}, 2});
  check_linearization(Added(), {3, {2, 1, 1}, 3});
}

TEST_CASE("a split takes its features, and puts their gradient between zeros", "[unit][parallel]") {
  const Split<5, 1, 3> layer;
  const auto x = random_state(Shape{5, {3, 1, 1}, 2}, 1), w = random_state(Shape{2, {3, 1, 1}, 2}, 2);
  State<double> y(layer.out_shape(x.shape)), dx(x.shape);
  const auto j = layer.linearize({}, x.view(), y.view());
  CHECK(y.view().matrix() == x.view().matrix().middleRows(1, 2));
  dx.values.setConstant(-77);
  j.vjp(w.view(), dx.view());
  State<double> expected(x.shape);
  expected.view().matrix().middleRows(1, 2) = w.view().matrix();
  CHECK(dx.values == expected.values);
  CHECK_THROWS_WITH(layer.out_shape(Shape{4}), "Split: number of features is 4, expected 5");
}

TEST_CASE("layers side by side get the context, and name their leaves", "[unit][parallel]") {
  const Sum<Dropout, Dropout> layer{{Dropout{.seed = 1}, Dropout{.seed = 2}}};
  State<double> x(Shape{40, {1, 1, 1}, 2}), all(x.shape), second(Shape{40});
  x.values.setOnes();
  static_cast<void>(layer.apply({}, x.view(), all.view(), {.draw = 3}));
  static_cast<void>(layer.apply({}, x.view().sample(1), second.view(), {.draw = 3, .first_sample = 1}));
  CHECK(all.view().sample(1).vector() == second.values);
  CHECK(all.view().sample(0).vector() != second.values);
  const auto leaves = leaves_of<Beside>();
  REQUIRE(leaves.size() == 2);
  CHECK((leaves[0].name == "1.weight" && leaves[1].name == "1.bias"));
}

TEST_CASE("what is prepared once is applied without an allocation", "[unit][parallel]") {
  if (!basin_test::counts_allocations()) return;
  using Model = Sequential<Concat<DepthwiseConv<4>, UpsampleLinear<1>>, Grouped<2, Dense<4, 3>>,
                           Sum<Identity, UpsampleNearest<1>>>;
  const Model model;
  const auto theta = random_parameters<Model>(1);
  const auto prepared = model.prepare(theta.span());
  const auto x = random_state(Shape{4, {5, 3, 1}, 2}, 2);
  State<double> y(model.out_shape(x.shape));
  const auto apply = [&] { static_cast<void>(model.apply(theta, x.view(), y.view(), {}, prepared)); };
  apply();
  const basin_test::AllocationCount later;
  apply();
  CHECK(later.allocations() == 0);
}

TEST_CASE("layers side by side have to give the same cells", "[unit][parallel]") {
  CHECK_THROWS_WITH((Concat<Identity, Conv<3, 2, 3, 2>>{}.out_shape({3, {4, 4, 1}, 1})),
                    "Concat: shape that layer 1 gives is (2, 2, 2, 1, 1), expected (2, 4, 4, 1, 1)");
}
