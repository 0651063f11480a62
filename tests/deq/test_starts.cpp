// Starts of one's own, and warm ones, through every entry point.

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "basin/deq/batch_states.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using C = Injected<Sequential<Dense<6, 6>, Tanh>>;
using Model = Sequential<Dense<3, 6>, Residual<Equilibrium<C>>, Dense<6, 2>>;

static_assert(std::is_constructible_v<Starts, View<float>> && std::is_constructible_v<Starts, View<const double>>);
static_assert(std::is_constructible_v<Starts, State<float>&> && std::is_constructible_v<Starts, const State<double>&>);
static_assert(!std::is_constructible_v<Starts, State<float>> && !std::is_constructible_v<Ends, State<double>>);
static_assert(!std::is_constructible_v<Ends, View<const float>> && !std::is_constructible_v<Ends, const State<float>&>);

auto& equilibrium_of(Model& model) { return model.layer<1>().inner; }

Model tight_model() {
  Model model;
  equilibrium_of(model).stop = {.tolerance = 1e-12, .max_evaluations = 200};
  equilibrium_of(model).adjoint = {.tolerance = 1e-12, .max_evaluations = 200};
  return model;
}

}  // namespace

TEST_CASE("a warm start reaches an equilibrium inside a model, whoever calls it and however the batch is cut",
          "[unit]") {
  const auto theta = random_parameters<Model>(1, 0.3);
  const State<double> x = random_state({3, {1, 1, 1}, 7}, 2);
  const MeanSquaredError loss{State<double>(Shape{2, {1, 1, 1}, 7})};
  Model model = tight_model();
  const auto cold = value_and_gradient(model, theta, x, loss);
  CHECK(cold.report.forward.evaluations > 40);

  State<double> found(Shape{6, {1, 1, 1}, 7});
  equilibrium_of(model).start = found;
  equilibrium_of(model).keep = found;
  CHECK(value_and_gradient(model, theta, x, loss).gradient.vector() == cold.gradient.vector());  // found was zero
  CHECK(found.values.norm() > 0.1);
  for (const Index part : {1, 3, 8}) {
    const State<double> before = found;
    const auto warm = value_and_gradient(model, theta, x, loss, {.samples_per_part = part});
    CHECK(warm.report.forward.evaluations == 7);
    CHECK(warm.report.forward.converged() == 7);
    CHECK(found.values == before.values);
    CHECK(relative_error(warm.gradient.vector(), cold.gradient.vector()) < 1e-9);
    const auto predicted = predict(model, theta, x, {.samples_per_part = part});
    CHECK(predicted.report.forward.evaluations == 7);
    CHECK(predicted.output.values == warm.output.values);
  }

  // A step of training later, the last equilibria are good starts.
  auto moved = theta;
  moved.vector() -= 1e-6 * cold.gradient.vector();
  const auto next = value_and_gradient(model, moved, x, loss);
  CHECK(next.report.forward.evaluations < cold.report.forward.evaluations * 3 / 4);
  CHECK(next.report.forward.converged() == 7);
}

TEST_CASE("a start decides which equilibrium is found, and the gradient is that one's", "[unit]") {
  // z = tanh(3 z + u) has three.
  using One = Injected<Sequential<Dense<1, 1, Bias::no>, Tanh>>;
  const auto check = [](auto layer, double tolerance) {
    layer.stop = {.tolerance = 1e-13, .max_evaluations = 300};
    const std::vector<double> theta{3.0};
    State<double> u(Shape{1, {1, 1, 1}, 2}), z(u.shape), start(u.shape), w(u.shape), du(u.shape);
    start.values << -1, 1;
    w.values.setOnes();
    layer.start = start;
    const auto linear = layer.linearize(std::span<const double, 1>(theta.data(), 1), u.view(), z.view());
    CHECK(linear.report().forward.converged() == 2);
    for (const Index n : {0, 1}) {
      CHECK(z.values[n] == Approx(std::tanh(3 * z.values[n])).epsilon(1e-12));
      CHECK(z.values[n] * start.values[n] > 0.9);
    }
    (void)linear.vjp(w.view(), du.view());
    const double slope = 1 - z.values[1] * z.values[1];
    CHECK(du.values[0] == Approx(slope / (1 - 3 * slope)).epsilon(tolerance));
    CHECK(du.values[1] == Approx(slope / (1 - 3 * slope)).epsilon(tolerance));
  };
  check(Equilibrium<One>{.adjoint = {.tolerance = 1e-12}}, 1e-9);
  check(Equilibrium<One, Picard, Unrolled>{}, 1e-9);
}

TEST_CASE("starts are taken by number of sample, in either scalar", "[unit]") {
  Equilibrium<C> layer;
  layer.stop = {.tolerance = 0, .max_evaluations = 1};  // gives the start back
  const auto check = [&]<class S>(S) {
    const auto theta = random_parameters<Equilibrium<C>, S>(1, 0.3);
    const State<S> u = random_state<S>({6, {1, 1, 1}, 3}, 2), starts = random_state<S>({6, {1, 1, 1}, 9}, 3);
    State<S> z(u.shape);
    layer.start = starts;
    (void)layer.apply(theta, u.view(), z.view());
    CHECK(z.values == starts.values.head(18));
    (void)layer.apply(theta, u.view(), z.view(), Context{.first_sample = 4});
    CHECK(z.values == starts.values.segment(24, 18));
    const Index numbers[] = {8, 0, 5};
    (void)layer.linearize(theta, u.view(), z.view(), Context{.samples = numbers});
    for (Index n = 0; n < 3; ++n)
      CHECK(View<const S>(z.view()).sample(n).vector() == starts.view().sample(numbers[n]).vector());
    (void)layer.apply(theta, u.view(), z.view(), Context{.first_sample = 6});
    CHECK_THROWS_WITH(layer.apply(theta, u.view(), z.view(), Context{.first_sample = 7}),
                      "Equilibrium: start: number of a sample is 9, expected less than the number of states, 9");
  };
  check(1.0f);
  check(1.0);

  const auto theta = random_parameters<Equilibrium<C>>(1, 0.3);
  const State<double> u = random_state({6, {1, 1, 1}, 3}, 2);
  State<double> z(u.shape);
  const State<float> other(u.shape);
  layer.start = other;
  CHECK_THROWS_WITH(layer.apply(theta, u.view(), z.view()),
                    "Equilibrium: start: scalar of its states is float, expected double");
  const State<double> wrong(Shape{5, {1, 1, 1}, 3});
  layer.start = wrong;
  CHECK_THROWS_WITH(layer.apply(theta, u.view(), z.view()),
                    "Equilibrium: start: shape of a state is (5, 1, 1, 1, 1), expected (6, 1, 1, 1, 1)");
}

TEST_CASE("a start that is no number fails, and does not enter what is kept", "[unit]") {
  Equilibrium<C> layer;
  const auto theta = random_parameters<Equilibrium<C>>(1, 0.3);
  State<double> u = random_state({6, {1, 1, 1}, 3}, 2), z(u.shape), found(u.shape), start(u.shape);
  found.values.setConstant(7);
  start.values[8] = std::numeric_limits<double>::quiet_NaN();
  layer.start = start;
  layer.keep = found;
  const Report report = layer.apply(theta, u.view(), z.view());
  CHECK(report.forward.converged() == 2);
  CHECK(report.forward.by_status[static_cast<std::size_t>(Status::non_finite)] == 1);
  CHECK(z.view().sample(1).array().isNaN().all());
  CHECK((found.view().sample(1).array() == 7).all());
  CHECK(found.view().sample(0).vector() == z.view().sample(0).vector());
  CHECK(found.view().sample(2).vector() == z.view().sample(2).vector());
}

TEST_CASE("runs that are made again because a solve failed begin from what the first one began from", "[gradient]") {
  // Unrolled gradients are those of the steps, and so loose a solve makes few: they depend on the start.
  using Layer = Equilibrium<Injected<Sequential<Dense<2, 2>, Tanh>>, Picard, Unrolled>;
  const auto theta = random_parameters<Layer>(3, 0.4);
  State<double> x = random_state({2, {1, 1, 1}, 9}, 4);
  x.values[2 * 5] = std::numeric_limits<double>::quiet_NaN();  // sample 5 fails, and drags its part through again
  const MeanSquaredError loss{State<double>(x.shape)};
  const State<double> cold = random_state(x.shape, 5);
  State<double> found = cold;
  Layer model{.stop = {.tolerance = 0.2}};
  model.start = found;
  model.keep = found;
  const auto run = [&](Index part, FailedSolve failed) {
    return value_and_gradient(model, theta, x, loss, {.samples_per_part = part, .failed = failed}).gradient.vector();
  };
  const Vector<double> expected = run(1, FailedSolve::leave_out);  // one by one: none is made again
  const State<double> after = found;
  REQUIRE(relative_error(run(1, FailedSolve::leave_out), expected) > 1e-3);
  for (const FailedSolve failed : {FailedSolve::leave_out, FailedSolve::bound}) {
    for (const Index part : {3, 9}) {
      found = cold;
      CHECK(relative_error(run(part, failed), expected) < 1e-13);
      CHECK(found.values == after.values);
    }
  }
}

TEST_CASE("a sample that failed runs alone, under bound, from what it began from", "[gradient]") {
  using Layer = Equilibrium<Injected<Sequential<Dense<2, 2>, Tanh>>, Picard>;
  const auto theta = random_parameters<Layer>(3, 0.6);
  const State<double> x = random_state({2, {1, 1, 1}, 5}, 4);
  const State<double> cold = random_state(x.shape, 5);
  State<double> found = cold;
  const MeanSquaredError loss{State<double>(x.shape)};
  Layer model{.stop = {.tolerance = 1e-12, .max_evaluations = 3}};
  model.start = found;
  const auto expected = value_and_gradient(model, theta, x, loss, {.failed = FailedSolve::keep});
  REQUIRE(expected.report.forward.converged() == 0);
  model.keep = found;
  const auto bounded = value_and_gradient(model, theta, x, loss, {.failed = FailedSolve::bound});  // all fail: all kept
  CHECK(relative_error(bounded.gradient.vector(), expected.gradient.vector()) < 1e-13);
  State<double> z(x.shape);
  model.start = cold;
  model.keep = {};
  (void)model.apply(theta, x.view(), z.view());
  CHECK(found.values == z.values);
  CHECK(found.values != cold.values);
  Overwritten before;
  CHECK_THROWS_WITH(value_and_gradient(model, theta, x, loss, {.context = {.overwritten = &before}}),
                    "Context::overwritten of a batch is given, expected none: it is the batch's own");
}
