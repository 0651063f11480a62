#include "basin/layers/pool.hpp"

#include <catch2/catch.hpp>

#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

static_assert(Layer<AveragePool<2>> && Layer<MaxPool<3, 2>> && Layer<GlobalAveragePool> && Layer<GlobalMaxPool>);

/// Distinct numbers, at least 0.01 apart, so that central differences do not change which is the largest.
State<double> apart(const Shape& shape) {
  State<double> x(shape);
  const Index size = shape.size();
  for (Index i = 0; i < size; ++i) x.values[i] = 0.01 * static_cast<double>((i * 7919) % 10007) - 20.0;
  return x;
}

double at(const State<double>& state, Index c, Index i, Index j, Index n) {
  return state.values[c + state.shape.features * (i + state.shape.space[0] * (j + state.shape.space[1] * n))];
}

template <class L>
void check_windows(const L& layer, Index window, Index stride, bool largest) {
  for (const Shape& shape : {Shape{1, {window, window, 1}, 1}, Shape{3, {7, 6, 1}, 2}, Shape{17, {5, 8, 1}, 2}}) {
    const State<double> x = apart(shape);
    State<double> y(layer.out_shape(shape));
    REQUIRE(y.shape.space ==
            std::array<Index, 3>{(shape.space[0] - window) / stride + 1, (shape.space[1] - window) / stride + 1, 1});
    layer.apply({}, x.view(), y.view());
    for (Index n = 0; n < shape.samples; ++n) {
      for (Index j = 0; j < y.shape.space[1]; ++j) {
        for (Index i = 0; i < y.shape.space[0]; ++i) {
          for (Index c = 0; c < shape.features; ++c) {
            double sum = 0, best = -1e300;
            for (Index l = 0; l < window; ++l) {
              for (Index k = 0; k < window; ++k) {
                const double value = at(x, c, i * stride + k, j * stride + l, n);
                sum += value;
                best = std::max(best, value);
              }
            }
            const double expected = largest ? best : sum / static_cast<double>(window * window);
            REQUIRE(at(y, c, i, j, n) == Approx(expected).epsilon(1e-13));
          }
        }
      }
    }
    test::check_linearization(layer, x, {.tolerance = 1e-8});
  }
}

}  // namespace

TEST_CASE("average pool is the mean of its windows, with the right derivatives", "[gradient]") {
  check_windows(AveragePool<2>{}, 2, 2, false);
  check_windows(AveragePool<3, 2>{}, 3, 2, false);
  check_windows(AveragePool<2, 3>{}, 2, 3, false);
  check_windows(AveragePool<1>{}, 1, 1, false);
}

TEST_CASE("max pool is the maximum of its windows, with the right derivatives", "[gradient]") {
  check_windows(MaxPool<2>{}, 2, 2, true);
  check_windows(MaxPool<3, 1>{}, 3, 1, true);
  check_windows(MaxPool<2, 3>{}, 2, 3, true);
}

TEST_CASE("global pools see all cells of a sample and no other", "[gradient]") {
  for (const Shape& shape : {Shape{1, {1, 1, 1}, 1}, Shape{5, {3, 4, 2}, 3}, Shape{16, {6, 1, 1}, 2}}) {
    const State<double> x = apart(shape);
    State<double> mean(GlobalAveragePool{}.out_shape(shape)), largest(GlobalMaxPool{}.out_shape(shape));
    REQUIRE(mean.shape == Shape{shape.features, {1, 1, 1}, shape.samples});
    GlobalAveragePool{}.apply({}, x.view(), mean.view());
    GlobalMaxPool{}.apply({}, x.view(), largest.view());
    for (Index n = 0; n < shape.samples; ++n) {
      const auto sample = x.view().sample(n).matrix();
      for (Index c = 0; c < shape.features; ++c) {
        CHECK(mean.view().matrix()(c, n) == Approx(sample.row(c).mean()).epsilon(1e-13));
        CHECK(largest.view().matrix()(c, n) == sample.row(c).maxCoeff());
      }
    }
    test::check_linearization(GlobalAveragePool{}, x, {.tolerance = 1e-8});
    test::check_linearization(GlobalMaxPool{}, x, {.tolerance = 1e-8});
  }
}

TEST_CASE("the derivative of a maximum goes to the first of equal cells", "[unit]") {
  State<double> x(Shape{1, {2, 2, 1}, 1}), y(Shape{1, {1, 1, 1}, 1}), w = y, dx = x;
  x.values << 1, 3, 3, 2;
  w.values << 5;
  MaxPool<2>{}.linearize({}, x.view(), y.view()).vjp(w.view(), dx.view());
  CHECK(y.values[0] == 3);
  CHECK(dx.values == Eigen::Vector4d(0, 5, 0, 0));
}

TEST_CASE("max pool keeps a NaN, and takes minus infinity for a number", "[unit]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), low = -std::numeric_limits<double>::infinity();
  State<double> x(Shape{1, {2, 2, 1}, 1}), y(Shape{1, {1, 1, 1}, 1}), w = y, dx = x;
  x.values << 1, nan, 3, 2;
  MaxPool<2>{}.apply({}, x.view(), y.view());
  CHECK(std::isnan(y.values[0]));
  MaxPool<2>{}.linearize({}, x.view(), y.view());
  CHECK(std::isnan(y.values[0]));
  x.values.setConstant(low);
  w.values << 1;
  MaxPool<2>{}.linearize({}, x.view(), y.view()).vjp(w.view(), dx.view());
  CHECK(y.values[0] == low);
  CHECK(dx.values == Eigen::Vector4d(1, 0, 0, 0));
}

TEST_CASE("pools refuse what their windows do not fit", "[unit]") {
  CHECK_THROWS_WITH(AveragePool<4>{}.out_shape(Shape{2, {8, 3, 1}, 1}),
                    "AveragePool: extent of an axis of space is 3, expected at least the window, 4");
  CHECK_THROWS_WITH(MaxPool<2>{}.out_shape(Shape{2, {8, 3, 2}, 1}),
                    "MaxPool: extent of the third axis of space is 2, expected 1");
  CHECK_THROWS_WITH(GlobalMaxPool{}.out_shape(Shape{2, {8, 0, 2}, 1}),
                    "GlobalMaxPool: number of cells of a sample is 0, expected at least 1");
}

TEST_CASE("pools take no memory for messages that nobody needs", "[allocation][pool]") {
  if (!basin_test::counts_allocations()) return;
  const State<double> x = apart({2, {6, 6, 1}, 1});
  State<double> y(Shape{2, {3, 3, 1}, 1}), mean(Shape{2, {1, 1, 1}, 1});
  const basin_test::AllocationCount count;
  AveragePool<2>{}.apply(std::span<const double, 0>(), x.view(), y.view());
  GlobalAveragePool{}.apply(std::span<const double, 0>(), x.view(), mean.view());
  CHECK(count.allocations() == 0);
}
