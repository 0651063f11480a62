#include "basin/layers/layer_norm.hpp"

#include <catch2/catch.hpp>

#include "support/layer_checks.hpp"

namespace {

using namespace basin;

static_assert(Layer<LayerNorm<5>, float> && Layer<LayerNorm<5>, double> && Fusible<LayerNorm<5>>);

template <int C>
void check_size() {
  const LayerNorm<C> layer;
  const auto theta = test::random_parameters<LayerNorm<C>>(3, 1.0);
  const Shape shape{C, {5, 3, 1}, 3};
  const State<double> x = test::random_state(shape, 11, 2.0);
  State<double> y(layer.out_shape(shape)), expected(shape);
  for (Index cell = 0; cell < shape.cells(); ++cell) {
    double mean = 0, variance = 0;
    for (int c = 0; c < C; ++c) mean += x.view().matrix()(c, cell) / C;
    for (int c = 0; c < C; ++c) variance += std::pow(x.view().matrix()(c, cell) - mean, 2) / C;
    for (int c = 0; c < C; ++c) {
      expected.view().matrix()(c, cell) =
          theta.vector()[c] * (x.view().matrix()(c, cell) - mean) / std::sqrt(variance + layer.epsilon) +
          theta.vector()[C + c];
    }
  }
  layer.apply(theta, x.view(), y.view());
  CHECK(test::relative_error(y.values, expected.values) <= 1e-13);
  State<double> in_place = x;
  layer.apply(theta, in_place.view(), in_place.view());
  CHECK(in_place.values == y.values);
}

}  // namespace

TEST_CASE("layer norm matches its equations at ragged sizes", "[unit]") {
  check_size<1>();
  check_size<3>();
  check_size<5>();
  check_size<16>();
  check_size<17>();
  check_size<32>();
  check_size<200>();
}

TEST_CASE("root mean square norm matches its equation", "[unit]") {
  const RmsNorm<5> layer{.epsilon = 0.1};
  const auto theta = test::random_parameters<RmsNorm<5>>(3, 1.0);
  const State<double> x = test::random_state(Shape{5, {4, 3, 1}, 2}, 11, 2.0);
  State<double> y(layer.out_shape(x.shape)), expected(x.shape);
  for (Index cell = 0; cell < x.shape.cells(); ++cell) {
    const double squares = x.view().matrix().col(cell).squaredNorm() / 5;
    expected.view().matrix().col(cell) =
        theta.vector().cwiseProduct(x.view().matrix().col(cell)) / std::sqrt(squares + 0.1);
  }
  layer.apply(theta, x.view(), y.view());
  CHECK(test::relative_error(y.values, expected.values) <= 1e-14);
  const auto leaves = leaves_of<RmsNorm<5>>();
  REQUIRE(leaves.size() == 1);
  CHECK((leaves[0].name == "scale" && leaves[0].size == 5));
  CHECK_THROWS_WITH(RmsNorm<6>{}.out_shape(Shape{5}), "RmsNorm: number of features is 5, expected 6");
}

TEST_CASE("root mean square norm has the right derivatives", "[gradient]") {
  test::check_linearization(RmsNorm<5>{}, Shape{5, {3, 3, 1}, 3}, {.tolerance = 1e-8});
}

TEST_CASE("layer norm has the right derivatives", "[gradient]") {
  // With one feature, x cancels and only dtheta is left.
  test::check_linearization(LayerNorm<1>{}, Shape{1, {3, 2, 1}, 2}, {.tolerance = 1e-8});
  test::check_linearization(LayerNorm<3>{}, Shape{3, {4, 3, 2}, 2}, {.tolerance = 1e-7, .float_tolerance = 1e-3});
  test::check_linearization(LayerNorm<5>{}, Shape{5, {3, 3, 1}, 3}, {.tolerance = 1e-8});
  test::check_linearization(LayerNorm<16>{}, Shape{16, {3, 3, 1}, 2}, {.tolerance = 1e-8});
  test::check_linearization(LayerNorm<17>{}, Shape{17, {4, 1, 1}, 1}, {.tolerance = 1e-8});
  test::check_linearization(LayerNorm<32>{.epsilon = 0.5}, Shape{32, {3, 2, 1}, 2}, {.tolerance = 1e-8});
}

TEST_CASE("layer norm hands on each block once", "[unit]") {
  using Layer = LayerNorm<7>;
  const auto theta = test::random_parameters<Layer, float>(2);
  const State<float> x = test::random_state<float>(Shape{7, {40, 10, 1}, 2}, 4);
  State<float> y(x.shape), fused(x.shape);
  const Layer layer;
  layer.apply(theta, x.view(), y.view());
  Index sum = 0, next = 0;
  layer.apply_then(theta, x.view(), fused.view(), {}, [&](float* block, Index offset, Index count) {
    REQUIRE(block == fused.values.data() + offset);
    REQUIRE(offset == next);
    REQUIRE(count % 7 == 0);
    next += count;
    sum += count;
    for (Index i = 0; i < count; ++i) block[i] = -block[i];
  });
  CHECK(sum == x.values.size());
  CHECK(fused.values == -y.values);
}

TEST_CASE("layer norm refuses another number of features", "[unit]") {
  CHECK_THROWS_WITH(LayerNorm<6>{}.out_shape(Shape{5, {2, 2, 1}, 1}), "LayerNorm: number of features is 5, expected 6");
}
