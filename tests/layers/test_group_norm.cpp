#include "basin/layers/group_norm.hpp"

#include <catch2/catch.hpp>

#include "support/layer_checks.hpp"

namespace {

using namespace basin;

static_assert(Layer<GroupNorm<6, 3>, float> && Layer<GroupNorm<6, 3>, double> && Fusible<GroupNorm<6, 3>>);
static_assert(!Pointwise<GroupNorm<6, 3>>);

/// The equations, number by number.
template <int C, int G>
State<double> reference(const GroupNorm<C, G>& layer, const Parameters<GroupNorm<C, G>, double>& theta,
                        const State<double>& x) {
  State<double> y(x.shape);
  const Index cells = x.shape.cells_per_sample();
  for (Index n = 0; n < x.shape.samples; ++n) {
    const auto in = x.view().sample(n).matrix();
    auto out = y.view().sample(n).matrix();
    for (int g = 0; g < G; ++g) {
      double mean = 0, variance = 0;
      const double count = static_cast<double>(C / G * cells);
      for (Index cell = 0; cell < cells; ++cell) {
        for (int c = g * (C / G); c < (g + 1) * (C / G); ++c) mean += in(c, cell) / count;
      }
      for (Index cell = 0; cell < cells; ++cell) {
        for (int c = g * (C / G); c < (g + 1) * (C / G); ++c) variance += std::pow(in(c, cell) - mean, 2) / count;
      }
      for (Index cell = 0; cell < cells; ++cell) {
        for (int c = g * (C / G); c < (g + 1) * (C / G); ++c) {
          out(c, cell) =
              theta.vector()[c] * (in(c, cell) - mean) / std::sqrt(variance + layer.epsilon) + theta.vector()[C + c];
        }
      }
    }
  }
  return y;
}

template <int C, int G>
void check_sizes() {
  const GroupNorm<C, G> layer;
  const auto theta = test::random_parameters<GroupNorm<C, G>>(3, 1.0);
  // Less than a period of registers, a whole number of periods, and several with a rest.
  for (const std::array<Index, 3> space : {std::array<Index, 3>{3, 1, 1}, {4, 4, 1}, {7, 5, 1}, {3, 3, 7}}) {
    const Shape shape{C, space, 3};
    State<double> x = test::random_state(shape, 11, 2.0), y(layer.out_shape(shape));
    x.values.array() += 0.7;
    layer.apply(theta, x.view(), y.view());
    CHECK(test::relative_error(y.values, reference(layer, theta, x).values) <= 1e-13);
    State<double> in_place = x;
    layer.apply(theta, in_place.view(), in_place.view());
    CHECK(in_place.values == y.values);
  }
}

}  // namespace

TEST_CASE("instance norm normalizes each feature of a sample over its cells", "[unit]") {
  const InstanceNorm<3> layer;
  auto theta = test::random_parameters<InstanceNorm<3>>(3, 1.0);
  const State<double> x = test::random_state(Shape{3, {4, 5, 1}, 2}, 11, 2.0);
  State<double> y(x.shape), expected(x.shape);
  for (Index n = 0; n < 2; ++n) {
    for (Index c = 0; c < 3; ++c) {
      const auto line = x.view().sample(n).matrix().row(c).array();
      const double mean = line.mean(), variance = (line - mean).square().mean();
      expected.view().sample(n).matrix().row(c) =
          theta.vector()[c] * (line - mean) / std::sqrt(variance + layer.epsilon) + theta.vector()[3 + c];
    }
  }
  layer.apply(theta, x.view(), y.view());
  CHECK(test::relative_error(y.values, expected.values) <= 1e-13);
}

TEST_CASE("group norm matches its equations at ragged sizes", "[unit]") {
  check_sizes<1, 1>();
  check_sizes<3, 1>();
  check_sizes<3, 3>();
  check_sizes<5, 1>();
  check_sizes<16, 4>();
  check_sizes<17, 17>();
  check_sizes<32, 8>();
  check_sizes<96, 6>();
}

TEST_CASE("group norm has the right derivatives", "[gradient]") {
  test::check_linearization(GroupNorm<1, 1>{}, Shape{1, {5, 4, 1}, 2}, {.tolerance = 1e-8});
  test::check_linearization(GroupNorm<3, 3>{}, Shape{3, {4, 3, 2}, 2}, {.tolerance = 1e-8});
  test::check_linearization(GroupNorm<5, 1>{}, Shape{5, {3, 3, 1}, 3}, {.tolerance = 1e-8});
  test::check_linearization(GroupNorm<16, 4>{}, Shape{16, {3, 3, 1}, 2}, {.tolerance = 1e-8});
  test::check_linearization(GroupNorm<17, 1>{}, Shape{17, {4, 1, 1}, 1}, {.tolerance = 1e-8});
  test::check_linearization(GroupNorm<32, 2>{}, Shape{32, {3, 2, 1}, 2}, {.tolerance = 1e-8});
  test::check_linearization(GroupNorm<6, 2>{.epsilon = 0.5}, Shape{6, {3, 3, 1}, 2}, {.tolerance = 1e-8});
}

TEST_CASE("group norm takes away mean and size of a group", "[unit]") {
  using Layer = GroupNorm<4, 2>;
  Parameters<Layer, double> theta;
  theta.vector().head(4).setOnes();
  State<double> x = test::random_state(Shape{4, {8, 8, 1}, 1}, 5), y(x.shape), moved = x, again(x.shape);
  for (Index cell = 0; cell < 64; ++cell) moved.view().matrix().col(cell).head(2) *= 3.0;
  moved.values.array() += 100.0;
  const Layer layer{.epsilon = 0};
  layer.apply(theta, x.view(), y.view());
  layer.apply(theta, moved.view(), again.view());
  CHECK(test::relative_error(again.values, y.values) <= 1e-12);
  CHECK(std::abs(y.view().matrix().topRows(2).mean()) <= 1e-14);
  CHECK(y.view().matrix().topRows(2).squaredNorm() / 128 == Approx(1.0).epsilon(1e-13));
}

TEST_CASE("group norm sums a large sample without losing digits", "[unit]") {
  // 2^18 numbers a feature with a mean of 20 standard deviations: one running sum in float would be off by about 1e-3
  // of a standard deviation and more.
  using Layer = GroupNorm<2, 1>;
  Parameters<Layer, float> theta;
  theta.vector().head(2).setOnes();
  State<double> x = test::random_state(Shape{2, {512, 512, 1}, 1}, 8), expected(x.shape);
  x.values.array() += 20.0;
  const State<float> x_single = test::cast<float>(x);
  State<float> y(x.shape);
  const Layer layer;
  layer.apply(theta, x_single.view(), y.view());
  const auto exact_theta = theta.cast<double>();
  const State<double> same_x = test::cast<double>(x_single);
  layer.apply(exact_theta, same_x.view(), expected.view());
  // What is left is the rounding of 20 r x at the end: 20 * 2^-24 = 1.2e-6, twice.
  CHECK((y.values.cast<double>() - expected.values).cwiseAbs().maxCoeff() <= 4e-6);
}

TEST_CASE("group norm hands on each block once, and takes back what is done to it", "[unit]") {
  using Layer = GroupNorm<3, 1>;
  const auto theta = test::random_parameters<Layer, float>(2);
  const State<float> x = test::random_state<float>(Shape{3, {40, 30, 1}, 2}, 4);
  State<float> y(x.shape), fused(x.shape);
  const Layer layer;
  layer.apply(theta, x.view(), y.view());
  std::vector<int> times(static_cast<std::size_t>(x.values.size()), 0);
  Index largest = 0;
  layer.apply_then(theta, x.view(), fused.view(), {}, [&](float* block, Index offset, Index count) {
    REQUIRE(block == fused.values.data() + offset);
    REQUIRE(count % 3 == 0);
    largest = std::max(largest, count);
    for (Index i = 0; i < count; ++i) {
      ++times[static_cast<std::size_t>(offset + i)];
      block[i] = -block[i];
    }
  });
  CHECK(std::all_of(times.begin(), times.end(), [](int count) { return count == 1; }));
  CHECK(largest <= 1024);
  CHECK(fused.values == -y.values);
}

TEST_CASE("group norm refuses another number of features", "[unit]") {
  CHECK_THROWS_WITH((GroupNorm<6, 3>{}.out_shape(Shape{5, {2, 2, 1}, 1})),
                    "GroupNorm: number of features is 5, expected 6");
}

TEST_CASE("group norm names its leaves", "[unit]") {
  const auto leaves = leaves_of<GroupNorm<6, 3>>();
  REQUIRE(leaves.size() == 2);
  CHECK(leaves[0].name == "scale");
  CHECK(leaves[0].kind == LeafKind::scale);
  CHECK(leaves[1].name == "shift");
  CHECK(leaves[1].kind == LeafKind::bias);
  CHECK(leaves[1].offset == 6);
  CHECK(leaves[1].size == 6);
}
