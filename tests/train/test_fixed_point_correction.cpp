// The loss at states on the way to an equilibrium (basin/train/fixed_point_correction.hpp).

#include "basin/train/fixed_point_correction.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/optimizer.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using Gate = Injected<Sequential<Dense<4, 4, Bias::no>, Tanh>>;
using Model = Sequential<Dense<3, 4>, JacobianPenalty<Equilibrium<Gate, Picard>>, Dense<4, 2>>;
static_assert(Layer<OnTheWay<Equilibrium<Gate, Picard>>>);
const Shape inputs{3, {1, 1, 1}, 5};

Model model_of(double tolerance = 1e-10) {
  Model model;
  model.layer<1>().equilibrium.stop = {.tolerance = tolerance, .max_evaluations = 500};
  return model;
}

}  // namespace

TEST_CASE("a correction adds what each state on the way says, through one step of the cell", "[gradient]") {
  const Model model = model_of();
  const auto theta = test::random_parameters<Model>(3, 0.4);
  const State<double> x = test::random_state(inputs, 4);
  const State<double> target = test::random_state({2, {1, 1, 1}, 5}, 5);
  const MeanSquaredError<double> loss{target};
  const auto plain = value_and_gradient(model, theta, x, loss);
  const auto corrected =
      corrected_value_and_gradient<1>(model, theta, x, loss, {.evaluations = {3, 5}, .weight = 0.5, .gamma = 0.9});
  CHECK(corrected.result.value == plain.value);
  CHECK(corrected.left_out == 0);
  REQUIRE(corrected.losses.size() == 2);

  // By hand: after three evaluations Picard is at z = f(f(0)), though the start had a smaller residual.
  const auto of_first = Model::part<0>(theta.span());
  const auto of_cell = Model::part<1>(theta.span());
  const auto of_head = Model::part<2>(theta.span());
  const Shape states{4, {1, 1, 1}, 5};
  Vector<double> expected = plain.gradient.vector();
  const double weights[] = {0.5 * 0.81, 0.5 * 0.9};
  for (std::size_t i = 0; i < 2; ++i) {
    State<double> u(states), z(states), f(states), y(target.shape), dy(target.shape), dz(states), du(states);
    const auto first = model.layer<0>().linearize(of_first, x.view(), u.view());
    for (int step = 1; step < (i == 0 ? 3 : 5); ++step) {
      (void)Gate{}.apply(of_cell, z.view(), u.view(), f.view());
      z.values = f.values;
    }
    const auto head = model.layer<2>().linearize(of_head, z.view(), y.view());
    CHECK(loss.value_and_gradient(View<const double>(y.view()), 0, 5, dy.view()) == Approx(corrected.losses[i]));
    Parameters<Model, double> part;
    head.pullback(dy.view(), dz.view(), Model::part<2>(part.span()));
    const auto cell = Gate{}.linearize(of_cell, z.view(), u.view(), f.view());
    (void)cell.pullback(dz.view(), View<double>{}, du.view(), Model::part<1>(part.span()));
    first.pullback(du.view(), View<double>{}, Model::part<0>(part.span()));
    expected += weights[i] * part.vector();
  }
  CHECK(test::relative_error(corrected.result.gradient.vector(), expected) < 1e-12);
}

TEST_CASE("a state on the way is where the solver is, and where it has settled, that", "[unit]") {
  using Way = OnTheWay<Equilibrium<Gate, Picard>>;
  Way layer;
  layer.equilibrium.stop = {.tolerance = 1e-9, .max_evaluations = 1};
  const auto theta = test::random_parameters<Way>(3, 0.1);
  const Shape states{4, {1, 1, 1}, 5};
  const State<double> u = test::random_state(states, 4);
  State<double> settled(states), z(states);
  Equilibrium<Gate, Picard> whole;
  whole.stop = {.tolerance = 1e-9, .max_evaluations = 500};
  CHECK(whole.apply<double>(theta.span(), u.view(), settled.view()).forward.converged() == 5);
  layer.evaluations = 500;
  CHECK(layer.apply<double>(theta.span(), u.view(), z.view()).forward.results() == 0);
  CHECK(z.values == settled.values);

  // There, with many steps back, it is the equilibrium's own derivative.
  layer.back = {.k = 60};
  const auto linear = layer.linearize<double>(theta.span(), u.view(), z.view());
  const auto exact = whole.linearize<double>(theta.span(), u.view(), settled.view());
  const State<double> w = test::random_state(states, 8);
  State<double> given(states), expected(states);
  (void)linear.jvp(w.view(), given.view());
  (void)exact.jvp(w.view(), expected.view());
  CHECK(test::relative_error(given.values, expected.values) < 1e-3);
  CHECK(linear.vjp(w.view(), given.view()).adjoint.results() == 5);
  (void)exact.vjp(w.view(), expected.view());
  CHECK(test::relative_error(given.values, expected.values) < 1e-3);
  layer.evaluations = 1;
  CHECK_THROWS_WITH(layer.apply<double>(theta.span(), u.view(), z.view()),
                    "OnTheWay: evaluations is 1, expected at least 2");
}

TEST_CASE("a correction begins where the solve does, though that keeps what it finds there", "[unit]") {
  Model model = model_of();
  const auto theta = test::random_parameters<Model>(3, 0.4);
  const State<double> x = test::random_state(inputs, 4), target = test::random_state({2, {1, 1, 1}, 5}, 5);
  const MeanSquaredError<double> loss{target};
  const FixedPointCorrection correction{.evaluations = {2, 4}};
  const auto from_zero = corrected_value_and_gradient<1>(model, theta, x, loss, correction);
  State<double> kept(Shape{4, {1, 1, 1}, 5});
  model.layer<1>().equilibrium.start = kept.view();
  model.layer<1>().equilibrium.keep = kept.view();
  const auto warm = corrected_value_and_gradient<1>(model, theta, x, loss, correction);
  CHECK(warm.losses == from_zero.losses);
  CHECK(warm.result.gradient.vector() == from_zero.result.gradient.vector());
  const auto found = Model::part<1>(theta.span());
  State<double> u(kept.shape), z(kept.shape);
  model.layer<0>().apply<double>(Model::part<0>(theta.span()), x.view(), u.view());
  (void)model_of().layer<1>().equilibrium.apply<double>(found, u.view(), z.view());
  CHECK(test::relative_error(kept.values, z.values) < 1e-8);
}

TEST_CASE("without states, or with weight 0, a correction is none, and one that makes no sense is refused", "[unit]") {
  const Model model = model_of();
  const auto theta = test::random_parameters<Model>(3, 0.4);
  const State<double> x = test::random_state(inputs, 4), target = test::random_state({2, {1, 1, 1}, 5}, 5);
  const MeanSquaredError<double> loss{target};
  const auto gradient = [&](const FixedPointCorrection& correction) {
    return corrected_value_and_gradient<1>(model, theta, x, loss, correction).result.gradient.vector();
  };
  const Vector<double> plain = value_and_gradient(model, theta, x, loss).gradient.vector();
  CHECK(gradient({}) == plain);
  CHECK(gradient({.evaluations = {2, 3}, .weight = 0}) == plain);
  CHECK_THROWS_WITH(gradient({.evaluations = {4, 4}}),
                    "FixedPointCorrection: evaluations is 4, expected more than 4, in ascending order");
  CHECK_THROWS_WITH(gradient({.evaluations = {1}}),
                    "FixedPointCorrection: evaluations is 1, expected more than 1, in ascending order");
  CHECK_THROWS_WITH(gradient({.gamma = 0}), "FixedPointCorrection: gamma is 0, expected more than 0 and at most 1");
}

TEST_CASE("a state on the way whose part is not finite is left out, and told", "[unit]") {
  const Model model = model_of();
  const auto theta = test::random_parameters<Model>(3, 0.4);
  const State<double> x = test::random_state(inputs, 4), target = test::random_state({2, {1, 1, 1}, 5}, 5);
  // The first of the three losses that are asked for has no finite gradient.
  struct Broken {
    MeanSquaredError<double> loss;
    int* asked;
    double value_and_gradient(View<const double> y, Index first, Index all, View<double> dy) const {
      const double value = loss.value_and_gradient(y, first, all, dy);
      if (dy && (*asked)++ == 0) dy.vector()[0] = std::numeric_limits<double>::infinity();
      return value;
    }
  };
  int asked = 0;
  const Broken broken{{target}, &asked};
  const GradientOptions at_once{.samples_per_part = 5};
  const auto corrected =
      corrected_value_and_gradient<1>(model, theta, x, broken, {.evaluations = {2, 4}, .gamma = 0.9}, at_once);
  CHECK(corrected.left_out == 1);
  CHECK(corrected.losses.size() == 2);
  const auto later =
      corrected_value_and_gradient<1>(model, theta, x, broken, {.evaluations = {4}, .gamma = 0.9}, at_once);
  CHECK(later.left_out == 0);
  CHECK(corrected.result.gradient.vector() == later.result.gradient.vector());
}

TEST_CASE("sampled states are different, in order, and another draw at each step", "[unit]") {
  const Random random{3, 1};
  std::vector<int> seen(9);
  for (std::uint64_t step = 0; step < 200; ++step) {
    const std::vector<int> some = sample_evaluations(3, 8, random, step);
    REQUIRE(some.size() == 3);
    CHECK((2 <= some[0] && some[0] < some[1] && some[1] < some[2] && some[2] <= 8));
    for (const int k : some) ++seen[static_cast<std::size_t>(k)];
  }
  for (std::size_t k = 2; k <= 8; ++k) CHECK(std::abs(seen[k] - 86) < 40);  // 600 / 7
  CHECK(sample_evaluations(7, 8, random, 1) == std::vector<int>{2, 3, 4, 5, 6, 7, 8});
  CHECK_THROWS_WITH(sample_evaluations(8, 8, random, 1),
                    "states of a correction is 8, expected 0 to the numbers from 2 to 8");
}

TEST_CASE("a model that is trained with a correction is right before it has settled", "[unit]") {
  const Model model = model_of(1e-6);
  const State<double> x = test::random_state({3, {1, 1, 1}, 40}, 4);
  State<double> target({2, {1, 1, 1}, 40});
  for (Index n = 0; n < 40; ++n) target.values[2 * n] = std::tanh(2 * x.values[3 * n] * x.values[3 * n + 1]);
  const MeanSquaredError<double> loss{target};
  const auto loss_on_the_way = [&](const FixedPointCorrection& correction) {
    auto theta = test::random_parameters<Model>(6, 0.5);
    const Adam adam{.rate = 2e-2};
    auto state = adam.init(theta);
    for (int i = 0; i < 60; ++i) {
      adam.step(theta, corrected_value_and_gradient<1>(model, theta, x, loss, correction).result.gradient, state);
    }
    return corrected_value_and_gradient<1>(model, theta, x, loss, {.evaluations = {3}, .weight = 0}).losses[0];
  };
  CHECK(loss_on_the_way({.evaluations = {3}}) < 0.8 * loss_on_the_way({}));
}
