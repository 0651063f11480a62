// The equilibrium layer as a layer: what it reports, what it costs, and that threads change nothing.

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
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

/// z/2 + u + the number of the sample; counts what is asked of its derivative.
struct Numbered {
  static constexpr int state_features = any_features, input_features = any_features;
  static constexpr std::size_t param_count = 1;
  static inline int pullbacks = 0, input_vjps = 0;

  static void leaves(LeafList& list) { list.bias("unused", 1); }
  [[nodiscard]] Shape state_shape(const Shape& u) const { return u; }

  template <class S>
  void apply(Theta<S, 1>, In<S> z, In<S> u, View<S> out, const Context& context = {}) const {
    for (Index n = 0; n < z.samples(); ++n) {
      out.sample(n).array() = z.sample(n).array() / 2 + u.sample(n).array() + static_cast<S>(context.sample(n));
    }
  }

  template <class S>
  struct Linearization {
    void jvp(View<const S> t, View<S> out) const { out.vector() = t.vector() / 2; }
    void jvp_input(View<const S> t, View<S> out) const { out.vector() = t.vector(); }
    void vjp(View<const S> w, View<S> dz) const { dz.vector() = w.vector() / 2; }
    void vjp_input(View<const S> w, View<S> du) const {
      ++input_vjps;
      du.vector() = w.vector();
    }
    void pullback(View<const S> w, View<S> dz, View<S> du, std::span<S, 1>) const {
      ++pullbacks;
      if (dz) vjp(w, dz);
      if (du) du.vector() = w.vector();
    }
  };
  template <class S>
  Linearization<S> linearize(Theta<S, 1> theta, In<S> z, In<S> u, View<S> out, const Context& context = {}) const {
    apply<S>(theta, z, u, out, context);
    return {};
  }
};

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
  const auto warm = layer.solve(theta, u.view(), cold.value.view());
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

TEST_CASE("a cell is told the number of each sample, whichever are still there", "[unit]") {
  // The equilibrium of sample n is 2 (u + n). Samples begin at different distances, so they leave one by one.
  const auto check = [](auto layer) {
    using Model = decltype(layer);
    layer.stop = {.tolerance = 1e-12, .max_evaluations = 200};
    const std::vector<double> theta{0};
    const std::span<const double, 1> parameters(theta.data(), 1);
    const State<double> u = test::random_state({2, {1, 1, 1}, 9}, 2);
    State<double> start(u.shape), z(u.shape), again(u.shape), du(u.shape);
    for (Index n = 0; n < 9; ++n) {
      start.view().sample(n).array() = 2 * (u.view().sample(n).array() + static_cast<double>(n + 5)) +
                                       (n % 3 == 0 ? 0.0 : std::pow(10.0, static_cast<double>(n % 5) - 4.0));
    }
    const Context context{.first_sample = 5};
    const auto expect = [&](View<const double> got, const Context& of) {
      for (Index n = 0; n < got.samples(); ++n) {
        const double number = static_cast<double>(of.sample(n));
        CHECK((got.sample(n).array() - 2 * (u.view().sample(n).array() + number)).abs().maxCoeff() < 1e-9);
      }
    };
    const Solution<double> solution = layer.solve(parameters, View<const double>(u.view()), start.view(), context);
    expect(solution.value.view(), context);
    std::vector<int> evaluations;
    for (const SampleResult& sample : solution.samples) evaluations.push_back(sample.evaluations);
    CHECK(evaluations[0] == 1);
    CHECK(evaluations[1] > 1);
    (void)layer.apply(parameters, u.view(), z.view(), context);
    expect(z.view(), context);
    const auto linear = layer.linearize(parameters, u.view(), again.view(), context);
    CHECK(again.values == z.values);
    (void)linear.vjp(u.view(), du.view());
    CHECK(test::relative_error(du.values, 2 * u.values) < 1e-3);
    // In parts, and with the numbers of a solve from which some have left.
    for (Index n = 0; n < 9; ++n) {
      (void)layer.apply(parameters, u.view().sample(n), again.view().sample(n), context.from_sample(n));
    }
    CHECK(again.values == z.values);
    const Index numbers[] = {3, 90, 7, 8, 1, 2, 0, 11, 12};
    (void)layer.linearize(parameters, u.view(), z.view(), Context{.samples = numbers});
    expect(z.view(), Context{.samples = numbers});
    static_assert(Layer<Model, double>);
  };
  check(Equilibrium<Numbered>{});
  check(Equilibrium<Numbered, Broyden<>>{});
  check(Equilibrium<Numbered, NewtonGmres<>>{});
  check(Equilibrium<Numbered, Picard, Unrolled>{});
}

TEST_CASE("a tiny injection is nothing to the default absolute tolerance, and something without", "[unit]") {
  using Layer = Equilibrium<Injected<Dense<2, 2, Bias::no>>>;  // W z + u, with W = I / 2: z = 2 u
  Layer layer;
  Parameters<Layer, double> theta;
  theta.vector() << 0.5, 0, 0, 0.5;
  State<double> u(Shape{2, {1, 1, 1}, 3}), z(u.shape);
  u.values << 1e-7, 2e-7, 0, 0, 1e-5, 2e-5;
  const Report by_default = layer.apply(theta, u.view(), z.view());
  CHECK(by_default.forward.converged() == 3);
  CHECK(z.values.head(4).isZero(0));
  CHECK(test::relative_error(Vector<double>(z.values.tail(2)), Vector<double>(2 * u.values.tail(2))) < 1e-1);
  layer.stop.absolute_tolerance = 0;
  const Report relative = layer.apply(theta, u.view(), z.view());
  CHECK(relative.forward.converged() == 3);
  CHECK(test::relative_error(Vector<double>(z.values.head(2)), Vector<double>(2 * u.values.head(2))) < 1e-2);
  CHECK(z.values.segment(2, 2).isZero(0));
}

TEST_CASE("a linearization keeps the numbers of its samples", "[unit]") {
  Equilibrium<Numbered, Picard, Unrolled> layer;
  const std::vector<double> theta{0};
  const State<double> u = test::random_state({2, {1, 1, 1}, 2}, 2);
  State<double> z(u.shape), du(u.shape);
  auto numbers = std::make_unique<std::vector<Index>>(std::vector<Index>{4, 2});
  const auto linear = layer.linearize(std::span<const double, 1>(theta.data(), 1), u.view(), z.view(),
                                      Context{.samples = numbers->data()});
  numbers.reset();
  (void)linear.vjp(u.view(), du.view());
  CHECK(test::relative_error(du.values, 2 * u.values) < 1e-2);
}

TEST_CASE("the gradient of an input alone makes none of theta", "[unit]") {
  const auto check = [](auto layer) {
    const std::vector<double> theta{0};
    const State<double> u = test::random_state({2, {1, 1, 1}, 3}, 2);
    State<double> z(u.shape), du(u.shape);
    const auto linear = layer.linearize(std::span<const double, 1>(theta.data(), 1), u.view(), z.view());
    Numbered::pullbacks = Numbered::input_vjps = 0;
    (void)linear.vjp(u.view(), du.view());
    CHECK(Numbered::pullbacks == 0);
    CHECK(Numbered::input_vjps > 0);
  };
  check(Equilibrium<Numbered>{});
  check(Equilibrium<Numbered, Picard, Unrolled>{});
}

TEST_CASE("a NaN that enters an equilibrium shows in the loss and the gradient", "[unit]") {
  using C = Injected<Sequential<Dense<4, 4>, Relu>>;
  const auto check = [](auto model) {
    using M = decltype(model);
    const auto theta = test::random_parameters<M>(1, 0.3);
    const MeanSquaredError loss{State<double>(Shape{2, {1, 1, 1}, 5})};
    State<double> x = test::random_state({3, {1, 1, 1}, 5}, 2);
    const auto good = value_and_gradient(model, theta, x, loss);
    CHECK(std::isfinite(good.value));
    x.values[7] = std::numeric_limits<double>::quiet_NaN();
    const auto bad = value_and_gradient(model, theta, x, loss, {.failed = FailedSolve::keep});
    CHECK(std::isnan(bad.value));
    CHECK(bad.gradient.vector().array().isNaN().any());
    const auto left_out = value_and_gradient(model, theta, x, loss);  // by default this one's is left out
    CHECK(std::isnan(left_out.value));
    CHECK(left_out.gradient.vector().allFinite());
    CHECK(left_out.left_out == 1);
    CHECK(left_out.samples[2].share == 0);
    CHECK(bad.report.forward.by_status[static_cast<std::size_t>(Status::non_finite)] == 1);
    // The samples beside it are what they were, and so it is alone.
    CHECK(View<const double>(bad.output.view()).sample(2).array().isNaN().all());
    for (const Index n : {0, 1, 3, 4}) {
      CHECK(bad.output.view().columns().col(n) == good.output.view().columns().col(n));
    }
    CHECK(predict(model, theta, x).output.values.array().isNaN().count() == 2);

    auto broken = theta;
    broken.vector()[12] = std::numeric_limits<double>::quiet_NaN();  // the cell's first weight
    x.values[7] = 0;
    const auto all_bad = value_and_gradient(model, broken, x, loss);
    CHECK(std::isnan(all_bad.value));
    CHECK(all_bad.report.forward.by_status[static_cast<std::size_t>(Status::non_finite)] == 5);
  };
  check(Sequential<Dense<3, 4, Bias::no>, Equilibrium<C>, Dense<4, 2>>{});
  check(Sequential<Dense<3, 4, Bias::no>, Equilibrium<C, Picard, Unrolled>, Dense<4, 2>>{});
  check(Sequential<Dense<3, 4, Bias::no>, Equilibrium<C, Broyden<>, JacobianFree>, Dense<4, 2>>{});

  const Equilibrium<C> layer;
  const auto theta = test::random_parameters<Equilibrium<C>>(1, 0.3);
  State<double> u = test::random_state({4, {1, 1, 1}, 2}, 2), zero(u.shape);
  u.values[5] = std::numeric_limits<double>::infinity();
  const auto solution = layer.solve(theta.span(), View<const double>(u.view()), zero.view());
  CHECK(solution.samples[0].status == Status::converged);
  CHECK(solution.samples[1].status == Status::non_finite);
  CHECK(View<const double>(solution.value.view()).sample(1).array().isNaN().all());
}

TEST_CASE("linearizations of an equilibrium move, stay in a vector, and serve two threads", "[unit][repeatable]") {
  const auto check = [](const auto& layer) {
    using L = std::remove_cvref_t<decltype(layer)>;
    const auto theta = test::random_parameters<L, float>(1, 0.1);
    const State<float> u = test::random_state<float>({8, {6, 5, 1}, 3}, 2);
    State<float> z(u.shape), wanted(u.shape);
    std::vector<typename L::template Linearization<float>> tapes;
    for (int i = 0; i < 3; ++i) tapes.push_back(layer.linearize(theta, u.view(), z.view()));
    Parameters<L, float> dtheta, other_dtheta;
    (void)layer.linearize(theta, u.view(), z.view()).pullback(u.view(), wanted.view(), dtheta.span());
    State<float> here(u.shape), there(u.shape);
    Parameters<L, float> there_dtheta;
    std::thread other([&] {
      for (int i = 0; i < 5; ++i) (void)tapes[0].vjp(u.view(), there.view());
      (void)tapes[0].pullback(u.view(), there.view(), there_dtheta.span());
    });
    for (int i = 0; i < 5; ++i) (void)tapes[0].jvp(u.view(), here.view());
    (void)tapes[0].pullback(u.view(), here.view(), other_dtheta.span());
    other.join();
    CHECK(here.values == wanted.values);
    CHECK(there.values == wanted.values);
    CHECK(other_dtheta.vector() == dtheta.vector());
    CHECK(there_dtheta.vector() == dtheta.vector());
    // What a caller prepared is referred to.
    const auto prepared = layer.template prepare<float>(theta.span());
    auto borrowed = layer.linearize(theta, u.view(), z.view(), Context{}, prepared);
    const auto moved = std::move(borrowed);
    (void)moved.vjp(u.view(), here.view());
    CHECK(here.values == wanted.values);
  };
  using Smooth = Injected<Sequential<Conv<8, 8, 3>, GroupNorm<8, 2>, Tanh>>;
  check(Equilibrium<Smooth>{});
  check(Equilibrium<Smooth, Picard, Unrolled>{});
}

TEST_CASE("an adjoint method chosen when the program runs is that method, and one that only approximates is no failure",
          "[unit]") {
  using Any = AnyAdjoint<Implicit<>, Phantom, JacobianFree>;
  const auto run = [](const auto& model) {
    const auto theta = initial_parameters<float>(model, 1, He{});
    const State<float> x = test::random_state<float>({1, {12, 12, 1}, 5}, 2);
    return value_and_gradient(model, theta, x, labels_for(5));
  };
  Model<Any> model;
  const auto implicit = run(model);
  CHECK(implicit.gradient.vector() == run(Model<>{}).gradient.vector());
  CHECK(implicit.report.adjoint.converged() == 5);
  model.layer<1>().adjoint = Any("jacobian_free");
  const auto free = run(model);
  CHECK(free.gradient.vector() == run(Model<JacobianFree>{}).gradient.vector());
  CHECK(free.report.adjoint.approximated() == 5);
  CHECK(free.report.adjoint.solves() == 0);
  CHECK(free.report.adjoint.nonconverged_fraction() == 0);
  CHECK(free.report.adjoint.worst_residual > 0);
}
