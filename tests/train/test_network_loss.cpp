#include "basin/train/network_loss.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/state_loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

static_assert(Loss<NetworkLoss<float>, float> && Loss<NetworkLoss<double>, double>);

/// Three layers whose outputs fill one block of 32 rows, more than one, and less.
template <Bias biases>
using Task = Sequential<Dense<6, 40, biases>, LeakyRelu, Dense<40, 32, biases>, LeakyRelu, Dense<32, 3, biases>>;

Network task_network(Bias biases) { return Network({6, 40, 32, 3}, biases); }

std::vector<int> random_labels(Index count, int classes, std::uint64_t seed) {
  std::vector<int> labels;
  for (Index i = 0; i < count; ++i) {
    labels.push_back(
        static_cast<int>(Random{seed, 7}.below(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(classes))));
  }
  return labels;
}

/// Networks at random, 3 features a cell, with inputs and labels that belong to nobody else.
template <class S>
struct Problem {
  std::vector<int> labels;
  State<S> inputs, networks;
  NetworkLoss<S> loss;

  Problem(const Network& network, Index count, Index samples, std::uint64_t seed = 1)
      : labels(random_labels(count, static_cast<int>(network.widths().back()), seed)),
        inputs(test::random_state<S>(Shape{network.widths().front(), {1, 1, 1}, count}, seed)),
        networks(test::random_state<S>(network.shape(3, samples), seed + 1, 0.4)),
        loss{.network = network, .inputs = std::as_const(inputs).view(), .labels = labels} {}
  Problem(const Problem&) = delete;

  [[nodiscard]] View<const S> state() const { return networks.view(); }
  [[nodiscard]] double value() const { return loss.value_and_gradient(state(), 0, networks.shape.samples, View<S>{}); }
};

/// The same networks as models of the house: theta is the first feature of the cells, times `scale(cell)`.
template <Bias biases, class Scale>
void check_against_layers(const Problem<double>& problem, const Scale& scale) {
  using Model = Task<biases>;
  const Index samples = problem.networks.shape.samples;
  REQUIRE(problem.loss.network == network_of<Model>());
  State<double> dy(problem.networks.shape);
  const double value = problem.loss.value_and_gradient(problem.state(), 0, samples, dy.view());
  const std::vector<double> losses = problem.loss.losses(problem.state()),
                            accuracies = problem.loss.accuracies(problem.state());
  double sum = 0;
  for (Index n = 0; n < samples; ++n) {
    Parameters<Model, double> theta, stored;
    for (Index cell = 0; cell < problem.loss.network.cells(); ++cell) {
      theta.vector()[cell] = scale(cell) * problem.networks.view().sample(n).matrix()(0, cell);
    }
    problem.loss.parameters(problem.state().sample(n), stored.span());
    CHECK(stored.vector() == theta.vector());
    const auto expected = value_and_gradient(Model{}, theta, problem.inputs.view(), CrossEntropy{problem.labels});
    sum += expected.value;
    CHECK(std::abs(losses[static_cast<std::size_t>(n)] - expected.value) < 1e-12);
    CHECK(accuracies[static_cast<std::size_t>(n)] == accuracy(expected.output.view(), problem.labels));
    const auto gradient = dy.view().sample(n).matrix();
    Vector<double> wanted = expected.gradient.vector() / static_cast<double>(samples);
    for (Index cell = 0; cell < wanted.size(); ++cell) wanted[cell] *= scale(cell);
    CHECK((gradient.row(0).transpose() - wanted).cwiseAbs().maxCoeff() < 1e-12);
    CHECK(wanted.cwiseAbs().maxCoeff() > 1e-3);
    CHECK(gradient.bottomRows(2).isZero(0));
  }
  CHECK(std::abs(value - sum / static_cast<double>(samples)) < 1e-12);
}

}  // namespace

TEST_CASE("the loss of networks is that of the same dense layers", "[exam][network_loss]") {
  // 600 inputs are more than two chunks, 1,100 are two parts.
  for (const Index count : {1, 37, 600, 1100}) {
    CAPTURE(count);
    const auto one = [](Index) { return 1.0; };
    check_against_layers<Bias::yes>(Problem<double>(task_network(Bias::yes), count, 2), one);
    check_against_layers<Bias::no>(Problem<double>(task_network(Bias::no), count, 2), one);
  }
}

TEST_CASE("a cell's number times the scale of its layer is the weight", "[exam][network_loss]") {
  const Network network = task_network(Bias::yes);
  Problem<double> problem(network, 50, 3);
  problem.loss.scales = {0.5, 1.5, 2};
  problem.loss.bias_scales = {3, 0.25, 1};
  check_against_layers<Bias::yes>(problem, [&](Index cell) {
    for (std::size_t l = 0; l < 3; ++l) {
      const Network::Layer& layer = network.layers()[l];
      if (cell < layer.cell(layer.inputs, 0)) return problem.loss.scales[l];
      if (cell < layer.first + layer.cells()) return problem.loss.bias_scales[l];
    }
    return 0.0;
  });
  // Biases keep their own scale, 1 if none is given.
  problem.loss.bias_scales = {};
  std::vector<double> theta(static_cast<std::size_t>(network.cells()));
  problem.loss.parameters(problem.state().sample(1), theta);
  const Index bias = network.layers()[1].cell(40, 5);
  CHECK(theta[static_cast<std::size_t>(bias)] == problem.state().sample(1).matrix()(0, bias));
  CHECK(theta[static_cast<std::size_t>(bias - 10)] == 1.5 * problem.state().sample(1).matrix()(0, bias - 10));
}

TEST_CASE("the gradient in a state of networks against central differences", "[gradient][network_loss]") {
  for (const Bias biases : {Bias::yes, Bias::no}) {
    for (const std::vector<Index>& widths : {std::vector<Index>{5, 4, 3}, {4, 3}, {3, 1, 2}, {1, 7, 5, 2}}) {
      Problem<double> problem(Network(widths, biases), 9, 2, 3);
      problem.loss.scales.assign(widths.size() - 1, 0.7);
      problem.loss.bias_scales.assign(widths.size() - 1, 1.3);
      problem.loss.slope = 0.2;
      State<double> dy(problem.networks.shape), moved = problem.networks;
      static_cast<void>(problem.loss.value_and_gradient(problem.state(), 0, 2, dy.view()));
      const GradientError error = gradient_error(
          [&](const Vector<double>& at) {
            moved.values = at;
            return problem.loss.value_and_gradient(std::as_const(moved).view(), 0, 2, View<double>{});
          },
          problem.networks.values, dy.values);
      INFO(error.where);
      CHECK(error.value < 1e-7);
    }
  }
}

TEST_CASE("slices of a batch of networks add up", "[unit][network_loss]") {
  const Problem<double> problem(task_network(Bias::yes), 700, 5);
  State<double> whole(problem.networks.shape), slices(problem.networks.shape);
  const double value = problem.loss.value_and_gradient(problem.state(), 0, 5, whole.view());
  double sum = 0;
  for (const auto& [first, count] : {std::pair<Index, Index>{0, 2}, {2, 1}, {3, 2}}) {
    sum += problem.loss.value_and_gradient(problem.state().samples(first, count), first, 5,
                                           slices.view().samples(first, count));
  }
  CHECK(sum == Approx(value).epsilon(1e-13));
  CHECK(slices.values == whole.values);
  CHECK(problem.value() == value);
  const std::vector<double> each = losses_of_samples(problem.loss, problem.state()),
                            losses = problem.loss.losses(problem.state());
  for (std::size_t n = 0; n < 5; ++n) CHECK(each[n] == Approx(losses[n]).epsilon(1e-13));
}

TEST_CASE("accuracies are counted one by one", "[unit][network_loss]") {
  const Network network({4, 5, 3});
  Problem<float> problem(network, 1300, 3);
  const std::vector<double> accuracies = problem.loss.accuracies(problem.state());
  for (Index n = 0; n < 3; ++n) {
    const auto w = [&](Index cell) { return static_cast<double>(problem.state().sample(n).matrix()(0, cell)); };
    int correct = 0;
    for (Index i = 0; i < 1300; ++i) {
      std::vector<double> x;
      for (Index k = 0; k < 4; ++k) x.push_back(static_cast<double>(problem.inputs.view().matrix()(k, i)));
      for (const Network::Layer& layer : network.layers()) {
        std::vector<double> y;
        for (Index j = 0; j < layer.outputs; ++j) {
          double z = w(layer.cell(layer.inputs, j));
          for (Index k = 0; k < layer.inputs; ++k) z += w(layer.cell(k, j)) * x[static_cast<std::size_t>(k)];
          y.push_back(&layer == &network.layers().back() || z > 0 ? z : 0.01 * z);
        }
        x = y;
      }
      const auto best = std::max_element(x.begin(), x.end()) - x.begin();
      correct += best == problem.labels[static_cast<std::size_t>(i)] ? 1 : 0;
    }
    CHECK(correct > 100);
    CHECK(correct < 1200);
    CHECK(accuracies[static_cast<std::size_t>(n)] == correct / 1300.0);
  }
  // Of equal outputs the first counts; a NaN never is right, and shows in the loss.
  problem.networks.values.setZero();
  const double zeros = static_cast<double>(std::count(problem.labels.begin(), problem.labels.end(), 0)) / 1300;
  CHECK(problem.loss.accuracies(problem.state()) == std::vector<double>(3, zeros));
  CHECK(problem.loss.losses(problem.state())[2] == Approx(std::log(3.0)).epsilon(1e-6));
  problem.networks.view().sample(1).matrix()(0, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK(problem.loss.accuracies(problem.state()) == std::vector<double>{zeros, 0, zeros});
  CHECK(std::isnan(problem.loss.losses(problem.state())[1]));
  CHECK(std::isnan(problem.value()));
}

TEST_CASE("inputs may be images, and networks one feature a cell", "[unit][network_loss]") {
  Problem<float> problem(Network({6, 4, 3}), 20, 1);
  const double value = problem.value();
  const State<float> one_feature = [&] {
    State<float> out(problem.loss.network.shape(1));
    out.view().matrix() = problem.networks.view().matrix().topRows(1);
    return out;
  }();
  problem.inputs.shape = Shape{1, {3, 2, 1}, 20};
  problem.loss.inputs = std::as_const(problem.inputs).view();
  CHECK(problem.loss.value_and_gradient(one_feature.view(), 0, 1, View<float>{}) == value);
}

TEMPLATE_TEST_CASE("nothing depends on the number of threads", "[repeatable][network_loss]", float, double) {
  // Wide enough that Eigen would share a product among threads, deep enough that it would cut sums.
  Problem<TestType> problem(Network({784, 70, 10}), 1100, 2);
  State<TestType> one(problem.networks.shape), two(problem.networks.shape);
  set_threads(1);
  const double first = problem.loss.value_and_gradient(problem.state(), 0, 2, one.view());
  const auto losses = problem.loss.losses(problem.state()), accuracies = problem.loss.accuracies(problem.state());
  set_threads(2);
  const double second = problem.loss.value_and_gradient(problem.state(), 0, 2, two.view());
  CHECK(problem.loss.losses(problem.state()) == losses);
  CHECK(problem.loss.accuracies(problem.state()) == accuracies);
  set_threads(0);
  CHECK(first == second);
  CHECK(one.values == two.values);
}

TEST_CASE("memory does not grow with the number of inputs", "[allocation][network_loss]") {
  if (!basin_test::counts_allocations()) return;
  set_threads(1);
  const Network network({50, 40, 10});
  const Problem<float> few(network, 300, 2), many(network, 8000, 2);
  const auto peak = [](const Problem<float>& problem) {
    basin_test::reset_peak();
    const std::size_t before = basin_test::live_bytes();
    static_cast<void>(problem.loss.accuracies(problem.state()));
    return basin_test::peak_bytes() - before;
  };
  static_cast<void>(peak(few));  // makes the scratch memory large enough for one chunk
  // What is left is a list of sums, of 16 bytes a network and part, and what Eigen packs.
  CHECK(peak(many) < peak(few) + 1024);
  set_threads(0);
}

TEST_CASE("what does not fit a network is refused", "[unit][network_loss]") {
  const Network network({6, 4, 3});  // 28 + 15 cells
  Problem<float> problem(network, 20, 2);
  State<float> dy(problem.networks.shape);
  const auto call = [&](const NetworkLoss<float>& loss) {
    static_cast<void>(loss.value_and_gradient(problem.state(), 0, 2, dy.view()));
  };
  CHECK_NOTHROW(call(problem.loss));
  NetworkLoss<float> loss = problem.loss;
  loss.network = Network({6, 5, 3});
  CHECK_THROWS_WITH(call(loss),
                    "shape of the networks is (3, 43, 1, 1, 2), expected 1 or more features of (53, 1, 1) "
                    "cells");
  loss.network = Network({5, 4, 3}, Bias::yes);
  CHECK_THROWS_AS(call(loss), std::invalid_argument);
  loss.network = Network();
  CHECK_THROWS_WITH(call(loss), "number of layers of the network is 0, expected 1 or more");
  loss = problem.loss;
  const State<float> other(Shape{5, {1, 1, 1}, 20});
  loss.inputs = other.view();
  CHECK_THROWS_WITH(call(loss),
                    "shape of the inputs is (5, 1, 1, 1, 20), expected 6 numbers in each of 1 or more "
                    "samples");
  loss = problem.loss;
  loss.inputs = std::as_const(problem.inputs).view().samples(0, 0);
  CHECK_THROWS_AS(call(loss), std::invalid_argument);
  loss = problem.loss;
  loss.labels = loss.labels.first(19);
  CHECK_THROWS_WITH(call(loss), "number of labels is 19, expected 20");
  loss = problem.loss;
  problem.labels[4] = 3;
  CHECK_THROWS_WITH(call(loss), "label is 3, expected 0 to 2");
  problem.labels[4] = 0;
  loss.scales = {1};
  CHECK_THROWS_WITH(call(loss), "number of scales is 1, expected 2");
  loss = problem.loss;
  loss.bias_scales = {1, 2, 3};
  CHECK_THROWS_WITH(call(loss), "number of scales of biases is 3, expected 2");
  loss = problem.loss;
  loss.slope = -0.1;
  CHECK_THROWS_WITH(call(loss), "slope of the leaky ReLU is -0.1, expected 0 or more");
  CHECK_THROWS_WITH(problem.loss.value_and_gradient(problem.state(), 1, 2, dy.view()),
                    "samples of the batch is 1 to 3, expected within 0 to 2");
  std::vector<float> theta(43);
  CHECK_THROWS_WITH(problem.loss.parameters(problem.state(), theta), "number of networks is 2, expected 1");
  theta.pop_back();
  CHECK_THROWS_WITH(problem.loss.parameters(problem.state().sample(0), theta), "size of theta is 42, expected 43");
}
