#include "basin/train/mixture_loss.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "basin/layers/dense.hpp"
#include "basin/layers/mix.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

constexpr int K = 3, C = 2;
using Likelihood = MixtureLoss<K, C, double>;

double value_of(const Likelihood& loss, const State<double>& y) {
  return loss.value_and_gradient(View<const double>(y.view()), 0, y.shape.samples, View<double>{});
}

}  // namespace

TEST_CASE("the likelihood of a mixture is that of its density", "[unit][loss]") {
  const State<double> y = test::random_state({K + K * C, {2, 1, 1}, 2}, 1),
                      t = test::random_state({C, {2, 1, 1}, 2}, 2);
  constexpr double deviation = 0.4;
  const Likelihood loss{t, deviation};
  double expected = 0;
  for (Index cell = 0; cell < 4; ++cell) {
    const Eigen::VectorXd of_cell = y.view().matrix().col(cell);
    const Eigen::Array3d p = of_cell.head(3).array().exp() / of_cell.head(3).array().exp().sum();
    double density = 0;
    for (Index k = 0; k < K; ++k) {
      double normal = 1;
      for (Index c = 0; c < C; ++c) {
        const double away = (t.view().matrix()(c, cell) - of_cell[K + k * C + c]) / deviation;
        normal *= std::exp(-away * away / 2) / (deviation * std::sqrt(2 * std::numbers::pi));
      }
      density += p[k] * normal;
    }
    expected -= (std::log(density) + C * std::log(deviation * std::sqrt(2 * std::numbers::pi))) / 4;
  }
  CHECK(value_of(loss, y) == Approx(expected).epsilon(1e-12));
}

TEST_CASE("the gradient of a mixture's likelihood, and slices", "[gradient][loss]") {
  static_assert(Loss<Likelihood>);
  const State<double> y = test::random_state({K + K * C, {3, 2, 1}, 2}, 3);
  const Likelihood loss{test::random_state({C, {3, 2, 1}, 2}, 4), 0.5};
  State<double> dy(y.shape), moved = y, slice(y.shape.with_samples(1));
  const double value = loss.value_and_gradient(View<const double>(y.view()), 0, 2, dy.view());
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
  for (Index n = 0; n < 2; ++n) {
    sum += loss.value_and_gradient(View<const double>(y.view().sample(n)), n, 2, slice.view());
    CHECK((slice.values - dy.view().sample(n).vector()).norm() < 1e-15);
  }
  CHECK(sum == Approx(value).epsilon(1e-13));
}

TEST_CASE("weights say how much each cell counts in a mixture's likelihood", "[unit][loss]") {
  const Shape cells{K + K * C, {3, 1, 1}, 2};
  const State<double> y = test::random_state(cells, 3), t = test::random_state(cells.with_features(C), 4);
  Likelihood loss{t, 0.5};
  loss.weights = State<double>(cells.with_features(1));
  loss.weights.values << 0, 2, 0.5, 1, 0, 3;
  State<double> dy(cells), plain(cells), alone(cells.with_samples(1));
  const double value = loss.value_and_gradient(View<const double>(y.view()), 0, 2, dy.view());
  static_cast<void>(Likelihood{t, 0.5}.value_and_gradient(View<const double>(y.view()), 0, 2, plain.view()));
  double expected = 0;
  for (Index cell = 0; cell < 6; ++cell) {
    const double weight = loss.weights.values[cell];
    CHECK((dy.view().matrix().col(cell) - weight * plain.view().matrix().col(cell)).norm() <=
          1e-14 * plain.values.norm());
    State<double> of_cell(Shape{K + K * C, {1, 1, 1}, 1}), wanted(Shape{C, {1, 1, 1}, 1});
    of_cell.values = y.view().matrix().col(cell);
    wanted.values = t.view().matrix().col(cell);
    expected += weight * value_of({wanted, 0.5}, of_cell) / 6;
  }
  CHECK(value == Approx(expected).epsilon(1e-13));
  CHECK(loss.value_and_gradient(View<const double>(y.view().sample(0)), 0, 2, View<double>{}) +
            loss.value_and_gradient(View<const double>(y.view().sample(1)), 1, 2, alone.view()) ==
        Approx(value).epsilon(1e-13));
  CHECK((alone.values - dy.view().sample(1).vector()).norm() <= 1e-14 * dy.values.norm());
  loss.weights.values[2] = -1;
  CHECK_THROWS_WITH(value_of(loss, y), "weight of a cell of MixtureLoss is -1, expected 0 or more, and finite");
  loss.weights.values[2] = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(value_of(loss, y), std::invalid_argument);
  loss.weights = State<double>(cells);
  CHECK_THROWS_AS(value_of(loss, y), std::invalid_argument);
}

TEST_CASE("the likelihood of a mixture does not lose answers that are far away", "[unit][loss]") {
  State<double> y(Shape{K + K * C, {1, 1, 1}, 1}), t(Shape{C, {1, 1, 1}, 1}), dy(y.shape);
  y.values.tail(K * C).setConstant(1e3);
  y.values[0] = 500;  // beyond what exp can take
  const Likelihood loss{t, 0.01};
  CHECK(loss.value_and_gradient(View<const double>(y.view()), 0, 1, dy.view()) == Approx(1e10));
  CHECK(dy.values.allFinite());
  CHECK(dy.values.segment(K, C).isApprox(Eigen::Vector2d::Constant(1e7)));
  // An answer of probability 1 that is right takes nothing.
  y.values.segment(K, C).setZero();
  CHECK(value_of(loss, y) == 0);
}

TEST_CASE("a mixture learns how often each of two things is seen", "[train]") {
  // In one cell of four a 2 is seen, in the others a -1, and nothing tells them apart.
  using Model = Dense<1, 2 + 2>;
  State<float> x(Shape{1, {4, 1, 1}, 1}), t(x.shape);
  x.values.setOnes();
  t.values << 2, -1, -1, -1;
  const MixtureLoss<2, 1> loss{t, 0.3};
  auto theta = initial_parameters<float>(Model{}, 1);
  const Adam adam{.rate = 0.05};
  auto moments = adam.init(theta);
  for (int i = 0; i < 800; ++i) adam.step(theta, value_and_gradient(Model{}, theta, x.view(), loss).gradient, moments);
  const State<float> y = predict(Model{}, theta, x.view()).output;
  const int two = y.values[2] > 0 ? 0 : 1;
  const double share = 1 / (1 + std::exp(static_cast<double>(y.values[1 - two] - y.values[two])));
  CHECK(share == Approx(0.25).margin(0.01));
  CHECK(y.values[2 + two] == Approx(2).margin(0.01));
  CHECK(y.values[3 - two] == Approx(-1).margin(0.01));
}

TEST_CASE("a mixture's likelihood refuses what does not fit", "[unit][loss]") {
  const State<double> y(Shape{K + K * C, {2, 1, 1}, 1});
  const State<double> t(Shape{C, {2, 1, 1}, 1});
  CHECK_THROWS_WITH(value_of({t, 0}, y),
                    "deviation of MixtureLoss is 0, expected a number above 0 whose square is finite and above 0");
  CHECK_THROWS_AS(value_of({t, 1e-200}, y), std::invalid_argument);
  CHECK_THROWS_AS(value_of({t, 1e200}, y), std::invalid_argument);
  State<double> endless = y;
  endless.values[K] = std::numeric_limits<double>::infinity();
  CHECK(!std::isfinite(value_of({t, 0.1}, endless)));
  CHECK_THROWS_AS(value_of({State<double>(Shape{C, {3, 1, 1}, 1})}, y), std::invalid_argument);
  CHECK_THROWS_AS(value_of({t}, State<double>(Shape{K, {2, 1, 1}, 1})), std::invalid_argument);
}
