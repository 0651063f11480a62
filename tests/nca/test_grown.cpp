// An automaton as a layer of what its cells are told.

#include "basin/nca/grown.hpp"

#include <catch2/catch.hpp>

#include "basin/core/parallel.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/gaussian_sample.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/pyramid.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/state_loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "basin/train/variational_loss.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

constexpr int C = 3, U = 2;
using See = Conditioned<Perceive<C, Zero, Centre, SobelX>, U>;
using Rule = Sequential<Dense<2 * C + U, 5>, Tanh, Dense<5, C>>;
using Run = Rollout<Automaton<See, Rule, RandomFire>>;
using Climb = Pyramid<Run, U, 2, PyramidRules::shared>;

Grown<Run> grown(Index samples) {
  Grown<Run> layer{.rollout = {.steps = 3}, .start = random_state<float>({C, {4, 3, 1}, samples}, 7)};
  layer.rollout.automaton.fire = {.rate = 0.6, .seed = 1};
  return layer;
}

}  // namespace

TEST_CASE("the derivatives of what grows in what cells are told", "[gradient][rollout]") {
  check_linearization(grown(1), {U, {1, 1, 1}, 2}, {.float_tolerance = 1e-4});
  check_linearization(grown(1), {U, {4, 3, 1}, 2}, {.float_tolerance = 1e-4});
  Grown<Climb> climbing{.start = random_state<float>({C, {2, 3, 1}, 1}, 8)};
  climbing.rollout.levels[0].steps = climbing.rollout.levels[1].steps = 2;
  check_linearization(climbing, {U, {1, 1, 1}, 2}, {.float_tolerance = 1e-4});
}

TEST_CASE("what grows is a rollout from the start of its sample", "[unit][rollout]") {
  const Grown<Run> layer = grown(5);
  const auto theta = random_parameters<Run, float>(1);
  const State<float> u = random_state<float>({U, {1, 1, 1}, 2}, 2);
  State<float> from(layer.start.shape.with_samples(2)), expected(from.shape), y(from.shape);
  const Index numbers[] = {4, 1};
  for (const Index n : {0, 1}) from.view().sample(n).vector() = layer.start.view().sample(numbers[n]).vector();
  const Context context{.samples = numbers};
  static_cast<void>(layer.rollout.apply(theta.span(), from.view(), u.view(), expected.view(), context));
  static_cast<void>(layer.apply(theta.span(), View<const float>(u.view()), y.view(), context));
  CHECK(y.values == expected.values);
  CHECK_THROWS_AS((void)layer.apply(theta.span(), View<const float>(u.view()), y.view(), {.first_sample = 4}),
                  std::invalid_argument);
  const Shape told{U, {1, 1, 1}, 1};
  CHECK_THROWS_AS(layer.out_shape(told.with_features(3)), std::invalid_argument);
  CHECK_THROWS_AS(Grown<Run>{}.out_shape(told), std::invalid_argument);
  CHECK_THROWS_AS((Grown<Run>{.start = State<float>(Shape{2, {4, 3, 1}, 1})}.out_shape(told)), std::invalid_argument);
}

TEST_CASE("an autoencoder has the same gradient on any number of threads", "[repeatable]") {
  using Autoencoder = Sequential<Dense<5, 2 * U>, GaussianSample<U>, Grown<Run>>;
  const Autoencoder model{{Dense<5, 2 * U>{}, GaussianSample<U>{.seed = 3}, grown(7)}};
  const auto theta = random_parameters<Autoencoder, float>(4);
  const State<float> x = random_state<float>({5, {1, 1, 1}, 7}, 5);
  const OfLeadingFeatures<1, BernoulliLoss<float>> loss{{State<float>(Shape{1, {4, 3, 1}, 7})}};
  const auto gradient = [&](int threads) {
    set_threads(threads);
    auto result = value_and_gradient(model, theta, x, loss, {.samples_per_part = 2, .context = {.draw = 6}});
    set_threads(0);
    return result;
  };
  const auto one = gradient(1), three = gradient(3);
  CHECK(one.value == three.value);
  CHECK(one.gradient.vector() == three.gradient.vector());
  CHECK(one.gradient.vector().head(20).norm() > 0);  // that of the encoder
}
