#include "basin/meta/network.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/activation.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Task = Sequential<Dense<5, 4>, LeakyRelu, Dense<4, 1>, Tanh, Dense<1, 3>>;
using Plain = Sequential<Dense<5, 4, Bias::no>, Relu, Dense<4, 2, Bias::no>>;

}  // namespace

TEST_CASE("a network's cells are the parameters of the task, in their order", "[unit][network]") {
  const Network network = network_of<Task>();
  CHECK(network == Network({5, 4, 1, 3}));
  CHECK(network.cells() == static_cast<Index>(Task::param_count));
  REQUIRE(network.layers().size() == 3);
  Parameters<Task, double> theta;
  for (Index i = 0; i < theta.vector().size(); ++i) theta.vector()[i] = static_cast<double>(i);
  for (std::size_t l = 0; l < 3; ++l) {
    const Network::Layer& layer = network.layers()[l];
    const std::string path = std::to_string(2 * l);  // the activations between have numbers too
    const auto weight = theta.leaf(path + ".weight");
    const auto bias = theta.leaf(path + ".bias");
    CHECK(layer.rows == layer.inputs + 1);
    for (Index i = 0; i < layer.inputs; ++i) {
      for (Index j = 0; j < layer.outputs; ++j) {
        CHECK(weight[static_cast<std::size_t>(j + i * layer.outputs)] == static_cast<double>(layer.cell(i, j)));
      }
    }
    for (Index j = 0; j < layer.outputs; ++j) {
      CHECK(bias[static_cast<std::size_t>(j)] == static_cast<double>(layer.cell(layer.inputs, j)));
    }
  }
}

TEST_CASE("a network without biases has no cells for them", "[unit][network]") {
  const Network network = network_of<Plain>();
  CHECK(!network.has_biases());
  CHECK(network == Network({5, 4, 2}, Bias::no));
  CHECK(!(network == Network({5, 4, 2})));
  CHECK(network.cells() == 28);
  CHECK(network.layers()[1].rows == 4);
  CHECK(network.layers()[1].first == 20);
}

TEST_CASE("layers, rows and columns of a network follow one another", "[unit][network]") {
  const Network network({784, 50, 30, 10});
  CHECK(network.to_string() == "784-50-30-10");
  CHECK(network.shape(5, 3) == Shape{5, {785 * 50 + 51 * 30 + 31 * 10, 1, 1}, 3});
  Index first = 0, row = 0, column = 0;
  for (const Network::Layer& layer : network.layers()) {
    CHECK(layer.first == first);
    CHECK(layer.first_row == row);
    CHECK(layer.first_column == column);
    first += layer.cells();
    row += layer.rows;
    column += layer.outputs;
  }
  CHECK(network.cells() == first);
  CHECK(network.rows() == row);
  CHECK(network.columns() == column);
  CHECK(network.widths()[2] == 30);
}

TEST_CASE("a network of nothing", "[unit][network]") {
  const Network nothing;
  CHECK(nothing.cells() == 0);
  CHECK(nothing.layers().empty());
  CHECK(nothing.widths().empty());
  CHECK(nothing.to_string().empty());
  CHECK(nothing == Network());
  CHECK(!(nothing == Network({1, 1})));
}

TEST_CASE("widths that are no network", "[unit][network]") {
  CHECK_THROWS_WITH(Network({7}), "Network: number of widths is 1, expected at least 2: input and output");
  CHECK_THROWS_WITH(Network({7, 0, 3}), "Network: width is 0, expected at least 1");
}
