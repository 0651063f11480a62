#include "basin/layers/gaussian_sample.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "support/layer_checks.hpp"

using namespace basin;

namespace {

template <int Z, class S = double>
State<S> sample_of(const GaussianSample<Z>& layer, const State<S>& x, const Context& context = {}) {
  State<S> y(x.shape.with_features(Z));
  layer.apply(std::span<const S, 0>{}, View<const S>(x.view()), y.view(), context);
  return y;
}

}  // namespace

TEST_CASE("a sample has the mean and the variance that it is given", "[unit]") {
  constexpr Index cells = 20000;
  State<double> x(Shape{4, {cells, 1, 1}, 1});
  x.view().matrix().colwise() = Eigen::Vector4d(3, -1, 2 * std::log(0.5), 2 * std::log(2.0));
  const State<double> y = sample_of(GaussianSample<2>{.seed = 5}, x);
  // Five standard deviations of each estimate.
  const double root = std::sqrt(static_cast<double>(cells));
  Eigen::Matrix2Xd unit = y.view().matrix().colwise() - Eigen::Vector2d(3, -1);
  unit = Eigen::Vector2d(2, 0.5).asDiagonal() * unit;
  for (const Index feature : {0, 1}) {
    CHECK(std::abs(unit.row(feature).mean()) < 5 / root);
    CHECK(std::abs(unit.row(feature).squaredNorm() / cells - 1) < 5 * std::sqrt(2.0) / root);
  }
  CHECK(std::abs(unit.row(0).dot(unit.row(1)) / cells) < 5 / root);
  const State<double> means = sample_of(GaussianSample<2>{.deviation = 0}, x);
  CHECK(means.view().matrix() == x.view().matrix().topRows(2));
  for (const double wrong : {-0.1, std::nan("")}) {
    CHECK_THROWS_AS(sample_of(GaussianSample<2>{.deviation = wrong}, x), std::invalid_argument);
  }
  CHECK_THROWS_AS(GaussianSample<3>{}.out_shape(x.shape), std::invalid_argument);
}

TEST_CASE("the derivatives of a sample", "[gradient]") {
  test::check_linearization(GaussianSample<3>{.deviation = 0.7, .seed = 2}, {6, {4, 2, 1}, 3});
}

TEST_CASE("a sample is a function of seed, draw, number and place, and not of the step", "[unit]") {
  const State<double> x = test::random_state({6, {5, 1, 1}, 4}, 3);
  const GaussianSample<3> layer{.seed = 1};
  const State<double> all = sample_of(layer, x);
  CHECK(sample_of(layer, x, {.step = 9}).values == all.values);
  CHECK(sample_of(layer, x, {.draw = 1}).values != all.values);
  CHECK(sample_of(GaussianSample<3>{.seed = 2}, x).values != all.values);
  const State<double> alike(x.view().sample(1));
  CHECK(sample_of(layer, alike, {.first_sample = 1}).values == all.view().sample(1).vector());
  CHECK(sample_of(layer, alike, {.first_sample = 2}).values != all.view().sample(1).vector());
  CHECK(sample_of(layer, alike, {.first_sample = Index{1} << 24}).values !=
        sample_of(layer, alike, {.first_sample = 0}).values);
  // Cells 2 to 4 of sample 2.
  State<double> part(Shape{6, {3, 1, 1}, 1});
  part.values = x.view().sample(2).vector().tail(18);
  CHECK(sample_of(layer, part, {.first_sample = 2, .first_cell = 2}).values == all.view().sample(2).vector().tail(9));
}
