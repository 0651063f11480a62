#include "basin/layers/dense.hpp"

#include <catch2/catch.hpp>

#include "layers/naive_conv.hpp"

using namespace basin;
using namespace basin::test;

static_assert(Layer<Dense<3, 5>> && Layer<Dense<3, 5>, double> && Fusible<Dense<3, 5>>);
static_assert(!Pointwise<Dense<3, 3>> && !Cell<Dense<3, 3>>);
static_assert(Dense<3, 5>::param_count == 20 && Dense<3, 5, Bias::no>::param_count == 15);

namespace {

/// A dense layer is the convolution with a kernel of one cell.
template <class S, int Inputs, int Outputs, Bias WithBias = Bias::yes>
bool dense_is_right(Index width, Index height, Index samples) {
  const NaiveConv naive{Inputs, Outputs, 1, 1, WithBias == Bias::yes, naive_source<Zero>};
  return same_as_naive<S>(Dense<Inputs, Outputs, WithBias>(), naive, {Inputs, {width, height, 1}, samples});
}

}  // namespace

TEST_CASE("a dense layer is the sum that it stands for", "[unit][dense]") {
  for (const Index samples : {0, 1, 2, 7, 55, 56, 57, 130}) {  // around the blocks of 56 cells
    CAPTURE(samples);
    CHECK(dense_is_right<float, 1, 1>(1, 1, samples));
    CHECK(dense_is_right<float, 13, 7>(1, 1, samples));
    CHECK(dense_is_right<float, 6, 33>(1, 1, samples));
    CHECK(dense_is_right<double, 5, 10>(1, 1, samples));
    CHECK(dense_is_right<float, 100, 10, Bias::no>(1, 1, samples));
  }
  CHECK(dense_is_right<float, 13, 7>(9, 4, 3));
  CHECK(dense_is_right<double, 5, 10>(7, 16, 2));
}

TEST_CASE("a dense layer works on every cell of whatever space", "[unit][dense]") {
  const Dense<3, 2> dense;
  CHECK(dense.out_shape({3, {4, 5, 6}, 7}) == Shape{2, {4, 5, 6}, 7});
  CHECK_THROWS_WITH(dense.out_shape({4, {1, 1, 1}, 2}), "Dense: number of features is 4, expected 3");

  const auto theta = whole_numbers<float>(8, 1);
  const auto volume = whole_state<float>({3, {2, 3, 4}, 2}, 2);
  State<float> vectors(Shape{3, {1, 1, 1}, 48}), y(Shape{2, {2, 3, 4}, 2}), y_vectors(Shape{2, {1, 1, 1}, 48});
  vectors.values = volume.values;
  const std::span<const float, 8> parameters(theta.data(), 8);
  dense.apply(parameters, volume.view(), y.view());
  dense.apply(parameters, vectors.view(), y_vectors.view());
  CHECK(y.values == y_vectors.values);
}

TEST_CASE("a dense layer names its leaves", "[unit][dense]") {
  const auto leaves = leaves_of<Dense<3, 5>>();
  REQUIRE(leaves.size() == 2);
  CHECK(leaves[0].name == "weight");
  CHECK(leaves[0].shape == std::vector<Index>{5, 3});
  CHECK(leaves[0].fan_in == 3);
  CHECK(leaves[0].fan_out == 5);
  CHECK(leaves[1].name == "bias");
  CHECK(leaves[1].kind == LeafKind::bias);
  CHECK(leaves[1].offset == 15);
  CHECK(leaves_of<Dense<3, 5, Bias::no>>().size() == 1);
}

TEST_CASE("a dense layer hands on each block of its output once, in order", "[unit][dense]") {
  const Dense<3, 5> dense;
  const auto theta = whole_numbers<float>(20, 1);
  const std::span<const float, 20> parameters(theta.data(), 20);
  const auto x = whole_state<float>({3, {1, 1, 1}, 130}, 2);
  State<float> y(dense.out_shape(x.shape)), changed(y.shape);
  dense.apply(parameters, x.view(), y.view());
  Index next = 0;
  bool right = true;
  dense.apply_then(parameters, x.view(), changed.view(), {}, [&](float* block, Index offset, Index count) {
    right = right && offset == next && block == changed.values.data() + offset && count > 0;
    right = right && changed.values.segment(offset, count) == y.values.segment(offset, count);
    Eigen::Map<Eigen::ArrayXf>(block, count) += 1.0f;  // what is changed in place stays
    next += count;
  });
  CHECK(right);
  CHECK(next == y.values.size());
  CHECK(changed.values.array().isApprox(y.values.array() + 1.0f, 0));
}
