#include "basin/train/loss.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "basin/train/gradient_check.hpp"
#include "basin/train/state_loss.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

static_assert(Loss<CrossEntropy> && Loss<CrossEntropy, double> && Loss<MeanSquaredError<float>, double>);
static_assert(!Loss<int>);

/// Value and gradient of a loss over a batch, in slices of `size` samples.
template <class L>
std::pair<double, Vector<double>> in_slices(const L& loss, const State<double>& y, Index size) {
  State<double> dy(y.shape);
  double value = 0;
  for (Index first = 0; first < y.shape.samples; first += size) {
    const Index count = std::min(size, y.shape.samples - first);
    value += loss.value_and_gradient(y.view().samples(first, count), first, y.shape.samples,
                                     dy.view().samples(first, count));
  }
  return {value, dy.values};
}

template <class L>
void check_loss(const L& loss, const State<double>& y) {
  const auto [value, gradient] = in_slices(loss, y, y.shape.samples);
  const auto of = [&](const Vector<double>& numbers) {
    return loss.value_and_gradient(View<const double>(numbers.data(), y.shape), 0, y.shape.samples, View<double>());
  };
  CHECK(of(y.values) == value);
  CHECK(gradient_error(of, y.values, gradient).value <= 1e-8);
  const auto [value_of_slices, gradient_of_slices] = in_slices(loss, y, 2);
  CHECK(value_of_slices == Approx(value).epsilon(1e-14));
  CHECK(test::relative_error(gradient_of_slices, gradient) <= 1e-15);
}

}  // namespace

TEST_CASE("cross-entropy gives the numbers of a calculation by hand", "[unit]") {
  // Two samples of two classes: softmax of (0, log 3) is (1/4, 3/4), of (0, 0) is (1/2, 1/2).
  State<double> y(Shape{2, {1, 1, 1}, 2}), dy(y.shape);
  y.values << 0, std::log(3.0), 0, 0;
  const CrossEntropy loss{{1, 0}};
  const double value = loss.value_and_gradient(y, 0, 2, dy.view());
  CHECK(value == Approx((std::log(4.0 / 3.0) + std::log(2.0)) / 2).epsilon(1e-15));
  CHECK((dy.values - Eigen::Vector4d(0.125, -0.125, -0.25, 0.25)).cwiseAbs().maxCoeff() <= 1e-16);
}

TEST_CASE("losses have the right gradients, and slices add up", "[gradient]") {
  const State<double> y = test::random_state(Shape{4, {3, 2, 1}, 5}, 1, 2.0);
  CrossEntropy classes;
  for (int i = 0; i < 30; ++i) classes.labels.push_back((i * 7) % 4);
  check_loss(classes, y);
  check_loss(MeanSquaredError{test::random_state(y.shape, 2)}, y);
}

TEMPLATE_TEST_CASE("cross-entropy is stable at huge logits", "[unit]", float, double) {
  using S = TestType;
  State<S> y(Shape{3, {1, 1, 1}, 2}), dy(y.shape);
  y.values << S(1e30), S(-1e30), S(0), S(-1000), S(-1001), S(-5000);
  const double value = CrossEntropy{{0, 1}}.value_and_gradient(y, 0, 2, dy.view());
  CHECK(value == Approx((1 + std::log1p(std::exp(-1.0))) / 2).epsilon(1e-12));
  CHECK(dy.values.allFinite());
  y.values[0] = std::numeric_limits<S>::quiet_NaN();
  CHECK(std::isnan(CrossEntropy{{0, 1}}.value_and_gradient(y, 0, 2, dy.view())));
}

TEST_CASE("mean squared error gives the numbers of a calculation by hand", "[unit]") {
  State<float> y(Shape{2, {1, 1, 1}, 2}), dy(y.shape), target(y.shape);
  y.values << 1, 2, 3, 4;
  target.values << 1, 0, 0, 8;
  const MeanSquaredError loss{target};
  CHECK(loss.value_and_gradient(y, 0, 2, dy.view()) == Approx((4.0 + 9.0 + 16.0) / 4));
  CHECK(dy.values == Eigen::Vector4f(0, 1, 1.5, -2));
  CHECK(loss.value_and_gradient(y.view().sample(1), 1, 2, View<float>()) == Approx(25.0 / 4));
}

TEST_CASE("correct answers are counted, and neither ties nor NaNs cheat", "[unit]") {
  State<float> y(Shape{3, {1, 1, 1}, 4});
  y.values << 1, 2, 0, /**/ 5, 5, 5, /**/ 5, 5, 5, /**/ 0, std::numeric_limits<float>::quiet_NaN(), -1;
  const std::vector<int> labels{1, 0, 2, 0};
  CHECK(count_correct(y.view(), labels) == 2);
  CHECK(accuracy(y.view(), labels) == 0.5);
  CHECK(accuracy(View<const float>(y.values.data(), Shape{3, {1, 1, 1}, 0}), {}) == 0.0);
}

TEST_CASE("losses refuse labels and targets that do not fit", "[unit]") {
  State<float> y(Shape{3, {1, 1, 1}, 2}), dy(y.shape);
  CHECK_THROWS_WITH((CrossEntropy{{0, 3}}.value_and_gradient(y, 0, 2, dy.view())), "label is 3, expected 0 to 2");
  CHECK_THROWS_WITH((CrossEntropy{{-1, 0}}.value_and_gradient(y, 0, 2, dy.view())), "label is -1, expected 0 to 2");
  CHECK_THROWS_WITH((CrossEntropy{{0}}.value_and_gradient(y, 0, 2, dy.view())), "number of labels is 1, expected 2");
  CHECK_THROWS_WITH((CrossEntropy{{0, 1}}.value_and_gradient(y, 1, 2, dy.view())),
                    "samples of the batch is 1 to 3, expected within 0 to 2");
  CHECK_THROWS_WITH((MeanSquaredError{State<float>(Shape{4, {1, 1, 1}, 2})}.value_and_gradient(y, 0, 2, dy.view())),
                    "shape of y for the whole batch is (3, 1, 1, 1, 2), expected (4, 1, 1, 1, 2)");
  CHECK_THROWS_WITH(count_correct(y.view(), std::vector<int>{1}), "number of labels is 1, expected 2");
  CHECK_THROWS_WITH(count_correct(y.view(), std::vector<int>{1, 9}), "label is 9, expected 0 to 2");
}

TEST_CASE("a loss shows a number that is not finite, wherever it stands", "[unit][loss]") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const State<double> x = test::random_state({3, {2, 1, 1}, 4}, 1);
  State<double> target(x.shape);
  const auto shows = [&](const auto& loss) {
    for (Index i = 0; i < x.values.size(); ++i) {
      for (const double bad : {nan, infinity, -infinity}) {
        State<double> y = x, dy(x.shape);
        y.values[i] = bad;
        CAPTURE(i, bad);
        CHECK_FALSE(std::isfinite(loss.value_and_gradient(View<const double>(y.view()), 0, 4, dy.view())));
      }
    }
  };
  shows(MeanSquaredError<double>{target});
  shows(LeadingFeaturesError<double>{target});
  shows(Overflow{});
  shows(SumOf(Overflow{}, MeanSquaredError<double>{target}));
}

TEST_CASE("cross-entropy shows a NaN, and an infinity that is not as good as right", "[unit][loss]") {
  const double infinity = std::numeric_limits<double>::infinity();
  const CrossEntropy loss{{0, 1, 2, 0}};
  State<double> y = test::random_state({3, {1, 1, 1}, 4}, 1);
  const auto value = [&] { return loss.value_and_gradient(View<const double>(y.view()), 0, 4, View<double>{}); };
  for (Index i = 0; i < y.values.size(); ++i) {
    const double number = y.values[i];
    CAPTURE(i);
    y.values[i] = std::nan("");
    CHECK(std::isnan(value()));
    y.values[i] = infinity;
    CHECK_FALSE(std::isfinite(value()));
    y.values[i] = number;
  }
  y.values[1] = -infinity;  // the log-likelihood of another class: as right as can be
  CHECK(std::isfinite(value()));
  y.values[0] = -infinity;  // of the right one
  CHECK_FALSE(std::isfinite(value()));
}
