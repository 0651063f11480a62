// Convolutions over a window (basin/layers/window_conv.hpp), against the sums they stand for.

#include "basin/layers/window_conv.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "layers/naive_window.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// At several extents, short and long, of every axis, as far as the boundary allows.
template <class S, int Inputs, int Outputs, Window W, Boundary Edge, bool depthwise = false>
void check_window() {
  using L = std::conditional_t<depthwise, DepthwiseConv<Inputs, W, Edge>, ConvNd<Inputs, Outputs, W, Edge>>;
  static_assert(Layer<L> && Fusible<L>);
  const NaiveWindow naive{W, Inputs, Outputs, depthwise, true, naive_source<Edge>};
  const Index shortest = std::is_same_v<Edge, Reflect> ? std::max(W.before(), W.after()) + 1 : 1;
  for (const Index width : {1, 2, 3, 5, 8, 19}) {
    for (const Index others : {1, 4, 7}) {
      Shape x{Inputs, {std::max(width, shortest), 1, 1}, 2};
      for (std::size_t axis = 1; axis < W.axes; ++axis) x.space[axis] = std::max<Index>(others, shortest);
      CAPTURE(Inputs, Outputs, W.axes, W.kernel, W.stride, W.dilation, x.to_string(), std::string(Edge::label));
      CHECK(same_as_window<S, L>(naive, x));
    }
  }
}

}  // namespace

TEST_CASE("a convolution over one axis is the sum that it stands for", "[unit][conv]") {
  check_window<float, 3, 5, Window{.axes = 1, .kernel = 5}, Zero>();
  check_window<double, 2, 17, Window{.axes = 1, .kernel = 4, .stride = 2}, Replicate>();
  check_window<float, 1, 2, Window{.axes = 1, .kernel = 3, .stride = 3, .dilation = 2}, Reflect>();
}

TEST_CASE("a convolution with dilation is the sum that it stands for", "[unit][conv]") {
  check_window<float, 3, 9, Window{.axes = 2, .kernel = 3, .dilation = 2}, Zero>();
  check_window<float, 2, 3, Window{.axes = 2, .kernel = 3, .stride = 2, .dilation = 2}, Periodic>();
  check_window<double, 2, 5, Window{.axes = 2, .kernel = 3, .stride = 3, .dilation = 2}, Zero>();
}

TEST_CASE("a convolution over three axes is the sum that it stands for", "[unit][conv]") {
  check_window<float, 2, 5, Window{.axes = 3, .kernel = 3}, Zero>();
  check_window<float, 3, 2, Window{.axes = 3, .kernel = 3, .stride = 2}, Periodic>();
}

TEST_CASE("a depthwise convolution is the sum that it stands for", "[unit][conv]") {
  check_window<float, 17, 17, Window{}, Zero, true>();
  check_window<float, 5, 5, Window{.kernel = 5, .stride = 2}, Reflect, true>();
  check_window<double, 3, 3, Window{.axes = 1, .kernel = 3, .dilation = 3}, Periodic, true>();
  check_window<float, 8, 8, Window{.axes = 3, .stride = 2}, Replicate, true>();
}

TEST_CASE("derivatives of convolutions over a window", "[gradient][conv]") {
  check_linearization(ConvNd<2, 3, Window{.axes = 2, .kernel = 3, .stride = 2, .dilation = 2}, Zero, Bias::no>(),
                      {2, {6, 5, 1}, 2});
  check_linearization(DepthwiseConv<3, Window{}, Periodic>(), {3, {4, 5, 1}, 2});
}

TEST_CASE("convolutions over a window name their leaves", "[unit][conv]") {
  const auto leaves = leaves_of<Conv3d<3, 5, 3>>();
  REQUIRE(leaves.size() == 2);
  CHECK(leaves[0].name == "weight");
  CHECK(leaves[0].shape == std::vector<Index>{5, 3, 3, 3, 3});
  CHECK((leaves[0].fan_in == 81 && leaves[0].fan_out == 135));
  CHECK((leaves[1].name == "bias" && leaves[1].size == 5));
  const auto depthwise = leaves_of<DepthwiseConv<7, Window{.axes = 1, .kernel = 5}, Zero, Bias::no>>();
  REQUIRE(depthwise.size() == 1);
  CHECK(depthwise[0].shape == std::vector<Index>{7, 1, 5});
  CHECK((depthwise[0].fan_in == 5 && depthwise[0].fan_out == 5));
}

TEST_CASE("convolutions over a window refuse what they cannot take", "[unit][conv]") {
  const Conv1d<3, 5, 5, 1, Reflect> conv;
  CHECK(conv.out_shape({3, {4, 1, 1}, 2}) == Shape{5, {4, 1, 1}, 2});
  CHECK_THROWS_WITH(conv.out_shape({4, {4, 1, 1}, 2}), "ConvNd: number of features is 4, expected 3");
  CHECK_THROWS_WITH(conv.out_shape({3, {4, 2, 1}, 2}), "ConvNd: extent of an axis without a window is 2, expected 1");
  CHECK_THROWS_WITH(conv.out_shape({3, {2, 1, 1}, 2}),
                    "reflect boundary: extent of the grid is 2, expected more than the border, 2");
  CHECK_THROWS_WITH((DepthwiseConv<3>{}.out_shape({3, {4, 0, 1}, 2})),
                    "DepthwiseConv: extent of an axis of space is 0, expected at least 1");
}
