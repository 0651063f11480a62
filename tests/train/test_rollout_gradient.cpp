#include "basin/train/rollout_gradient.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/state_loss.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

using Rule = Sequential<Dense<6, 5>, Tanh, Dense<5, 3>>;
using Nca = Automaton<Perceive<3, Periodic, Centre, SobelX>, Rule, RandomFire>;
using Model = Rollout<Nca>;

struct Fixture {
  Model model{};
  Parameters<Model, double> theta{};
  State<double> start = test::random_state<double>(Shape{3, {5, 4, 1}, 3}, 1);
  LeadingFeaturesError<double> loss{test::random_state<double>(Shape{2, {5, 4, 1}, 3}, 2)};

  Fixture() {
    model.steps = 6;
    model.automaton.fire.seed = 9;
    theta = test::random_parameters<Model, double>(3);
  }
};

}  // namespace

TEST_CASE("a loss at the last step is that of value_and_gradient", "[gradient][rollout]") {
  const Fixture f;
  const auto along = value_and_gradient_along(f.model, f.theta, f.start.view(), f.loss, {{6, 1}});
  const auto plain = value_and_gradient(f.model, f.theta, f.start.view(), f.loss, {.samples_per_part = 1});
  CHECK(along.value == plain.value);
  CHECK(along.gradient.vector() == plain.gradient.vector());
  CHECK(along.output.values == plain.output.values);
  // Samples have masks of their own, however a batch is cut.
  const auto whole = value_and_gradient(f.model, f.theta, f.start.view(), f.loss, {.samples_per_part = 3});
  CHECK(whole.output.values == plain.output.values);
  CHECK((whole.gradient.vector() - plain.gradient.vector()).norm() < 1e-13 * plain.gradient.vector().norm());
}

TEST_CASE("a loss along the way is the sum of rollouts to each of its steps", "[gradient][rollout]") {
  const Fixture f;
  const std::vector<LossStep> steps{{6, 0.5}, {2, 2}, {0, 1}, {2, 1}, {5, -1}};
  const auto along = value_and_gradient_along(f.model, f.theta, f.start.view(), f.loss, steps);
  double value = 0;
  Vector<double> gradient = Vector<double>::Zero(f.theta.vector().size());
  for (const LossStep& one : steps) {
    Model shorter = f.model;
    shorter.steps = one.step;
    const auto part = value_and_gradient(shorter, f.theta, f.start.view(), f.loss, {.samples_per_part = 1});
    value += one.weight * part.value;
    gradient += one.weight * part.gradient.vector();
  }
  CHECK(along.value == Approx(value).epsilon(1e-13));
  CHECK((along.gradient.vector() - gradient).norm() < 1e-12 * gradient.norm());
  CHECK_THROWS_WITH(value_and_gradient_along(f.model, f.theta, f.start.view(), f.loss, {{7, 1}}),
                    "step of a loss is 7, expected 0 to the rollout's last, 6");
}

TEST_CASE("where a loss looks", "[unit][rollout]") {
  const std::vector<LossStep> along = loss_along(3, 6);
  REQUIRE(along.size() == 4);
  CHECK(along.front().step == 3);
  CHECK(along.back().step == 6);
  CHECK(along.back().weight == 0.25);
  int seen[3] = {0, 0, 0};
  for (const LossStep& one : loss_at_random({1, 1}, 0, 300, 4, 6)) {
    REQUIRE((one.step >= 4 && one.step <= 6));
    ++seen[one.step - 4];
    CHECK(one.weight == Approx(1.0 / 300));
  }
  for (const int count : seen) CHECK(std::abs(count - 100) < 35);  // deviation 8
  CHECK_THROWS_WITH(loss_along(5, 4), "first step of a loss is 5, expected 0 to 4");
  CHECK_THROWS_WITH(loss_at_random({1, 1}, 0, 0, 4, 6), "number of steps of a loss is 0, expected at least 1");
}
