#include "basin/layers/flatten.hpp"

#include <catch2/catch.hpp>

#include "support/layer_checks.hpp"

namespace {

using namespace basin;

static_assert(Layer<Flatten<3, 4, 2>, float> && Flatten<3, 4, 2>::out_features == 24);

}  // namespace

TEST_CASE("flatten keeps the order of memory", "[gradient]") {
  const Flatten<3, 4, 2> layer;
  const State<double> x = test::random_state(Shape{3, {4, 2, 1}, 5}, 1);
  State<double> y(layer.out_shape(x.shape));
  REQUIRE(y.shape == Shape{24, {1, 1, 1}, 5});
  layer.apply({}, x.view(), y.view());
  CHECK(y.view().matrix()(2 + 3 * (1 + 4 * 1), 3) == x.values[2 + 3 * (1 + 4 * (1 + 2 * 3))]);
  test::check_linearization(layer, x, {.tolerance = 1e-9});
  test::check_linearization(Flatten<2, 3, 2, 4>{}, Shape{2, {3, 2, 4}, 2}, {.tolerance = 1e-9});
}

TEST_CASE("flatten refuses other extents", "[unit]") {
  CHECK_THROWS_WITH((Flatten<3, 4, 2>{}.out_shape(Shape{3, {2, 4, 1}, 7})),
                    "Flatten: shape is (3, 2, 4, 1, 7), expected (3, 4, 2, 1, 7)");
}
