#include "basin/layers/upsample.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "basin/layers/pool.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// The definition, at any cell: the weights of the corners around it.
template <class L>
void check_definition(const L& layer, bool linear, Index factor, std::size_t axes, const Shape& shape) {
  const auto x = random_state(shape, 1);
  State<double> y(layer.out_shape(shape)), expected(y.shape);
  const auto at = [](const Shape& of, Index c, const std::array<Index, 3>& cell, Index n) {
    return c + of.features * (cell[0] + of.space[0] * (cell[1] + of.space[1] * (cell[2] + of.space[2] * n)));
  };
  for (Index i = 0; i < y.values.size(); ++i) {
    const Index c = i % shape.features;
    Index rest = i / shape.features;
    std::array<Index, 3> cell{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      cell[axis] = rest % y.shape.space[axis];
      rest /= y.shape.space[axis];
    }
    for (unsigned corner = 0; corner < 8; ++corner) {
      double weight = 1;
      std::array<Index, 3> from{};
      for (std::size_t axis = 0; axis < 3; ++axis) {
        const bool high = (corner >> axis & 1u) != 0;
        const double finer = axis < axes ? static_cast<double>(factor) : 1.0;
        const double p = (static_cast<double>(cell[axis]) + 0.5) / finer - 0.5;
        const double low = linear ? std::floor(p) : std::floor(p + 0.5);
        weight *= linear ? (high ? p - low : 1 - (p - low)) : (high ? 0 : 1);
        from[axis] = std::clamp<Index>(static_cast<Index>(low) + (high ? 1 : 0), 0, shape.space[axis] - 1);
      }
      expected.values[i] += weight * x.values[at(shape, c, from, rest)];
    }
  }
  layer.apply({}, x.view(), y.view());
  CAPTURE(linear, factor, axes, shape.to_string());
  CHECK(relative_error(y.values, expected.values) <= 1e-14);
}

}  // namespace

TEST_CASE("upsampling is its definition at every cell", "[unit][upsample]") {
  for (const Index width : {1, 2, 5}) {
    check_definition(UpsampleNearest<2>{}, false, 2, 2, {3, {width, 4, 2}, 2});
    check_definition(UpsampleLinear<2>{}, true, 2, 2, {3, {width, 4, 1}, 2});
    check_definition(UpsampleLinear<3, 3>{}, true, 3, 3, {5, {width, 2, 3}, 1});
    check_definition(UpsampleLinear<4, 1>{}, true, 4, 1, {17, {width, 2, 1}, 2});
  }
}

TEST_CASE("linear upsampling by two mixes neighbours by quarters", "[unit][upsample]") {
  State<double> x(Shape{1, {3, 1, 1}, 1}), y(Shape{1, {6, 1, 1}, 1});
  x.values << 0, 4, 12;
  UpsampleLinear<2, 1>{}.apply({}, x.view(), y.view());
  Vector<double> expected(6);
  expected << 0, 1, 3, 6, 10, 12;
  CHECK(y.values == expected);
}

TEST_CASE("mean pooling takes nearest upsampling back", "[unit][upsample]") {
  const auto x = random_state(Shape{3, {4, 5, 1}, 2}, 1);
  State<double> fine(UpsampleNearest<3>{}.out_shape(x.shape)), back(x.shape);
  UpsampleNearest<3>{}.apply({}, x.view(), fine.view());
  AveragePool<3>{}.apply({}, fine.view(), back.view());
  CHECK(relative_error(back.values, x.values) <= 1e-15);
}

TEST_CASE("derivatives of upsampling", "[gradient][upsample]") {
  check_linearization(UpsampleNearest<2>{}, {3, {3, 2, 1}, 2});
  check_linearization(UpsampleLinear<3, 3>{}, {2, {3, 1, 2}, 2});
}
