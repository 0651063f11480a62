#include "basin/train/state_loss.hpp"

#include <catch2/catch.hpp>
#include <numeric>

#include "support/layer_checks.hpp"

using namespace basin;

namespace {

/// The gradient of a loss against central differences, and slices against the whole.
template <class L>
void check_loss(const L& loss, const State<double>& y) {
  static_assert(Loss<L>);
  State<double> dy(y.shape), moved = y;
  const double value = loss.value_and_gradient(View<const double>(y.view()), 0, y.shape.samples, dy.view());
  const double h = 1e-6;
  const auto at = [&](Index i, double change) {
    moved.values[i] = y.values[i] + change;
    const double result = loss.value_and_gradient(View<const double>(moved.view()), 0, y.shape.samples, View<double>{});
    moved.values[i] = y.values[i];
    return result;
  };
  double worst = 0;
  for (Index i = 0; i < y.values.size(); ++i) {
    worst = std::max(worst, std::abs(dy.values[i] - (at(i, h) - at(i, -h)) / (2 * h)));
  }
  CHECK(worst < 1e-8);
  double sum = 0;
  State<double> slice(y.shape.with_samples(1));
  for (Index n = 0; n < y.shape.samples; ++n) {
    sum += loss.value_and_gradient(View<const double>(y.view().sample(n)), n, y.shape.samples, slice.view());
    CHECK((slice.values - dy.view().sample(n).vector()).norm() < 1e-15);
  }
  CHECK(sum == Approx(value).epsilon(1e-13));
  const std::vector<double> each = losses_of_samples(loss, y.view());
  CHECK(std::accumulate(each.begin(), each.end(), 0.0) / static_cast<double>(each.size()) ==
        Approx(value).epsilon(1e-13));
}

}  // namespace

TEST_CASE("the error of the leading features looks at them alone", "[gradient][loss]") {
  const Shape shape{5, {3, 2, 1}, 3};
  const State<double> y = test::random_state<double>(shape, 1);
  const State<double> one = test::random_state<double>(Shape{2, {3, 2, 1}, 1}, 2);
  check_loss(LeadingFeaturesError{one}, y);
  check_loss(LeadingFeaturesError{test::random_state<double>(Shape{2, {3, 2, 1}, 3}, 3)}, y);
  double expected = 0;
  for (Index n = 0; n < 3; ++n) {
    for (Index cell = 0; cell < 6; ++cell) {
      for (Index c = 0; c < 2; ++c) {
        const double difference = y.view().sample(n).matrix()(c, cell) - one.view().matrix()(c, cell);
        expected += difference * difference / (3 * 6 * 2);
      }
    }
  }
  CHECK(LeadingFeaturesError{one}.value_and_gradient(View<const double>(y.view()), 0, 3, View<double>{}) ==
        Approx(expected).epsilon(1e-14));
  for (const Shape& wrong : {Shape{6, {3, 2, 1}, 1}, Shape{2, {2, 3, 1}, 1}, Shape{2, {3, 2, 1}, 2}}) {
    CHECK_THROWS_AS(LeadingFeaturesError{State<double>(wrong)}.value_and_gradient(View<const double>(y.view()), 0, 3,
                                                                                  View<double>{}),
                    std::invalid_argument);
  }
}

TEST_CASE("overflow counts what is outside, and losses add up", "[gradient][loss]") {
  State<double> y = test::random_state<double>(Shape{3, {4, 1, 1}, 2}, 4);
  y.values *= 3;
  const Overflow overflow{.low = -1, .high = 0.5, .weight = 2};
  check_loss(overflow, y);
  State<double> three(Shape{3, {1, 1, 1}, 1});
  three.values << -2, 0.2, 1.5;
  CHECK(overflow.value_and_gradient(View<const double>(three.view()), 0, 1, View<double>{}) ==
        Approx(2.0 * (1 + 0 + 1) / 3));
  check_loss(SumOf(overflow, LeadingFeaturesError{test::random_state<double>(Shape{2, {4, 1, 1}, 1}, 5)}), y);
  CHECK_THROWS_AS(
      (Overflow{.low = 1, .high = 0}.value_and_gradient(View<const double>(y.view()), 0, 2, View<double>{})),
      std::invalid_argument);
}

TEST_CASE("a loss of the leading features is that of a state of these alone", "[gradient][loss]") {
  const State<double> y = test::random_state<double>(Shape{5, {3, 2, 1}, 2}, 6);
  const CrossEntropy entropy{{0, 2, 1, 1, 0, 2, 2, 2, 0, 1, 1, 0}};
  const OfLeadingFeatures<3, CrossEntropy> loss{entropy};
  check_loss(loss, y);
  State<double> leading(y.shape.with_features(3));
  leading.view().matrix() = y.view().matrix().topRows(3);
  CHECK(loss.value_and_gradient(View<const double>(y.view()), 0, 2, View<double>{}) ==
        entropy.value_and_gradient(View<const double>(leading.view()), 0, 2, View<double>{}));
  CHECK_THROWS_WITH((OfLeadingFeatures<6, CrossEntropy>{entropy}.value_and_gradient(View<const double>(y.view()), 0, 2,
                                                                                    View<double>{})),
                    "number of features for a loss of the leading ones is 5, expected at least 6");
}
