#include "basin/train/variational_loss.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/gaussian_sample.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/state_loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

template <class L>
double value_of(const L& loss, const State<double>& y) {
  return loss.value_and_gradient(View<const double>(y.view()), 0, y.shape.samples, View<double>{});
}

/// The gradient against central differences, and slices against the whole.
template <class L>
void check_loss(const L& loss, const State<double>& y) {
  static_assert(Loss<L>);
  State<double> dy(y.shape), moved = y, slice(y.shape.with_samples(1));
  const double value = loss.value_and_gradient(View<const double>(y.view()), 0, y.shape.samples, dy.view());
  constexpr double h = 1e-6;
  for (Index i = 0; i < y.values.size(); ++i) {
    const auto at = [&](double change) {
      moved.values[i] = y.values[i] + change;
      return value_of(loss, moved);
    };
    CHECK(std::abs(dy.values[i] - (at(h) - at(-h)) / (2 * h)) < 1e-8);
    moved.values[i] = y.values[i];
  }
  double sum = 0;
  for (Index n = 0; n < y.shape.samples; ++n) {
    sum += loss.value_and_gradient(View<const double>(y.view().sample(n)), n, y.shape.samples, slice.view());
    CHECK((slice.values - dy.view().sample(n).vector()).norm() < 1e-15);
  }
  CHECK(sum == Approx(value).epsilon(1e-13));
}

}  // namespace

TEST_CASE("the likelihood of pixels", "[gradient][loss]") {
  State<double> y = test::random_state({2, {3, 1, 1}, 2}, 1, 3), pixels(y.shape);
  for (Index i = 0; i < pixels.values.size(); ++i) pixels.values[i] = static_cast<double>(i % 3) / 2;
  const BernoulliLoss loss{pixels};
  check_loss(loss, y);
  double expected = 0;
  for (Index i = 0; i < y.values.size(); ++i) {
    const double p = 1 / (1 + std::exp(-y.values[i]));
    expected -= (pixels.values[i] * std::log(p) + (1 - pixels.values[i]) * std::log(1 - p)) / 2;
  }
  CHECK(value_of(loss, y) == Approx(expected).epsilon(1e-12));
  // Of logits beyond what exp can take.
  State<double> far(Shape{2}), black(far.shape);
  far.values << 2000, -2000;
  black.values << 0, 0;
  CHECK(value_of(BernoulliLoss{black}, far) == 2000);
  State<double> dy(far.shape);
  static_cast<void>(BernoulliLoss{black}.value_and_gradient(View<const double>(far.view()), 0, 1, dy.view()));
  CHECK(dy.values[0] == 1);
  CHECK(dy.values[1] == 0);
  CHECK_THROWS_AS(value_of(BernoulliLoss{black}, y), std::invalid_argument);
}

TEST_CASE("the divergence from the standard normal distribution", "[gradient][loss]") {
  const State<double> y = test::random_state({4, {3, 1, 1}, 2}, 2);
  check_loss(GaussianDivergence{}, y);
  check_loss(GaussianDivergence{.weight = 0.3}, y);
  CHECK(value_of(GaussianDivergence{}, State<double>(Shape{4})) == 0);
  // By a sum over a fine grid, of mean 0.5 and deviation 0.8.
  State<double> one(Shape{2});
  one.values << 0.5, 2 * std::log(0.8);
  double integral = 0;
  constexpr double step = 1e-3;
  for (double z = -10; z < 10; z += step) {
    const double log_q = -0.5 * std::pow((z - 0.5) / 0.8, 2) - std::log(0.8), log_p = -0.5 * z * z;
    integral += step * std::exp(log_q) / std::sqrt(2 * std::numbers::pi) * (log_q - log_p);
  }
  CHECK(value_of(GaussianDivergence{}, one) == Approx(integral).epsilon(1e-6));
  CHECK(value_of(GaussianDivergence{.weight = 2}, one) == Approx(2 * integral).epsilon(1e-6));
  CHECK_THROWS_AS(value_of(GaussianDivergence{}, State<double>(Shape{3})), std::invalid_argument);
}

TEST_CASE("the bound of a linear autoencoder is below the likelihood, and reaches it at the posterior", "[unit]") {
  // One pixel with logit 2 z of one code z, black: log p(x) by a sum over a fine grid.
  double likelihood = 0;
  constexpr double step = 1e-3;
  for (double z = -10; z < 10; z += step) {
    likelihood += step * std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi) / (1 + std::exp(2 * z));
  }
  // Codes of an encoder that is given (m; l), of many samples.
  constexpr Index samples = 20000;
  State<double> x(Shape{2, {1, 1, 1}, samples}), black(Shape{1, {1, 1, 1}, samples});
  using Model = Sequential<Dense<2, 2>, GaussianSample<1>, Dense<1, 1, Bias::no>>;
  const auto bound = [&](double mean, double deviation) {
    x.view().matrix().colwise() = Eigen::Vector2d(mean, 2 * std::log(deviation));
    Parameters<Model, double> theta;
    theta.leaf("0.weight")[0] = theta.leaf("0.weight")[3] = 1;
    theta.leaf("2.weight")[0] = 2;
    const auto fit = value_and_gradient(Model{}, theta, x, BernoulliLoss{black});
    return -fit.value - value_of(GaussianDivergence{}, x);
  };
  const double best = bound(-0.51, 0.78), noise = 5 * 1.0 / std::sqrt(static_cast<double>(samples));
  CHECK(best < std::log(likelihood) + noise);
  CHECK(best > std::log(likelihood) - 0.01 - noise);  // close to the posterior, which is no normal distribution
  CHECK(bound(0, 1) < best - 0.1);
}
