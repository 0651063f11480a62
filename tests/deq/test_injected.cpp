#include "basin/deq/injected.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/residual.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Wide = Injected<Sequential<Conv<2, 5, 3>, Tanh, Dense<5, 2>>>;  // u has the features after the first layer
using Deep = Injected<Sequential<Dense<3, 3>, Tanh, Residual<Dense<3, 3>>, Tanh>>;
using Single = Injected<Dense<3, 3>>;
using Pure = Injected<Tanh>;

static_assert(Cell<Wide> && Cell<Wide, double> && Cell<Deep> && Cell<Single> && Cell<Pure>);
static_assert(!Layer<Wide> && !Layer<Single>);
static_assert(Wide::state_features == 2 && Wide::input_features == 5);
static_assert(Wide::param_count == 2 * 5 * 9 + 5 + 12);
static_assert(Single::state_features == 3 && Single::input_features == 3 && Single::param_count == 12);
static_assert(Pure::state_features == any_features && Pure::input_features == any_features);

/// f(z, u) = rest(first(z) + u), put together from the layers by hand.
template <class First, class Rest, class C>
void check_by_hand(const C& cell, const Shape& u_shape) {
  const Shape z_shape = cell.state_shape(u_shape);
  const auto theta = random_parameters<C>(1);
  const auto z = random_state(z_shape, 2), u = random_state(u_shape, 3);
  State<double> middle(u_shape), expected(z_shape), given(z_shape);
  const std::span<const double, C::param_count> all = theta;
  const auto first = all.template first<First::param_count>();
  First().apply(first, z.view(), middle.view());
  middle.values += u.values;
  const auto rest = all.template subspan<First::param_count, Rest::param_count>();
  (void)detail::report_of([&] { return Rest().apply(rest, middle.view(), expected.view()); });
  (void)cell.apply(theta, z.view(), u.view(), given.view());
  CHECK(relative_error(given.values, expected.values) <= 1e-15);
}

}  // namespace

TEST_CASE("a cell is the rest of its layers after the first plus the injection", "[unit][injected]") {
  check_by_hand<Conv<2, 5, 3>, Sequential<Tanh, Dense<5, 2>>>(Wide(), {5, {4, 3, 1}, 2});
  check_by_hand<Dense<3, 3>, Sequential<Tanh, Residual<Dense<3, 3>>, Tanh>>(Deep(), {3, {1, 1, 1}, 70});
  check_by_hand<Dense<3, 3>, Identity>(Single(), {3, {1, 1, 1}, 4});
  check_by_hand<Tanh, Identity>(Pure(), {3, {2, 1, 1}, 4});
  // A first layer that cannot be fused.
  check_by_hand<Tanh, Dense<3, 3>>(Injected<Sequential<Tanh, Dense<3, 3>>>(), {3, {2, 1, 1}, 4});
}

TEST_CASE("leaves of a cell are those of its layers", "[unit][injected]") {
  const auto leaves = leaves_of<Wide>();
  REQUIRE(leaves.size() == 4);
  CHECK(leaves[0].name == "0.weight");
  CHECK(leaves[2].name == "2.weight");
  CHECK(leaves[2].offset == 95);
  CHECK(leaves_of<Single>().front().name == "0.weight");
  CHECK(leaves_of<Pure>().empty());
}

TEST_CASE("a cell tells the state of an injection, or what does not fit", "[unit][injected]") {
  CHECK(Wide().state_shape({5, {4, 3, 1}, 2}) == Shape{2, {4, 3, 1}, 2});
  CHECK(Pure().state_shape({7, {4, 3, 2}, 2}) == Shape{7, {4, 3, 2}, 2});
  CHECK_THROWS_WITH(Wide().state_shape({2, {4, 3, 1}, 2}), "Injected: injection: number of features is 2, expected 5");
  CHECK_THROWS_WITH(Wide().state_shape({5, {4, 3, 2}, 2}), "Conv: extent of the third axis of space is 2, expected 1");
  CHECK_THROWS_WITH((Injected<Sequential<Conv<2, 2, 3, 2>, Tanh>>().state_shape({2, {4, 4, 1}, 1})),
                    "Injected: shape of what the first layer gives is (2, 2, 2, 1, 1), expected (2, 4, 4, 1, 1)");
  CHECK_THROWS_WITH((Injected<Sequential<Dense<2, 2>, Conv<2, 2, 3, 2>>>().state_shape({2, {4, 4, 1}, 1})),
                    "Injected: shape of the state that comes out is (2, 2, 2, 1, 1), expected (2, 4, 4, 1, 1)");
}

TEST_CASE("derivatives of cells in state, injection and theta", "[gradient][injected]") {
  check_cell(Wide(), {5, {4, 3, 1}, 2});
  check_cell(Deep(), {3, {1, 1, 1}, 3});
  check_cell(Single(), {3, {1, 1, 1}, 3});
}

TEST_CASE("derivatives of a cell of one activation", "[gradient][injected]") { check_cell(Pure(), {3, {2, 1, 1}, 2}); }
