#include "basin/layers/noise.hpp"

#include <catch2/catch.hpp>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/deq/residual_penalty.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

template <class S = double>
State<S> noise_of(const Noise& layer, const Shape& shape, const Context& context = {}) {
  State<S> x(shape), y(shape);
  layer.apply(std::span<const S, 0>{}, x.view(), y.view(), context);
  return y;
}

using Cell = Injected<Sequential<Dense<6, 6>, Tanh, Noise>>;
using Walk = Equilibrium<Cell, Picard, Unrolled>;

Walk walk(int evaluations) {
  Walk layer{.solver = {.damping = 0.7}, .stop = {.tolerance = 0, .max_evaluations = evaluations}};
  layer.cell.layers.layer<2>() = {.deviation = 0.3, .seed = 9};
  return layer;
}

}  // namespace

TEST_CASE("noise is standard normal times its deviation", "[unit]") {
  const Index count = 40000;
  for (const double deviation : {1.0, 0.25}) {
    const State<float> n = noise_of<float>({.deviation = deviation, .seed = 4}, {10, {100, 40, 1}, 1});
    const Eigen::ArrayXd unit = n.values.array().cast<double>() / deviation;
    // Five standard deviations of each estimate: mean, variance, fourth moment, share within one.
    const double root = std::sqrt(static_cast<double>(count));
    CHECK(std::abs(unit.mean()) < 5 / root);
    CHECK(std::abs(unit.square().mean() - 1) < 5 * std::sqrt(2.0) / root);
    CHECK(std::abs(unit.square().square().mean() - 3) < 5 * std::sqrt(96.0) / root);
    CHECK(std::abs((unit.abs() < 1).cast<double>().mean() - 0.682689) < 5 * 0.4655 / root);
    const Eigen::ArrayXd next = unit.tail(count - 1);  // beside it, in the same group of four or not
    CHECK(std::abs((unit.head(count - 1) * next).mean()) < 5 / root);
  }
  CHECK((noise_of({.deviation = 0}, {3}).values.array() == 0).all());
  for (const double wrong : {-0.1, std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(noise_of({.deviation = wrong}, {3}), std::invalid_argument);
  }
}

TEST_CASE("noise is a function of seed, draw, step, sample and place", "[unit]") {
  const Shape shape{3, {5, 1, 1}, 4};
  const Noise layer{.seed = 1};
  const State<double> all = noise_of(layer, shape);
  CHECK(noise_of(layer, shape).values == all.values);
  CHECK(noise_of(layer, shape, {.step = 1}).values != all.values);
  CHECK(noise_of(layer, shape, {.draw = 1}).values != all.values);
  CHECK(noise_of({.seed = 2}, shape).values != all.values);
  const Index numbers[] = {3, 1};
  const State<double> chosen = noise_of(layer, shape.with_samples(2), {.samples = numbers});
  CHECK(chosen.view().sample(0).vector() == all.view().sample(3).vector());
  CHECK(chosen.view().sample(1).vector() == all.view().sample(1).vector());
  // Cells 2 to 4 of sample 2.
  const State<double> part = noise_of(layer, {3, {3, 1, 1}, 1}, {.first_sample = 2, .first_cell = 2});
  CHECK(part.values == all.view().sample(2).vector().tail(9));
  const Index far = Index{1} << 24;
  CHECK(noise_of(layer, {3}, {.first_sample = far}).values != noise_of(layer, {3}).values);
  test::check_linearization(Noise{.deviation = 0.3}, {3, {4, 2, 1}, 3});
}

TEST_CASE("a cell with noise is gone through step by step, each with its own", "[unit][gradient]") {
  const auto theta = test::random_parameters<Walk>(1, 0.5);
  const State<double> u = test::random_state({6, {1, 1, 1}, 30}, 2);
  const Walk layer = walk(9);
  const Context context{.step = 100, .draw = 3};
  State<double> z(u.shape), wanted(u.shape), f(u.shape);
  const Report report = layer.apply(theta.span(), View<const double>(u.view()), z.view(), context);
  CHECK(report.forward.approximated() == 30);
  for (int k = 0; k < 8; ++k) {
    static_cast<void>(
        layer.cell.apply(theta.span(), wanted.view(), u.view(), f.view(), context.at_step(context.step + k)));
    wanted.values += 0.7 * (f.values - wanted.values);
  }
  CHECK((z.values - wanted.values).norm() <= 1e-14 * wanted.values.norm());
  State<double> again(u.shape);
  for (Index n = 0; n < 30; n += 13) {
    static_cast<void>(layer.apply(theta.span(), View<const double>(u.view().sample(n)), again.view().sample(n),
                                  context.from_sample(n)));
    CHECK(again.view().sample(n).vector() == z.view().sample(n).vector());
  }

  // The gradient, whatever is kept of the steps.
  const State<double> w = test::random_state(u.shape, 5);
  Vector<double> first;
  for (const auto tape : {Unrolled{}.tape, Unrolled{.tape = Kept{}}.tape, Unrolled{.tape = Checkpointed{}}.tape,
                          Unrolled{.tape = Checkpointed{3}}.tape}) {
    Walk kept = layer;
    kept.adjoint.tape = tape;
    State<double> du(u.shape);
    Parameters<Walk, double> dtheta;
    const auto linear = kept.linearize(theta.span(), View<const double>(u.view()), again.view(), context);
    CHECK(again.values == z.values);
    static_cast<void>(linear.pullback(w.view(), du.view(), dtheta.span()));
    Vector<double> both(du.values.size() + dtheta.vector().size());
    both << du.values, dtheta.vector();
    if (first.size() == 0) first = both;
    CHECK((both - first).norm() <= 1e-13 * first.norm());
  }
  test::check_linearization(layer, u.shape.with_samples(3));
}

TEST_CASE("the residual of a noisy cell is that of its last evaluation", "[gradient]") {
  using Penalized = ResidualPenalty<Walk>;
  Penalized layer;
  layer.equilibrium = walk(6);
  layer.weight = 0.5;
  const auto theta = test::random_parameters<Penalized>(1, 0.5);
  const State<double> u = test::random_state({6, {1, 1, 1}, 1}, 2);
  const State<double> nothing(u.shape);
  State<double> penalty(Shape{1}), z(u.shape), f(u.shape), du(u.shape);
  layer.values = penalty.view();
  Parameters<Penalized, double> dtheta;
  const auto linear = layer.linearize(theta.span(), View<const double>(u.view()), z.view());
  static_cast<void>(linear.pullback(nothing.view(), du.view(), dtheta.span()));
  static_cast<void>(layer.equilibrium.cell.apply(theta.span(), z.view(), u.view(), f.view(), {.step = 5}));
  CHECK(penalty.values[0] == Approx((f.values - z.values).squaredNorm() / 6).epsilon(1e-12));
}

TEST_CASE("a cell with noise has no equilibrium to be asked for", "[unit]") {
  Walk layer = walk(9);
  layer.stop.tolerance = 1e-3;
  const auto theta = test::random_parameters<Walk>(1);
  State<double> u(Shape{6}), z(u.shape);
  CHECK_THROWS_WITH(layer.apply(theta.span(), View<const double>(u.view()), z.view()),
                    "Equilibrium: tolerance of Stop is 0.001, expected 0, absolute_tolerance too: the cell is another "
                    "map at each step, so that there is nothing to converge to");
}
