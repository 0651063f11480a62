#include "basin/core/tensor.hpp"

#include <catch2/catch.hpp>

using namespace basin;

TEST_CASE("a tensor is a state without a copy, and back", "[unit][tensor]") {
  Eigen::Tensor<float, 4> tensor(3, 4, 5, 2);
  tensor.setRandom();
  const View<float> state = view(tensor);
  CHECK(state.shape() == Shape{3, {4, 5, 1}, 2});
  CHECK(state.data() == tensor.data());
  bool right = true;
  for (Index n = 0; n < 2; ++n) {
    for (Index y = 0; y < 5; ++y) {
      for (Index x = 0; x < 4; ++x) {
        for (Index c = 0; c < 3; ++c) {
          right = right && state.data()[c + 3 * (x + 4 * (y + 5 * n))] == tensor(c, x, y, n);
          right = right && state.matrix()(c, x + 4 * (y + 5 * n)) == tensor(c, x, y, n);
        }
      }
    }
  }
  CHECK(right);

  auto back = as_tensor<4>(state);
  static_assert(std::is_same_v<decltype(back)::Scalar, float>);
  CHECK(back.data() == tensor.data());
  CHECK(back.dimensions() == tensor.dimensions());
  back(2, 3, 4, 1) = 17;
  CHECK(tensor(2, 3, 4, 1) == 17);
  auto with_more_space = as_tensor<5>(state);
  CHECK(with_more_space.dimension(3) == 1);
  CHECK(with_more_space(2, 3, 4, 0, 1) == 17);
  CHECK(view(with_more_space).shape() == state.shape());
}

TEST_CASE("tensors of every rank keep their axes", "[unit][tensor]") {
  Eigen::Tensor<double, 2> vectors(3, 2);
  Eigen::Tensor<double, 3> lines(3, 4, 2);
  const Eigen::Tensor<double, 5> volumes(3, 4, 5, 6, 2);
  CHECK(view(vectors).shape() == Shape{3, {1, 1, 1}, 2});
  CHECK(view(lines).shape() == Shape{3, {4, 1, 1}, 2});
  const View<const double> read = view(volumes);
  CHECK(read.shape() == Shape{3, {4, 5, 6}, 2});
  CHECK(as_tensor<5>(read).data() == volumes.data());

  State<float> state(Shape{3, {4, 1, 1}, 2});
  const State<float> constant = state;
  CHECK(as_tensor<3>(state).data() == state.values.data());
  CHECK(as_tensor<3>(constant).data() == constant.values.data());
  CHECK(as_tensor<3>(constant).dimension(1) == 4);
}

TEST_CASE("a tensor without room for an axis is refused", "[unit][tensor]") {
  State<float> state(Shape{3, {4, 5, 1}, 2});
  CHECK_THROWS_WITH(as_tensor<3>(state), "extent of an axis of space that the tensor has no room for is 5, expected 1");
  CHECK_THROWS_WITH(as_tensor<2>(state), "extent of an axis of space that the tensor has no room for is 4, expected 1");
}
