#include "basin/train/patch_transport.hpp"

#include <catch2/catch.hpp>

#include "basin/train/gradient_check.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;
using test::random_state;

static_assert(Loss<PatchTransport<float>> && Loss<PatchTransport<double, 1>, double>);
static_assert(!Loss<PatchTransport<float>, double>);

const Random directions{5, 9};

/// The integral of (A(u) - B(u))^2, by so many copies of each number that both sides have as many.
double naive_transport(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double sum = 0;
  for (std::size_t i = 0; i < a.size() * b.size(); ++i) sum += std::pow(a[i / b.size()] - b[i / a.size()], 2);
  return sum / static_cast<double>(a.size() * b.size());
}

/// All patches of one level of a picture, projected, from the definition: a pixel of level l is the mean of 2^l x 2^l.
template <int F>
std::vector<double> naive_projections(const State<double>& picture, Index level, Index side, bool wrap,
                                      const Vector<double>& direction) {
  const Index width = picture.shape.space[0], height = picture.shape.space[1], apart = Index{1} << level;
  const Index reach = wrap ? 0 : side * apart - 1;
  std::vector<double> numbers;
  for (Index y = 0; y < height - reach; ++y) {
    for (Index x = 0; x < width - reach; ++x) {
      double sum = 0;
      for (Index j = 0; j < side * apart; ++j) {
        for (Index i = 0; i < side * apart; ++i) {
          const Index cell = (y + j) % height * width + (x + i) % width;
          for (Index c = 0; c < F; ++c) {
            sum += direction[F * (j / apart * side + i / apart) + c] * picture.view().matrix()(c, cell) /
                   static_cast<double>(apart * apart);
          }
        }
      }
      numbers.push_back(sum);
    }
  }
  return numbers;
}

/// The directions of a loss: normal numbers, the mean colour weighed, then of length 1.
template <int F>
Vector<double> naive_direction(const PatchTransportOptions& options, std::uint64_t index, Index level, Index k) {
  const Index pixels = options.patch * options.patch;
  Vector<double> d(F * pixels);
  std::uint64_t at =
      (index << 32) + (static_cast<std::uint64_t>(level) << 24) + static_cast<std::uint64_t>(k * d.size());
  for (double& number : d) number = directions.normal(at++);
  for (Index c = 0; c < F; ++c) {
    double mean = 0;
    for (Index p = 0; p < pixels; ++p) mean += d[F * p + c] / static_cast<double>(pixels);
    for (Index p = 0; p < pixels; ++p) d[F * p + c] += (options.mean_weight - 1) * mean;
  }
  return d / d.norm();
}

template <int F>
double naive_loss(const State<double>& target, const State<double>& y, std::uint64_t index,
                  const PatchTransportOptions& options) {
  double sum = 0;
  for (Index n = 0; n < y.shape.samples; ++n) {
    for (Index l = 0; l < options.levels; ++l) {
      for (Index k = 0; k < options.directions; ++k) {
        const Vector<double> d = naive_direction<F>(options, index, l, k);
        sum += naive_transport(
            naive_projections<F>(State<double>(View<const double>(y.view().sample(n))), l, options.patch, true, d),
            naive_projections<F>(target, l, options.patch, options.wrap, d));
      }
    }
  }
  return sum / static_cast<double>(y.shape.samples * options.levels * options.directions);
}

template <class L>
double value_of(const L& loss, const State<double>& y) {
  return loss.value_and_gradient(View<const double>(y.view()), 0, y.shape.samples, View<double>{});
}

/// The picture moved by (dx, dy) around the torus.
State<double> moved(const State<double>& picture, Index dx, Index dy) {
  State<double> out(picture.shape);
  const Index width = picture.shape.space[0], height = picture.shape.space[1];
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      out.view().matrix().col((y + dy) % height * width + (x + dx) % width) =
          picture.view().matrix().col(y * width + x);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("patch transport is what its definition says", "[unit]") {
  for (const bool wrap : {false, true}) {
    for (const double mean_weight : {1.0, 0.25}) {
      const PatchTransportOptions options{
          .patch = 3, .levels = 2, .directions = 4, .mean_weight = mean_weight, .wrap = wrap};
      const State<double> target = random_state(Shape{2, {9, 7, 1}, 1}, 1);
      const State<double> y = random_state(Shape{4, {6, 8, 1}, 2}, 2, 1.5);
      const PatchTransport<double, 2> loss(target.view(), y.shape, directions, 7, options);
      // Sums of some hundred products.
      CHECK(value_of(loss, y) == Approx(naive_loss<2>(target, y, 7, options)).epsilon(1e-12));
      CHECK(value_of(loss, y) ==
            value_of(PatchTransport<double, 2>(target.view(), y.shape, directions, 7, options), y));
      CHECK(value_of(loss, y) !=
            value_of(PatchTransport<double, 2>(target.view(), y.shape, directions, 8, options), y));
    }
  }
}

TEST_CASE("patch transport has the right gradient, and slices add up", "[gradient]") {
  const PatchTransportOptions options{.patch = 3, .levels = 2, .directions = 3};
  const State<double> target = random_state(Shape{3, {9, 8, 1}, 1}, 3);
  const State<double> y = random_state(Shape{5, {7, 6, 1}, 3}, 4);
  const PatchTransport<double> loss(target.view(), y.shape, directions, 1, options);
  State<double> dy(y.shape);
  dy.values.setConstant(1e9);  // must be overwritten
  const double value = loss.value_and_gradient(View<const double>(y.view()), 0, 3, dy.view());
  CHECK(value == value_of(loss, y));
  // Features that are no colours do not count.
  CHECK(dy.view().matrix().bottomRows(2).cwiseAbs().maxCoeff() == 0);
  const auto of = [&](const Vector<double>& numbers) {
    return loss.value_and_gradient(View<const double>(numbers.data(), y.shape), 0, 3, View<double>());
  };
  // Quadratic but for swaps of the order, which steps of 1e-5 between numbers of random pictures seldom make.
  CHECK(gradient_error(of, y.values, dy.values).value <= 1e-7);

  State<double> in_slices(y.shape);
  double sum =
      loss.value_and_gradient(View<const double>(y.view().samples(0, 1)), 0, 3, in_slices.view().samples(0, 1));
  sum += loss.value_and_gradient(View<const double>(y.view().samples(1, 2)), 1, 3, in_slices.view().samples(1, 2));
  CHECK(sum == Approx(value).epsilon(1e-14));
  CHECK(in_slices.values == dy.values);
}

TEST_CASE("patch transport in float follows double", "[gradient]") {
  const PatchTransportOptions options{.patch = 5, .levels = 2, .directions = 8};
  const State<double> target = random_state(Shape{3, {16, 16, 1}, 1}, 5), y = random_state(Shape{3, {12, 12, 1}, 1}, 6);
  const State<float> target32 = test::cast<float>(target), y32 = test::cast<float>(y);
  State<double> dy(y.shape);
  State<float> dy32(y.shape);
  const PatchTransport<double> loss(target.view(), y.shape, directions, 1, options);
  const PatchTransport<float> loss32(target32.view(), y.shape, directions, 1, options);
  const double value = loss.value_and_gradient(View<const double>(y.view()), 0, 1, dy.view());
  CHECK(loss32.value_and_gradient(View<const float>(y32.view()), 0, 1, dy32.view()) == Approx(value).epsilon(1e-5));
  CHECK(test::relative_error(dy32.values, dy.values) <= 1e-4);
}

TEST_CASE("patch transport does not see where on a torus a picture is", "[unit]") {
  const PatchTransportOptions options{.patch = 3, .levels = 3, .directions = 4, .wrap = true};
  const State<double> target = random_state(Shape{3, {12, 16, 1}, 1}, 7), y = random_state(Shape{3, {12, 16, 1}, 1}, 8);
  const PatchTransport<double> loss(target.view(), y.shape, directions, 1, options);
  CHECK(value_of(loss, y) > 0.01);
  CHECK(value_of(loss, moved(y, 5, 3)) == Approx(value_of(loss, y)).epsilon(1e-12));
  // The target itself, moved, has the same patches: the distance is zero, to rounding of squares of numbers around 1.
  CHECK(value_of(loss, target) <= 1e-28);
  CHECK(value_of(loss, moved(target, 7, 2)) <= 1e-28);
}

TEST_CASE("patch transport is zero for other pictures of the same patches", "[unit]") {
  // Patches of one pixel: the order of the pixels does not matter at the first level.
  const PatchTransportOptions pixels{.patch = 1, .levels = 1, .directions = 6, .wrap = true};
  const State<double> target = random_state(Shape{3, {5, 4, 1}, 1}, 9);
  State<double> mixed(target.shape), doubled(Shape{3, {10, 8, 1}, 1});
  for (Index i = 0; i < 20; ++i) mixed.view().matrix().col((i * 7) % 20) = target.view().matrix().col(i);
  for (Index i = 0; i < 80; ++i) doubled.view().matrix().col((i * 27) % 80) = target.view().matrix().col(i % 20);
  CHECK(value_of(PatchTransport<double>(target.view(), target.shape, directions, 1, pixels), mixed) <= 1e-28);
  // Of another size: each pixel comes four times.
  CHECK(value_of(PatchTransport<double>(target.view(), doubled.shape, directions, 1, pixels), doubled) <= 1e-28);
  // A tile laid out twice each way.
  const PatchTransportOptions patches{.patch = 3, .levels = 2, .directions = 6, .wrap = true};
  const State<double> tile = random_state(Shape{3, {6, 8, 1}, 1}, 10);
  State<double> laid(Shape{3, {12, 16, 1}, 1});
  for (Index y = 0; y < 16; ++y) {
    for (Index x = 0; x < 12; ++x) laid.view().matrix().col(12 * y + x) = tile.view().matrix().col(6 * (y % 8) + x % 6);
  }
  CHECK(value_of(PatchTransport<double>(tile.view(), laid.shape, directions, 1, patches), laid) <= 1e-28);
}

TEST_CASE("patch transport takes a part of the patches of a large texture", "[unit]") {
  const State<double> target = random_state(Shape{3, {40, 50, 1}, 1}, 11),
                      y = random_state(Shape{3, {10, 10, 1}, 1}, 12);
  PatchTransportOptions options{.patch = 3, .levels = 2, .directions = 32};
  const double all = value_of(PatchTransport<double>(target.view(), y.shape, directions, 1, options), y);
  options.most_patches = 300;
  const double some = value_of(PatchTransport<double>(target.view(), y.shape, directions, 1, options), y);
  CHECK(some != all);
  // 300 numbers have the distribution of 2,000 to about 1 / sqrt(300) = 6% of their spread.
  CHECK(some == Approx(all).epsilon(0.2));
  options.most_patches = 1;
  CHECK(std::isfinite(value_of(PatchTransport<double>(target.view(), y.shape, directions, 1, options), y)));
}

TEST_CASE("patch transport shows what is not a number", "[unit]") {
  const State<double> target = random_state(Shape{3, {6, 6, 1}, 1}, 13);
  State<double> y = random_state(Shape{3, {6, 6, 1}, 1}, 14);
  y.values[5] = std::nan("");
  const PatchTransportOptions options{.patch = 3, .levels = 1, .directions = 2};
  CHECK(std::isnan(value_of(PatchTransport<double>(target.view(), y.shape, directions, 1, options), y)));
}

TEST_CASE("patch transport gives the same on any number of threads", "[repeatable]") {
  const State<float> target = test::cast<float>(random_state(Shape{3, {40, 40, 1}, 1}, 15));
  const State<float> y = test::cast<float>(random_state(Shape{3, {24, 24, 1}, 1}, 16));
  const PatchTransportOptions options{.patch = 3, .levels = 4};
  std::vector<Vector<float>> gradients;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    const PatchTransport<float> loss(target.view(), y.shape, directions, 1, options);
    State<float> dy(y.shape);
    (void)loss.value_and_gradient(View<const float>(y.view()), 0, 1, dy.view());
    gradients.push_back(dy.values);
  }
  set_threads(0);
  CHECK(gradients[0] == gradients[1]);
  CHECK(gradients[0] == gradients[2]);
}

TEST_CASE("patch transport with large patches gives the same on any number of threads", "[repeatable]") {
  // Its products are as large as those that Eigen would share among threads.
  const State<float> target = test::cast<float>(random_state(Shape{3, {160, 33, 1}, 1}, 17));
  const State<float> y = test::cast<float>(random_state(Shape{3, {160, 33, 1}, 1}, 18));
  const PatchTransportOptions options{.patch = 33, .levels = 1, .directions = 64};
  std::vector<double> values;
  for (const int count : {1, 2}) {
    set_threads(count);
    const PatchTransport<float> loss(target.view(), y.shape, directions, 1, options);
    values.push_back(loss.value_and_gradient(View<const float>(y.view()), 0, 1, View<float>{}));
  }
  set_threads(0);
  CHECK(values[0] == values[1]);
  CHECK(values[0] > 0);
}

TEST_CASE("patch transport says what it cannot take", "[unit]") {
  const State<double> target(Shape{3, {20, 20, 1}, 1});
  const Shape grid{4, {16, 16, 1}, 2};
  const auto make = [&](const State<double>& texture, const Shape& shape, const PatchTransportOptions& options) {
    return PatchTransport<double>(texture.view(), shape, directions, 0, options);
  };
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(make(target, grid, {.levels = 3}), Contains("levels of a pyramid is 3") && Contains("at most 2"));
  CHECK_THROWS_WITH(make(target, grid, {.levels = 0}), Contains("levels of a pyramid is 0"));
  CHECK_THROWS_WITH(make(target, grid, {.patch = 0, .levels = 1}), Contains("side of a patch is 0"));
  CHECK_THROWS_WITH(make(target, grid, {.levels = 1, .directions = 0}), Contains("directions of a level is 0"));
  CHECK_THROWS_WITH(make(target, grid, {.levels = 1, .most_patches = 0}), Contains("most patches of a texture is 0"));
  CHECK_THROWS_WITH(make(target, grid.with_features(2), {.levels = 1}), Contains("(2, 16, 16, 1, 2)"));
  CHECK_THROWS_WITH(make(State<double>(grid.with_features(4)), grid, {.levels = 1}), Contains("shape of a texture"));
  const auto loss = make(target, grid, {.levels = 2});
  const State<double> other(Shape{4, {16, 15, 1}, 1});
  CHECK_THROWS_WITH(value_of(loss, other), Contains("(4, 16, 15, 1, 1)") && Contains("(3, 16, 16, 1, 1)"));
  CHECK_THROWS_WITH(loss.value_and_gradient(View<const double>(other.view()), 1, 1, View<double>{}),
                    Contains("samples of the batch"));
  CHECK(levels_that_fit(5, 5, Shape{3, {128, 128, 1}, 1}, Shape{3, {79, 200, 1}, 1}) == 4);
  CHECK(levels_that_fit(5, 5, Shape{3, {4, 128, 1}, 1}, Shape{3, {80, 80, 1}, 1}) == 0);
}
