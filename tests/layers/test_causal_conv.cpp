// CausalConv (basin/layers/causal_conv.hpp): each feature by itself, from the cells up to its own.

#include "basin/layers/causal_conv.hpp"

#include <catch2/catch.hpp>

#include "support/layer_checks.hpp"

using namespace basin;
using test::random_parameters;
using test::random_state;
using test::relative_error;

namespace {

/// Against the sum as it is written down, for a line of `cells`.
template <int C, int Taps>
void check_sums(Index cells) {
  using Layer = CausalConv<C, Taps>;
  CAPTURE(C, Taps, cells);
  const auto theta = random_parameters<Layer>(3);
  const State<double> x = random_state(Shape{C, {cells, 1, 1}, 2}, 5);
  State<double> y(x.shape), expected(x.shape);
  Layer{}.apply(theta, x.view(), y.view());
  for (Index n = 0; n < 2; ++n) {
    for (Index i = 0; i < cells; ++i) {
      for (Index c = 0; c < C; ++c) {
        for (Index k = 0; k < Taps; ++k) {
          const Index from = i + k - (Taps - 1);
          if (from < 0) continue;
          expected.values[(n * cells + i) * C + c] += theta.vector()[k * C + c] * x.values[(n * cells + from) * C + c];
        }
      }
    }
  }
  CHECK(relative_error(y.values, expected.values) <= 1e-14);
}

}  // namespace

TEST_CASE("a causal convolution sums what came before", "[unit][causal_conv]") {
  for (const Index cells : {0, 1, 2, 3, 5, 16, 31}) {
    check_sums<5, 1>(cells);
    check_sums<17, 2>(cells);
    check_sums<8, 4>(cells);
    check_sums<3, 7>(cells);
  }
}

TEST_CASE("a causal convolution has the derivatives of its definition", "[gradient][causal_conv]") {
  test::check_linearization(CausalConv<5, 3>{}, Shape{5, {9, 1, 1}, 3});
  test::check_linearization(CausalConv<18, 4>{}, Shape{18, {2, 1, 1}, 2});  // no cell has all of its taps
  test::check_linearization(CausalConv<2, 1>{}, Shape{2, {3, 1, 1}, 2});
}

TEST_CASE("what comes later changes nothing that a causal convolution gave", "[unit][causal_conv]") {
  const auto theta = random_parameters<CausalConv<6, 3>, float>(1);
  const State<float> x = random_state<float>(Shape{6, {20, 1, 1}, 1}, 2);
  State<float> changed = x, y(x.shape), z(x.shape);
  changed.values.tail(6 * 8).setConstant(1e3F);
  CausalConv<6, 3>{}.apply(theta, x.view(), y.view());
  CausalConv<6, 3>{}.apply(theta, changed.view(), z.view());
  CHECK(y.values.head(6 * 12) == z.values.head(6 * 12));
  CHECK(y.values.tail(6 * 8) != z.values.tail(6 * 8));
  // As little does that there is nothing later.
  for (Index cells = 0; cells <= 20; ++cells) {
    State<float> begin(Shape{6, {cells, 1, 1}, 1}), of_begin(begin.shape);
    begin.values = x.values.head(6 * cells);
    CausalConv<6, 3>{}.apply(theta, begin.view(), of_begin.view());
    CHECK(of_begin.values == y.values.head(6 * cells));
  }
}

TEST_CASE("a causal convolution names its leaf as PyTorch shapes it, and goes along one axis", "[unit][causal_conv]") {
  const auto leaves = leaves_of<CausalConv<6, 3>>();
  REQUIRE(leaves.size() == 1);
  CHECK(leaves[0].name == "weight");
  CHECK(leaves[0].shape == std::vector<Index>{6, 1, 3});
  CHECK(leaves[0].fan_in == 3);
  CHECK_THROWS_WITH((CausalConv<6, 3>{}.out_shape(Shape{6, {4, 2, 1}, 1})),
                    Catch::Contains("CausalConv: cells beyond its axis"));
  CHECK_THROWS_WITH((CausalConv<6, 3>{}.out_shape(Shape{5, {4, 1, 1}, 1})), Catch::Contains("CausalConv"));
}
