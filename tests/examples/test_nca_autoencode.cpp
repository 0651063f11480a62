// The wall of nca_autoencode, its hole, and what it is compared with.

#include <catch2/catch.hpp>

#include "../../examples/nca_autoencode/measuring.hpp"

using namespace nca_autoencode;

namespace {

/// Images (1, side, side, 1, count) of any numbers from 0 to 1.
State<float> any_images(Index side, Index count, std::uint64_t seed) {
  State<float> images(Shape{1, {side, side, 1}, count});
  const basin::Random random{seed, 1};
  for (Index i = 0; i < images.values.size(); ++i) {
    images.values[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), 0.0, 1.0));
  }
  return images;
}

/// Of a rule that does something.
Theta any_theta() {
  Theta theta = initial_theta(1);
  const basin::Random random{3, 4};
  for (std::size_t i = 0; i < theta.leaf("2.weight").size(); ++i) {
    theta.leaf("2.weight")[i] = static_cast<float>(0.2 * random.normal(i));
  }
  return theta;
}

}  // namespace

TEST_CASE("the wall stays as it is, and what is given too", "[unit]") {
  Settings settings;
  settings.planes = 5;
  const State<float> images = any_images(6, 2, 1);
  const Theta theta = any_theta();
  Passage passage(settings, theta, images.view());
  const State<float> before(std::as_const(passage).view());
  CHECK(before.view().matrix().row(passable).sum() == 2 * (4 * 36 + 1));
  passage.run(12);
  Index changed = 0;
  for (Index n = 0; n < 2; ++n) {
    for (Index cell = 0; cell < 5 * 36; ++cell) {
      const float* was = before.view().sample(n).data() + cell * features;
      const float* is = std::as_const(passage).view().sample(n).data() + cell * features;
      CHECK(is[given] == (cell < 36 ? images.view().sample(n).data()[cell] : 0));
      CHECK(is[passable] == was[passable]);
      if (is[passable] == 0) {
        CHECK(std::equal(was, was + features, is));
      } else {
        changed += is[own] != was[own] ? 1 : 0;
      }
    }
  }
  CHECK(changed == 2 * (4 * 36 + 1));
}

TEST_CASE("what the last plane shows comes through the hole alone", "[unit]") {
  Settings settings;
  const Theta theta = any_theta();
  const State<float> one = any_images(6, 1, 1), other = any_images(6, 1, 2);
  for (const bool is_open : {true, false}) {
    Passage first(settings, theta, one.view()), second(settings, theta, other.view());
    first.set_hole(is_open);
    second.set_hole(is_open);
    first.run(12);
    second.run(12);
    const State<float> a = shown_images(std::as_const(first).view()), b = shown_images(std::as_const(second).view());
    CHECK((a.values == b.values) == !is_open);
    CHECK(a.values.norm() > 0);
  }
}

TEST_CASE("the error of the last plane has the gradient of differences", "[unit]") {
  const State<float> images = any_images(3, 2, 1);
  State<double> y(Shape{features, {3, 3, 3}, 2});
  const basin::Random random{5, 6};
  for (Index i = 0; i < y.values.size(); ++i) y.values[i] = random.normal(static_cast<std::uint64_t>(i));
  State<double> dy(y.shape);
  const LastPlaneError loss{images};
  const double value = loss.value_and_gradient(View<const double>(y.view()), 0, 2, dy.view());
  double sum = 0;
  for (Index n = 0; n < 2; ++n) {
    for (Index cell = 0; cell < 9; ++cell) {
      const double shows = y.view().sample(n).data()[(18 + cell) * features + shown];
      sum += std::pow(shows - static_cast<double>(images.view().sample(n).data()[cell]), 2);
    }
  }
  CHECK(value == Approx(sum / 18));
  for (Index i = 0; i < y.values.size(); ++i) {
    constexpr double h = 1e-3;  // the loss is a square, so that central differences are exact
    const double here = y.values[i];
    y.values[i] = here + h;
    const double above = loss.value_and_gradient(View<const double>(y.view()), 0, 2, View<double>{});
    y.values[i] = here - h;
    const double below = loss.value_and_gradient(View<const double>(y.view()), 0, 2, View<double>{});
    y.values[i] = here;
    CHECK((above - below) / (2 * h) == Approx(dy.values[i]).margin(1e-10));
  }
  // A slice of the batch has its part of it.
  State<double> part(y.view().sample(1));
  State<double> dpart(part.shape);
  const double of_part = loss.value_and_gradient(View<const double>(part.view()), 1, 2, dpart.view());
  const double rest = loss.value_and_gradient(View<const double>(y.view().sample(0)), 0, 2, View<double>{});
  CHECK(of_part + rest == Approx(value));
  CHECK(dpart.values == dy.view().sample(1).vector());
}

TEST_CASE("a shrunk image has the means of squares of the middle", "[unit]") {
  State<float> image(Shape{1, {28, 28, 1}, 1});
  for (Index i = 0; i < 28 * 28; ++i) image.values[i] = static_cast<float>(i % 28 + 100 * (i / 28));
  const State<float> small = shrunk(image.view(), 8);
  REQUIRE(small.shape == Shape{1, {8, 8, 1}, 1});
  // The middle pixel of a square of 3 x 3 is its mean where pixels grow evenly.
  for (Index y = 0; y < 8; ++y) {
    for (Index x = 0; x < 8; ++x) {
      CHECK(small.values[y * 8 + x] == Approx(2 + 3 * x + 1 + 100 * (2 + 3 * y + 1)).epsilon(1e-5));
    }
  }
  CHECK(shrunk(image.view(), 24).values[0] == image.values[2 * 28 + 2]);
}

TEST_CASE("linear codes keep what varies most, and a nearest mean knows what it has seen", "[unit]") {
  // Images of 16 pixels, which are 3 along one direction to either side, and vary by 1 along another.
  const Index count = 200;
  Digits digits{State<float>(Shape{1, {4, 4, 1}, count}), std::vector<std::uint8_t>(static_cast<std::size_t>(count))};
  const basin::Random random{7, 8};
  for (Index n = 0; n < count; ++n) {
    const double a = n % 2 == 0 ? 3 : -3, b = random.normal(static_cast<std::uint64_t>(n));
    float* pixels = digits.images.view().sample(n).data();
    for (Index i = 0; i < 16; ++i) {
      pixels[i] = static_cast<float>(0.5 + a * (i % 2 == 0 ? 0.25 : -0.25) + b * (i < 8 ? 0.25 : -0.25));
    }
    digits.labels[static_cast<std::size_t>(n)] = a > 0 ? 1 : 7;
  }
  const std::vector<double> errors = LinearCodes(digits.images.view()).errors(digits.images.view());
  REQUIRE(errors.size() == 17);
  // Both directions have length 1, so that the mean error is (9 + 1) / 16, 1 / 16 and 0, up to the samples.
  CHECK(errors[0] == Approx(10.0 / 16).epsilon(0.3));
  CHECK(errors[1] == Approx(1.0 / 16).epsilon(0.3));
  CHECK(errors[2] < 1e-10);
  CHECK(numbers_of(1.0, errors) == 0);
  CHECK(numbers_of(0.9 * errors[0], errors) == 0);
  CHECK(numbers_of(0.9 * errors[1], errors) == 1);
  const NearestMean nearest(digits);
  CHECK(nearest.accuracy(digits.images.view(), digits.labels) == 1);
  std::vector<std::uint8_t> wrong(digits.labels.size(), 3);
  CHECK(nearest.accuracy(digits.images.view(), wrong) == 0);
}
