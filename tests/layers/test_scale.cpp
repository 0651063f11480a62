// Scale and BatchNorm (basin/layers/scale.hpp, batch_norm.hpp): affine in each feature.

#include "basin/layers/scale.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/batch_norm.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using test::random_parameters;
using test::random_state;
using test::relative_error;

namespace {

static_assert(Fusible<Scale<5>> && Fusible<BatchNorm<5>> && !Pointwise<Scale<5>>);
static_assert(Scale<5>::param_count == 10 && Scale<5, Bias::no>::param_count == 5);

/// A layer against factor(c) x_c + shift(c), in place too, and block by block.
template <class L, class Expected>
void check_affine(const L& layer, const Expected& expected_of) {
  const auto theta = random_parameters<L>(3, 1.0);
  const Shape shape{L::in_features, {7, 11, 1}, 5};
  const State<double> x = random_state(shape, 11, 2.0);
  State<double> y(shape), expected(shape), fused(shape), in_place = x;
  for (Index i = 0; i < x.values.size(); ++i) {
    expected.values[i] = expected_of(theta.vector(), i % L::in_features, x.values[i]);
  }
  layer.apply(theta, x.view(), y.view());
  CHECK(relative_error(y.values, expected.values) <= 1e-14);
  layer.apply(theta, in_place.view(), in_place.view());
  CHECK(in_place.values == y.values);
  Index next = 0;
  layer.apply_then(theta, x.view(), fused.view(), {}, [&](double* block, Index offset, Index count) {
    REQUIRE(block == fused.values.data() + offset);
    REQUIRE(offset == next);
    next += count;
    for (Index i = 0; i < count; ++i) block[i] = -block[i];
  });
  CHECK(next == y.values.size());
  CHECK(fused.values == -y.values);
}

BatchNorm<5> some_batch_norm() { return {.mean = {1, -2, 0.5, 0, 3}, .variance = {0.5, 1, 2, 0, 9}, .epsilon = 0.01}; }

}  // namespace

TEST_CASE("scale multiplies and shifts each feature", "[unit][scale]") {
  check_affine(Scale<5>{}, [](const auto& theta, Index c, double x) { return theta[c] * x + theta[5 + c]; });
  check_affine(Scale<17, Bias::no>{}, [](const auto& theta, Index c, double x) { return theta[c] * x; });
}

TEST_CASE("batch norm uses the statistics that it is given", "[unit][scale]") {
  const BatchNorm<5> norm = some_batch_norm();
  check_affine(norm, [&](const auto& theta, Index c, double x) {
    const auto i = static_cast<std::size_t>(c);
    return theta[c] * (x - norm.mean[i]) / std::sqrt(norm.variance[i] + norm.epsilon) + theta[5 + c];
  });
}

TEST_CASE("derivatives of scale and batch norm", "[gradient][scale]") {
  test::check_linearization(Scale<3, Bias::no>{}, Shape{3, {4, 3, 2}, 2});
  test::check_linearization(some_batch_norm(), Shape{5, {3, 3, 1}, 3});
}

TEST_CASE("scale and batch norm name their leaves, and begin as the identity", "[unit][scale]") {
  const auto leaves = leaves_of<BatchNorm<5>>();
  REQUIRE(leaves.size() == 2);
  CHECK((leaves[0].name == "scale" && leaves[0].kind == LeafKind::scale && leaves[0].size == 5));
  CHECK((leaves[1].name == "shift" && leaves[1].kind == LeafKind::bias && leaves[1].offset == 5));
  CHECK(leaves_of<Scale<5, Bias::no>>().size() == 1);
}

TEST_CASE("scale and batch norm refuse what makes no sense", "[unit][scale]") {
  CHECK_THROWS_WITH(Scale<6>{}.out_shape(Shape{5}), "Scale: number of features is 5, expected 6");
  CHECK_THROWS_WITH(BatchNorm<6>{}.out_shape(Shape{5}), "BatchNorm: number of features is 5, expected 6");
  BatchNorm<2> norm;
  norm.variance[1] = -1;
  CHECK_THROWS_WITH(norm.inverse(), "BatchNorm: variance of feature 1 and epsilon is -0.99999, expected more than 0");
}
