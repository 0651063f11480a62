// The same layer on groups of features (basin/layers/grouped.hpp).

#include "basin/layers/grouped.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/conv.hpp"
#include "layers/naive_conv.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Groups = Grouped<3, Conv<2, 5, 3, 2>>;
static_assert(Groups::in_features == 6 && Groups::out_features == 15);
static_assert(Groups::param_count == 3 * (2 * 5 * 9 + 5));

}  // namespace

TEST_CASE("a grouped layer is its layer on each group", "[unit][grouped]") {
  const Groups layer;
  const auto theta = random_parameters<Groups>(1);
  const auto x = random_state(Shape{6, {5, 4, 1}, 2}, 2);
  State<double> y(layer.out_shape(x.shape)), prepared(y.shape);
  static_cast<void>(layer.apply(theta, x.view(), y.view()));
  for (int g = 0; g < 3; ++g) {
    const NaiveConv naive{2, 5, 3, 2, true, naive_source<Zero>};
    State<double> of_group(x.shape.with_features(2));
    of_group.view().matrix() = x.view().matrix().middleRows(2 * g, 2);
    const Vector<double> own = theta.vector().segment(g * naive.param_count(), naive.param_count());
    const State<double> expected = naive.apply(own, of_group);
    CHECK(relative_error(Matrix<double>(y.view().matrix().middleRows(5 * g, 5)).reshaped(), expected.values) <= 1e-14);
  }
  const auto made = layer.prepare(theta.span());
  static_cast<void>(layer.apply(theta, x.view(), prepared.view(), {}, made));
  CHECK(relative_error(prepared.values, y.values) <= 1e-14);
  // Derivatives refer to what was prepared, and are the same.
  const auto t = random_state(x.shape, 3);
  State<double> jt(y.shape), jt_prepared(y.shape);
  prepared.values.setZero();
  const auto linear = layer.linearize(theta, x.view(), y.view());
  const auto linear_prepared = layer.linearize(theta, x.view(), prepared.view(), {}, made);
  CHECK(relative_error(prepared.values, y.values) <= 1e-14);
  static_cast<void>(linear.jvp(t.view(), jt.view()));
  static_cast<void>(linear_prepared.jvp(t.view(), jt_prepared.view()));
  CHECK(relative_error(jt_prepared.values, jt.values) <= 1e-14);
  const auto leaves = leaves_of<Groups>();
  REQUIRE(leaves.size() == 6);
  CHECK((leaves[2].name == "1.weight" && leaves[2].fan_in == 18 && leaves[5].name == "2.bias"));
  CHECK_THROWS_WITH(layer.out_shape(Shape{5, {5, 4, 1}, 2}), "Grouped: number of features is 5, expected 6");
}

TEST_CASE("derivatives of grouped layers", "[gradient][grouped]") { check_linearization(Groups(), {6, {4, 3, 1}, 2}); }
