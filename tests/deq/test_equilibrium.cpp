// The equilibrium layer as a layer: what it reports, what it costs, and that threads change nothing.

#include <catch2/catch.hpp>
#include <thread>

#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/observers.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/flatten.hpp"
#include "basin/layers/group_norm.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using DenseCell = Injected<Sequential<Dense<8, 8>, Tanh>>;
using ConvCell = Injected<Sequential<Conv<8, 8, 3>, GroupNorm<8, 2>, Relu>>;
template <class Adjoint = Implicit<>, class Solver = Anderson<5>>
using Model = Sequential<Conv<1, 8, 3, 2>, Equilibrium<ConvCell, Solver, Adjoint>, Flatten<8, 6, 6>, Dense<288, 10>>;

static_assert(Layer<Equilibrium<DenseCell>> && Layer<Equilibrium<ConvCell, Broyden<10>, Phantom>>);
static_assert(Layer<Equilibrium<ConvCell, Picard, Unrolled>>);
static_assert(AdjointMethod<Implicit<>> && AdjointMethod<Phantom> && AdjointMethod<JacobianFree>);
static_assert(!AdjointMethod<Unrolled> && !AdjointMethod<Anderson<5>>);

CrossEntropy labels_for(Index batch) {
  CrossEntropy loss;
  for (Index n = 0; n < batch; ++n) loss.labels.push_back(static_cast<int>(n % 10));
  return loss;
}

}  // namespace

TEST_CASE("a batch gives each sample what it gets alone", "[unit]") {
  const auto check = [](const auto& layer, const Shape& shape, double spread) {
    using L = std::remove_cvref_t<decltype(layer)>;
    const auto theta = test::random_parameters<L>(1, spread);
    const State<double> u = test::random_state(shape, 2);
    State<double> together(layer.out_shape(shape));
    const Report report = layer.apply(theta, u.view(), together.view());
    CHECK(report.forward.solves() == static_cast<std::size_t>(shape.samples));
    CHECK(report.forward.converged() == report.forward.solves());
    std::size_t evaluations = 0;
    for (Index n = 0; n < shape.samples; ++n) {
      State<double> alone(together.shape.with_samples(1));
      evaluations += layer.apply(theta, u.view().sample(n), alone.view()).forward.evaluations;
      CHECK(test::relative_error(together.view().sample(n).vector(), alone.values) < 1e-11);
    }
    CHECK(report.forward.evaluations == evaluations);
  };
  Equilibrium<DenseCell> dense;
  dense.stop.tolerance = 1e-8;
  check(dense, {8, {1, 1, 1}, 150}, 0.3);  // several tiles, whose samples end at different times
  check(Equilibrium<ConvCell>{}, {8, {5, 7, 1}, 3}, 0.2);
}

TEST_CASE("solve() starts where it is told, and shows every iterate", "[unit]") {
  Equilibrium<DenseCell> layer;
  layer.stop.tolerance = 1e-10;
  const auto theta = test::random_parameters<Equilibrium<DenseCell>>(1, 0.3);
  const State<double> u = test::random_state({8, {1, 1, 1}, 3}, 2), zero(u.shape);
  Trajectory<double> trajectory;
  const auto cold = layer.solve(theta.span(), View<const double>(u.view()), zero.view(), trajectory);
  REQUIRE(cold.converged());
  for (Index n = 0; n < 3; ++n) {
    const auto& states = trajectory.samples[static_cast<std::size_t>(n)];
    CHECK(static_cast<int>(states.size()) == cold.samples[static_cast<std::size_t>(n)].evaluations);
    CHECK(states.front().values.isZero());
    CHECK(states.back().values == State<double>(cold.value.view().sample(n)).values);
  }
  const auto warm = layer.solve(theta.span(), View<const double>(u.view()), cold.value.view());
  for (const SampleResult& sample : warm.samples) CHECK(sample.evaluations == 1);
  CHECK(warm.value.values == cold.value.values);

  const State<double> wrong(Shape{7, {1, 1, 1}, 3});
  CHECK_THROWS_WITH(layer.solve(theta.span(), View<const double>(u.view()), wrong.view()),
                    "Equilibrium: shape of the start is (7, 1, 1, 1, 3), expected (8, 1, 1, 1, 3)");
}

TEST_CASE("a solve that does not converge is reported through every container", "[unit]") {
  Model<> model;
  model.layer<1>().stop = {.tolerance = 1e-6, .max_evaluations = 2};
  model.layer<1>().adjoint = {.tolerance = 1e-9, .max_evaluations = 2};
  const auto theta = initial_parameters<float>(model, 1, He{});
  const State<float> x = test::random_state<float>({1, {12, 12, 1}, 10}, 2);
  const auto result = value_and_gradient(model, theta, x, labels_for(10));
  CHECK(result.report.forward.solves() == 10);
  CHECK(result.report.forward.by_status[static_cast<std::size_t>(Status::max_iterations)] == 10);
  CHECK(result.report.adjoint.by_status[static_cast<std::size_t>(Status::max_iterations)] == 10);
  CHECK(result.report.forward.worst_residual > 1e-6);
  CHECK(predict(model, theta, x).report.forward.converged() == 0);
}

TEST_CASE("a training step is the same to the last bit on 1, 2 and 3 threads, and twice", "[repeatable]") {
  const auto check = [](const auto& model) {
    const auto theta = initial_parameters<float>(model, 1, He{});
    const State<float> x = test::random_state<float>({1, {12, 12, 1}, 21}, 2);
    const CrossEntropy loss = labels_for(21);
    set_threads(1);
    const auto one = value_and_gradient(model, theta, x, loss);
    const auto one_output = predict(model, theta, x);
    for (const int count : {1, 2, 3}) {
      set_threads(count);
      const auto other = value_and_gradient(model, theta, x, loss);
      CHECK(other.value == one.value);
      CHECK(other.gradient.vector() == one.gradient.vector());
      CHECK(other.output.values == one.output.values);
      CHECK(other.report.forward.evaluations == one.report.forward.evaluations);
      CHECK(predict(model, theta, x).output.values == one_output.output.values);
    }
    set_threads(0);
  };
  check(Model<>{});
  check(Model<Implicit<Anderson<5>>, Broyden<20>>{});
  check(Model<Unrolled, Picard>{});
}

TEST_CASE("the equilibria of a dense batch are the same on 1, 2 and 3 threads", "[repeatable]") {
  const Equilibrium<DenseCell> layer;
  const auto theta = test::random_parameters<Equilibrium<DenseCell>, float>(1, 0.3);
  const State<float> u = test::random_state<float>({8, {1, 1, 1}, 300}, 2);
  State<float> one(u.shape), other(u.shape);
  set_threads(1);
  const Report report = layer.apply(theta, u.view(), one.view());
  for (const int count : {2, 3}) {
    set_threads(count);
    CHECK(layer.apply(theta, u.view(), other.view()).forward.evaluations == report.forward.evaluations);
    CHECK(other.values == one.values);
  }
  set_threads(0);
}

TEST_CASE("the memory of a training step does not depend on the number of iterations", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  set_threads(1);
  const auto peak = [](auto model, int iterations) {
    auto& layer = model.template layer<1>();
    layer.stop = {.tolerance = 0, .max_evaluations = iterations, .stall_window = 0};
    if constexpr (requires { layer.adjoint.max_evaluations; }) {
      layer.adjoint.tolerance = 0;
      layer.adjoint.max_evaluations = iterations;
    }
    const auto theta = initial_parameters<float>(model, 1, He{});
    const State<float> x = test::random_state<float>({1, {12, 12, 1}, 8}, 2);
    const CrossEntropy loss = labels_for(8);
    // In a thread of its own, so that its scratch memory is counted from nothing.
    const std::size_t before = basin_test::live_bytes();
    basin_test::reset_peak();
    std::thread([&] { (void)value_and_gradient(model, theta, x, loss); }).join();
    return basin_test::peak_bytes() - before;
  };
  const auto few = peak(Model<>{}, 5), many = peak(Model<>{}, 50);
  CHECK(static_cast<double>(many) <= 1.05 * static_cast<double>(few));
  // The contrast: unrolled, it grows with the iterations.
  const auto few_steps = peak(Model<Unrolled, Picard>{}, 5), many_steps = peak(Model<Unrolled, Picard>{}, 50);
  CHECK(static_cast<double>(many_steps) > 1.2 * static_cast<double>(few_steps));
  set_threads(0);
}

TEST_CASE("the model learns: a few steps bring the loss down under every adjoint", "[unit]") {
  const auto check = [](const auto& model) {
    auto theta = initial_parameters<float>(model, 1, He{});
    const State<float> x = test::random_state<float>({1, {12, 12, 1}, 20}, 2);
    const CrossEntropy loss = labels_for(20);
    const double before = value_and_gradient(model, theta, x, loss).value;
    for (int step = 0; step < 20; ++step) {
      theta.vector() -= 0.05f * value_and_gradient(model, theta, x, loss).gradient.vector();
    }
    CHECK(value_and_gradient(model, theta, x, loss).value < 0.7 * before);
  };
  check(Model<>{});
  check(Model<Phantom>{});
  check(Model<JacobianFree>{});
  check(Model<Unrolled, Picard>{});
}
