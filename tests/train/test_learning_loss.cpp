#include "basin/train/learning_loss.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "basin/train/network_loss.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

constexpr int features = 2;

const Network& shape() {
  static const Network network({3, 5, 4});
  return network;
}

/// A number for each (..., data, 1, networks); of classes, 1 at one output.
State<float> targets_of(Outputs outputs, Index data, Index networks) {
  State<float> y = test::cast<float>(test::random_state(Shape{4, {data, 1, 1}, networks}, 8));
  if (outputs == Outputs::numbers) return y;
  y.values.setZero();
  for (Index n = 0; n < data * networks; ++n) y.view().matrix()((3 * n + n / 5) % 4, n) = 1;
  return y;
}

}  // namespace

TEST_CASE("networks on data of their own have the losses that each has alone", "[unit]") {
  const Index data = 6, networks = 3;
  const State<float> x = test::cast<float>(test::random_state(Shape{3, {data, 1, 1}, networks}, 7)),
                     y = targets_of(Outputs::classes, data, networks);
  const State<double> z = test::random_state(shape().shape(features, networks), 2);
  const LearningLoss loss{shape(), {x.view(), y.view()}};
  const auto scales = unit_scales<double>(shape());
  const std::vector<LearningLoss::Result> results = loss.results(z);
  State<double> dz(z.shape);
  double value = 0;
  for (Index n = 0; n < networks; ++n) {
    State<double> inputs(Shape{3, {1, 1, 1}, data}), alone(shape().shape(features));
    inputs.values = x.view().sample(n).vector().cast<double>();
    std::vector<int> labels;
    for (Index b = 0; b < data; ++b) labels.push_back(static_cast<int>((3 * (n * data + b) + (n * data + b) / 5) % 4));
    const NetworkLoss<double> one{shape(), inputs.view(), labels, scales, scales};
    const View<const double> network = z.view().sample(n);
    CHECK(results[static_cast<std::size_t>(n)].loss == Approx(one.losses(network)[0]).epsilon(1e-12));
    CHECK(results[static_cast<std::size_t>(n)].accuracy == one.accuracies(network)[0]);
    (void)one.value_and_gradient(network, n, networks, alone.view());
    value += loss.value_and_gradient(network, n, networks, dz.view().sample(n));
    CHECK(test::relative_error(dz.view().sample(n).vector(), alone.values) < 1e-12);
  }
  State<double> at_once(z.shape);
  CHECK(loss.value_and_gradient(z.view(), 0, networks, at_once.view()) == Approx(value).epsilon(1e-14));
  CHECK(at_once.values == dz.values);
}

TEST_CASE("a loss of numbers is the mean square of their errors, with its gradient", "[gradient]") {
  const Index data = 5, networks = 2;
  const State<float> x = test::cast<float>(test::random_state(Shape{3, {data, 1, 1}, 1}, 7)),
                     y = targets_of(Outputs::numbers, data, 1);
  const LearningLoss loss{shape(), {x.view(), y.view(), Outputs::numbers}, 0.2};
  const State<double> z = test::random_state(shape().shape(features, networks), 2);
  double expected = 0;
  for (Index n = 0; n < networks; ++n) {
    Matrix<double> a = x.view().matrix().cast<double>();
    for (std::size_t l = 0; l < 2; ++l) {
      const Network::Layer& layer = shape().layers()[l];
      Matrix<double> W(layer.outputs, layer.rows), with_one(layer.rows, data);
      for (Index k = 0; k < layer.cells(); ++k) {
        W.data()[k] = z.view().sample(n).data()[(layer.first + k) * features] / std::sqrt(layer.rows);
      }
      with_one << a, Matrix<double>::Ones(1, data);
      a = W * with_one;
      if (l == 0) a = a.cwiseMax(0) + 0.2 * a.cwiseMin(0);
    }
    expected += (y.view().matrix().cast<double>() - a).squaredNorm() / static_cast<double>(a.size() * networks);
  }
  State<double> dz(z.shape);
  const double value = loss.value_and_gradient(z.view(), 0, networks, dz.view());
  CHECK(value == Approx(expected).epsilon(1e-12));
  CHECK(loss.results(z)[0].accuracy == 0);
  const State<double> along = test::random_state(z.shape, 9);
  const auto at = [&](double h) {
    State<double> moved = z;
    moved.values += h * along.values;
    return loss.value_and_gradient(moved.view(), 0, networks, View<double>{});
  };
  CHECK((at(1e-6) - at(-1e-6)) / 2e-6 == Approx(dz.values.dot(along.values)).epsilon(1e-7));
  CHECK_THROWS_WITH((LearningLoss{Network({3, 4}), {x.view(), y.view()}}.results(z)),
                    Catch::Contains("features of (16, 1, 1) cells"));
  const State<float> two(Shape{3, {data, 2, 1}, 1}), of_two(Shape{4, {data, 2, 1}, 1});
  CHECK_THROWS_WITH((LearningLoss{shape(), {two.view(), of_two.view()}}.results(z)),
                    Catch::Contains("number of batches is 2, expected 1"));
}
