#include <catch2/catch.hpp>

#if __has_include(<xtensor/containers/xarray.hpp>)
#include <xtensor/containers/xarray.hpp>
#else
#include <xtensor/xarray.hpp>
#endif

#include "basin/core/tensor.hpp"
#include "basin/io/xtensor.hpp"

using namespace basin;

namespace {

State<double> numbered(const Shape& shape) {
  State<double> state(shape);
  for (Index i = 0; i < shape.size(); ++i) state.values[i] = static_cast<double>(i);
  return state;
}

}  // namespace

TEST_CASE("xtensor sees (n, z, y, x, c) where Eigen sees (c, x, y, z, n), in the same memory", "[unit][io]") {
  State<double> state = numbered({3, {4, 5, 2}, 6});
  auto array = as_xtensor<5>(state);
  const auto tensor = as_tensor<5>(state);
  REQUIRE(array.data() == state.values.data());
  REQUIRE(array.shape() == std::array<std::size_t, 5>{6, 2, 5, 4, 3});
  bool equal = true;
  for (Index n = 0; n < 6; ++n)
    for (Index z = 0; z < 2; ++z)
      for (Index y = 0; y < 5; ++y)
        for (Index x = 0; x < 4; ++x)
          for (Index c = 0; c < 3; ++c) equal = equal && array(n, z, y, x, c) == tensor(c, x, y, z, n);
  CHECK(equal);
  array(5, 1, 2, 3, 0) = -1.0;
  CHECK(tensor(0, 3, 2, 1, 5) == -1.0);
}

TEST_CASE("lower ranks leave out the last axes of space", "[unit][io]") {
  State<double> state = numbered({3, {4, 5, 1}, 2});
  const auto images = as_xtensor<4>(state);
  const auto tensor = as_tensor<4>(state);
  bool equal = true;
  for (Index n = 0; n < 2; ++n)
    for (Index y = 0; y < 5; ++y)
      for (Index x = 0; x < 4; ++x)
        for (Index c = 0; c < 3; ++c) equal = equal && images(n, y, x, c) == tensor(c, x, y, n);
  CHECK(equal);
  CHECK_THROWS_WITH(as_xtensor<3>(state), "extent of an axis of space that the array has no room for is 5, expected 1");

  const State<double> batch = numbered({3, {1, 1, 1}, 7});
  CHECK(as_xtensor<2>(batch)(6, 1) == batch.view().matrix()(1, 6));
  static_assert(std::is_same_v<decltype(as_xtensor<2>(batch)(0, 0)), const double&>, "const states are only read");
}

TEST_CASE("a row-major xtensor array is a state's view, without a copy", "[unit][io]") {
  xt::xtensor<float, 4> images({6, 5, 4, 3});
  images(5, 2, 3, 1) = 7.0f;
  const View<float> state = basin::view(images);
  CHECK(state.data() == images.data());
  CHECK(state.shape() == Shape{3, {4, 5, 1}, 6});
  CHECK(as_tensor<4>(state)(1, 3, 2, 5) == 7.0f);

  const xt::xarray<float> batch = xt::zeros<float>({8, 3});
  const View<const float> columns = basin::view(batch);
  CHECK(columns.shape() == Shape{3, {1, 1, 1}, 8});

  const xt::xarray<float> vector = xt::zeros<float>({8});
  CHECK_THROWS_WITH(basin::view(vector), "rank of an array that is to be a state is 1, expected 2 to 5");
  static_assert(!detail::RowMajorXtensor<xt::xtensor<float, 2, xt::layout_type::column_major>>);
}
