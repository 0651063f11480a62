#include "basin/layers/conv.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "basin/layers/sequential.hpp"
#include "layers/naive_conv.hpp"

using namespace basin;
using namespace basin::test;

static_assert(Layer<Conv<3, 5, 3>> && Layer<Conv<3, 5, 3>, double> && Fusible<Conv<3, 5, 3>>);
static_assert(!Pointwise<Conv<3, 3, 1>> && !Cell<Conv<3, 3, 3>>);
static_assert(Conv<3, 5, 3>::param_count == 140 && Conv<3, 5, 3, 1, Zero, Bias::no>::param_count == 135);

// Whole numbers, so that every comparison with the naive sums is exact. Each kernel has channels that fill no vector.
TEST_CASE("convolution is the sum that it stands for: kernel 1", "[unit][conv]") {
  check_conv_everywhere<float, 1, 3, 1, 1>();
  check_conv_everywhere<float, 5, 10, 1, 1>();
}

TEST_CASE("convolution is the sum that it stands for: kernel 3", "[unit][conv]") {
  check_conv_everywhere<float, 1, 6, 3, 1>();
  check_conv_everywhere<double, 3, 5, 3, 1>();
  check_conv_everywhere<float, 7, 17, 3, 1>();
  check_conv_widths<float, 7, 17, 3, 1>();
  check_conv_widths<double, 3, 5, 3, 1>();
}

TEST_CASE("convolution is the sum that it stands for: kernel 5", "[unit][conv]") {
  check_conv_everywhere<float, 2, 3, 5, 1>();
}

TEST_CASE("convolution is the sum that it stands for: the widths of a model", "[unit][conv]") {
  CHECK(conv_is_right<float, 1, 32, 3, 2, Zero>({1, {28, 28, 1}, 2}));
  CHECK(conv_is_right<float, 32, 32, 3, 1, Zero>({32, {14, 14, 1}, 2}));
  CHECK(conv_is_right<float, 32, 32, 3, 1, Periodic>({32, {5, 33, 1}, 1}));
  CHECK(conv_is_right<float, 3, 4, 3, 1, Zero>({3, {6, 5, 1}, 0}));
}

TEST_CASE("convolution without a bias", "[unit][conv]") {
  CHECK(conv_is_right<float, 3, 6, 3, 1, Zero, Bias::no>({3, {6, 5, 1}, 2}));
  CHECK(conv_is_right<double, 3, 6, 3, 2, Replicate, Bias::no>({3, {6, 5, 1}, 2}));
}

TEST_CASE("a convolution names its leaves", "[unit][conv]") {
  const auto leaves = leaves_of<Conv<3, 5, 7>>();
  REQUIRE(leaves.size() == 2);
  CHECK(leaves[0].name == "weight");
  CHECK(leaves[0].shape == std::vector<Index>{5, 3, 7, 7});
  CHECK(leaves[0].fan_in == 147);
  CHECK(leaves[0].fan_out == 245);
  CHECK(leaves[1].name == "bias");
  CHECK(leaves[1].offset == 735);
  CHECK(leaves[1].size == 5);
  CHECK(leaves_of<Conv<3, 5, 7, 1, Zero, Bias::no>>().size() == 1);
}

TEST_CASE("a convolution refuses what it cannot take", "[unit][conv]") {
  const Conv<3, 5, 5, 1, Reflect> conv;
  CHECK(conv.out_shape({3, {4, 6, 1}, 2}) == Shape{5, {4, 6, 1}, 2});
  CHECK_THROWS_WITH(conv.out_shape({4, {4, 6, 1}, 2}), "Conv: number of features is 4, expected 3");
  CHECK_THROWS_WITH(conv.out_shape({3, {4, 6, 2}, 2}), "Conv: extent of the third axis of space is 2, expected 1");
  CHECK_THROWS_WITH(conv.out_shape({3, {4, 0, 1}, 2}), "Conv: extent of an axis of space is 0, expected at least 1");
  CHECK_THROWS_WITH(conv.out_shape({3, {4, 2, 1}, 2}),
                    "reflect boundary: extent of the grid is 2, expected more than the border, 2");
}

TEST_CASE("a convolution hands on each block of its output once, in order", "[unit][conv]") {
  const Conv<3, 5, 3, 2> conv;
  using Model = Conv<3, 5, 3, 2>;
  const Vector<float> theta = whole_numbers<float>(Model::param_count, 1);
  const std::span<const float, Model::param_count> parameters(theta.data(), Model::param_count);
  const auto x = whole_state<float>({3, {7, 5, 1}, 3}, 2);
  State<float> y(conv.out_shape(x.shape)), changed(y.shape);
  conv.apply(parameters, x.view(), y.view());
  Index next = 0;
  bool right = true;
  conv.apply_then(parameters, x.view(), changed.view(), {}, [&](float* block, Index offset, Index count) {
    right = right && offset == next && block == changed.values.data() + offset && count > 0;
    right = right && changed.values.segment(offset, count) == y.values.segment(offset, count);
    Eigen::Map<Eigen::ArrayXf>(block, count) *= 2.0f;  // what is changed in place stays
    next += count;
  });
  CHECK(right);
  CHECK(next == y.values.size());
  CHECK(changed.values == 2.0f * y.values);
}
