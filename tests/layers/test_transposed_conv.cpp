// Transposed convolutions (basin/layers/transposed_conv.hpp), against the transpose of the sum they stand for.

#include "basin/layers/transposed_conv.hpp"

#include <catch2/catch.hpp>

#include "layers/naive_window.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// y = b + F^T x by the terms of F, in whole numbers, exactly; prepared and not. Its derivatives are those of a linear
/// map, checked below.
template <class S, int Inputs, int Outputs, Window W, Boundary Edge>
void check_transposed(const Shape& x_shape) {
  using L = TransposedConv<Inputs, Outputs, W, Edge>;
  static_assert(Layer<L> && Fusible<L>);
  const L layer;
  const NaiveWindow forward{W, Outputs, Inputs, false, false, naive_source<Edge>};
  const auto theta = whole_numbers<S>(static_cast<Index>(L::param_count), 1);
  const auto x = whole_state<S>(x_shape, 2);
  State<S> y(layer.out_shape(x_shape)), expected(y.shape);
  REQUIRE(forward.out_shape(y.shape) == x_shape);
  for (Index i = 0; i < y.values.size(); ++i) expected.values[i] = theta[forward.weight_count() + i % Outputs];
  forward.terms(y.shape,
                [&](Index to, Index weight, Index from) { expected.values[from] += theta[weight] * x.values[to]; });
  const std::span<const S, L::param_count> parameters(theta.data(), L::param_count);
  y.values.setConstant(-77);
  layer.apply(parameters, x.view(), y.view());
  CAPTURE(x_shape.to_string(), W.axes, W.kernel, W.stride, W.dilation);
  CHECK(y.values == expected.values);
  y.values.setConstant(-77);
  const auto made = layer.prepare(parameters);
  layer.apply(parameters, x.view(), y.view(), {}, made);
  CHECK(y.values == expected.values);
}

}  // namespace

TEST_CASE("a transposed convolution is the transpose of the sum that it stands for", "[unit][conv]") {
  for (const Index width : {1, 2, 5, 16}) {
    check_transposed<float, 3, 5, Window{.kernel = 4, .stride = 2}, Zero>({3, {width, 4, 1}, 2});
    check_transposed<float, 2, 3, Window{.kernel = 3, .stride = 2}, Periodic>({2, {width, 3, 1}, 2});
    check_transposed<double, 4, 2, Window{.axes = 3, .kernel = 2, .stride = 2}, Zero>({4, {width, 2, 3}, 1});
    check_transposed<float, 2, 17, Window{.axes = 1, .kernel = 5, .dilation = 2}, Zero>({2, {width, 1, 1}, 2});
  }
}

TEST_CASE("derivatives of transposed convolutions", "[gradient][conv]") {
  check_linearization(TransposedConv<2, 3>(), {2, {3, 4, 1}, 2});
  check_linearization(TransposedConv<3, 2, Window{.axes = 1, .kernel = 3, .stride = 3}, Reflect, Bias::no>(),
                      {3, {4, 1, 1}, 2});
}

TEST_CASE("a transposed convolution hands on each block of its output once, in order", "[unit][conv]") {
  const auto check = [](const auto& layer, const Shape& x_shape) {
    using L = std::remove_cvref_t<decltype(layer)>;
    const auto theta = random_parameters<L>(1);
    const auto x = random_state(x_shape, 2);
    State<double> y(layer.out_shape(x_shape)), changed(y.shape);
    layer.apply(theta, x.view(), y.view());
    Index next = 0;
    layer.apply_then(theta, x.view(), changed.view(), Context{}, [&](double* block, Index offset, Index count) {
      if (offset == next && block == changed.values.data() + offset) next += count;
      Eigen::Map<Eigen::ArrayXd>(block, count) *= 2;
    });
    CHECK(next == y.values.size());
    CHECK(changed.values == 2 * y.values);
  };
  check(TransposedConv<2, 3>(), {2, {3, 4, 1}, 2});
  check(TransposedConv<2, 3, Window{.kernel = 4, .stride = 2}, Periodic>(), {2, {3, 4, 1}, 2});
}

TEST_CASE("a transposed convolution names its leaves", "[unit][conv]") {
  const auto leaves = leaves_of<TransposedConv<3, 5>>();
  REQUIRE(leaves.size() == 2);
  CHECK(leaves[0].shape == std::vector<Index>{3, 5, 4, 4});
  CHECK((leaves[0].fan_in == 12 && leaves[0].fan_out == 80));  // a cell of y gets 2 x 2 taps of each input
  CHECK(leaves[1].size == 5);
  CHECK_THROWS_WITH((TransposedConv<3, 5>{}.out_shape({3, {4, 4, 2}, 1})),
                    "TransposedConv: extent of an axis without a window is 2, expected 1");
}
