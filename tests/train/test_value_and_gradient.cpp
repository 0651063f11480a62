#include "basin/train/value_and_gradient.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/gradient_check.hpp"
#include "basin/train/loss.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;
using Model = Sequential<Dense<5, 7>, Tanh, Dense<7, 3>>;

CrossEntropy labels(Index batch) {
  CrossEntropy loss;
  for (Index n = 0; n < batch; ++n) loss.labels.push_back(static_cast<int>((n * n) % 3));
  return loss;
}

}  // namespace

TEST_CASE("value and gradient of a batch are those of the whole, however it is cut", "[gradient]") {
  const Model model;
  const auto theta = test::random_parameters<Model>(1);
  const State<double> x = test::random_state({5, {1, 1, 1}, 13}, 2);
  const CrossEntropy loss = labels(13);

  State<double> y(model.out_shape(x.shape)), dy(y.shape);
  Parameters<Model, double> gradient;
  const auto linear = model.linearize(theta, x.view(), y.view());
  const double value = loss.value_and_gradient(View<const double>(y.view()), 0, 13, dy.view());
  (void)linear.pullback(dy.view(), View<double>(), gradient.span());

  for (const Index part : {1, 2, 5, 8, 13, 100}) {
    const auto result = value_and_gradient(model, theta, x, loss, {.samples_per_part = part});
    CHECK(result.value == Approx(value).epsilon(1e-14));
    CHECK(test::relative_error(result.gradient.vector(), gradient.vector()) <= 1e-13);
    CHECK(test::relative_error(result.output.values, y.values) <= 1e-14);
    CHECK(test::relative_error(predict(model, theta, x, {.samples_per_part = part}).output.values, y.values) <= 1e-14);
  }
}

TEST_CASE("the gradient of a whole batch passes central differences", "[gradient]") {
  const Model model;
  auto theta = test::random_parameters<Model>(1);
  const State<double> x = test::random_state({5, {1, 1, 1}, 4}, 2);
  const CrossEntropy loss = labels(4);
  const auto at = value_and_gradient(model, theta, x, loss);
  const double step = 1e-5;
  for (Index i = 0; i < theta.vector().size(); ++i) {
    const double middle = theta.vector()[i];
    theta.vector()[i] = middle + step;
    const double above = value_and_gradient(model, theta, x, loss).value;
    theta.vector()[i] = middle - step;
    const double below = value_and_gradient(model, theta, x, loss).value;
    theta.vector()[i] = middle;
    // Differences of a value of about 1 carry a rounding error of 1e-11.
    CHECK(std::abs((above - below) / (2 * step) - at.gradient.vector()[i]) < 1e-9);
  }
}

TEST_CASE("an empty batch has no loss, and a part of no samples is refused", "[unit]") {
  const Model model;
  const auto theta = test::random_parameters<Model>(1);
  const State<double> none(Shape{5, {1, 1, 1}, 0});
  const auto result = value_and_gradient(model, theta, none, CrossEntropy{});
  CHECK(result.value == 0);
  CHECK(result.gradient.vector().isZero());
  CHECK_THROWS_WITH(predict(model, theta, none, {.samples_per_part = 0}), "samples_per_part is 0, expected at least 1");
}
