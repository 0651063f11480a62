#include "basin/layers/reglu.hpp"

#include <catch2/catch.hpp>

#include "support/layer_checks.hpp"

namespace {

using namespace basin;

static_assert(Layer<Reglu<5>, float> && Reglu<5>::in_features == 10);

}  // namespace

TEST_CASE("reglu gates its first features by the second", "[gradient]") {
  State<double> x(Shape{4, {3, 1, 1}, 1});
  x.values << 2, -3, 5, 7,  // both gates open
      2, -3, -5, 0,         // both closed, one at the kink
      0, 1, 1, -1;
  State<double> y(Reglu<2>{}.out_shape(x.shape));
  Reglu<2>{}.apply({}, x.view(), y.view());
  Vector<double> expected(6);
  expected << 10, -21, 0, 0, 0, 0;
  CHECK(y.values == expected);
  test::check_linearization(Reglu<1>{}, Shape{2, {3, 2, 1}, 4});
  test::check_linearization(Reglu<5>{}, Shape{10, {4, 3, 1}, 2});
  test::check_linearization(Reglu<16>{}, Shape{32, {1, 1, 1}, 7});
}

TEST_CASE("reglu refuses another number of features", "[unit]") {
  CHECK_THROWS_WITH((Reglu<2>{}.out_shape(Shape{3, {2, 4, 1}, 7})), Catch::Contains("Reglu") && Catch::Contains("3"));
}
