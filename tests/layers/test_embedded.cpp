#include "basin/layers/embedded.hpp"

#include <catch2/catch.hpp>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/attention.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using Body = Sequential<Dense<4, 9>, Attention<3, 1, CausalAttention>, Dense<3, 5>>;
using Model = Embedded<6, Body>;

// What is inside refers to the vectors that were looked up.
static_assert(std::is_move_constructible_v<Model::Linearization<double>>);
static_assert(!std::is_copy_constructible_v<Model::Linearization<double>>);
static_assert(!std::is_copy_constructible_v<Embedded<3, Dense<4, 2>>::Linearization<double>>);

State<Token> some_tokens() {
  State<Token> tokens(Shape{1, {4, 1, 1}, 9});
  for (Index i = 0; i < tokens.values.size(); ++i) tokens.values[i] = static_cast<Token>(i * i % 6);
  return tokens;
}

CrossEntropy some_labels(Index cells) {
  CrossEntropy loss;
  for (Index i = 0; i < cells; ++i) loss.labels.push_back(static_cast<int>(i % 5));
  return loss;
}

}  // namespace

TEST_CASE("a model of tokens is its body at the vectors of the tokens", "[unit]") {
  const auto theta = test::random_parameters<Model>(1);
  const State<Token> tokens = some_tokens();
  State<double> x(tokens.shape.with_features(4)), y(tokens.shape.with_features(5));
  const auto table = Eigen::Map<const Matrix<double>>(theta.vector().data(), 4, 6);
  for (Index i = 0; i < tokens.values.size(); ++i) x.view().matrix().col(i) = table.col(tokens.values[i]);
  static_cast<void>(Body{}.apply<double>(theta.span().subspan<24>(), x.view(), y.view()));
  CHECK(predict(Model{}, theta, tokens.view()).output.values == y.values);
  CHECK(leaves_of<Model>().front().name == "embedding");
}

TEST_CASE("a model of tokens has the gradient of its loss in theta", "[gradient]") {
  auto theta = test::random_parameters<Model>(2);
  const State<Token> tokens = some_tokens();
  const CrossEntropy loss = some_labels(tokens.shape.cells());
  const auto result = value_and_gradient(Model{}, theta, tokens.view(), loss);
  for (Index i = 0; i < theta.vector().size(); ++i) {
    const double number = theta.vector()[i], h = 1e-5;
    double value[2];
    for (const int side : {0, 1}) {
      theta.vector()[i] = number + (side == 0 ? h : -h);
      value[side] = value_and_gradient(Model{}, theta, tokens.view(), loss).value;
    }
    theta.vector()[i] = number;
    CAPTURE(i);
    CHECK(std::abs((value[0] - value[1]) / (2 * h) - result.gradient.vector()[i]) <= 1e-9);
  }
}

TEST_CASE("an equilibrium of tokens reports its solves", "[unit]") {
  using Deq = Embedded<6, Sequential<Equilibrium<Injected<Sequential<Dense<4, 4>, Tanh>>>, Dense<4, 5>>>;
  const auto theta = test::random_parameters<Deq>(3, 0.2);
  const State<Token> tokens = some_tokens();
  const auto result = value_and_gradient(Deq{}, theta, tokens.view(), some_labels(tokens.shape.cells()));
  CHECK(result.report.forward.solves() == 9);
  CHECK(result.report.adjoint.solves() == 9);
  CHECK(result.report.forward.nonconverged_fraction() == 0);
}

TEST_CASE("tokens that there are none of are refused", "[unit]") {
  const auto theta = test::random_parameters<Model>(4);
  State<Token> tokens = some_tokens();
  tokens.values[3] = 6;
  CHECK_THROWS_WITH(predict(Model{}, theta, tokens.view()), Catch::Contains("token is 6, expected 0 to 5"));
  tokens.values[3] = -1;
  CHECK_THROWS_WITH(predict(Model{}, theta, tokens.view()), Catch::Contains("token is -1, expected 0 to 5"));
}
