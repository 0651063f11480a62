#include "basin/nca/rollout.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/adjoint/unrolled.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/dropout.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// Random fire and an alive mask, with a smooth rule.
using See = Perceive<4, Zero, Centre, SobelX, SobelY>;
using A = Automaton<See, Sequential<Dense<12, 5>, Tanh, Dense<5, 4>>, RandomFire, AliveMask<3>>;
template <class Tape>
using Run = Rollout<A, Tape>;
static_assert(Layer<Run<Kept>> && Layer<Run<Recomputed>, double> && Layer<Run<Checkpointed>>);
static_assert(Run<Kept>::param_count == A::param_count);

const Shape grid{4, {6, 5, 1}, 1};

A automaton() {
  A a;
  a.fire = {.rate = 0.6, .seed = 3};
  return a;
}

const Context since_ten{.step = 10, .first_sample = 2};

template <class Tape>
Run<Tape> run(Index steps, const Tape& tape = {}) {
  return {automaton(), steps, tape};
}

/// Some cells are alive and others are dead, and remain both: REQUIREd in the first test.
State<double> start(const Shape& shape) {
  State<double> z = random_state(shape, 5, 0.5);
  for (Index i = 0; i < shape.cells(); ++i) {
    if (i % 6 > 2) z.values.segment(4 * i, 4).setZero();
  }
  return z;
}

Parameters<A, double> weights() { return random_parameters<A>(7, 0.35); }

struct Gradients {
  State<double> end, jt, dz;
  Vector<double> dtheta;
};

template <class R>
Gradients gradients(const R& rollout, const State<double>& z) {
  const auto theta = weights();
  const auto t = random_state(z.shape, 8), w = random_state(z.shape, 9);
  Gradients g{State<double>(z.shape), State<double>(z.shape), State<double>(z.shape), {}};
  Parameters<R, double> dtheta;
  dtheta.vector().setConstant(2);
  const auto j = rollout.linearize(theta.span(), z.view(), g.end.view(), since_ten);
  static_cast<void>(j.jvp(t.view(), g.jt.view()));
  static_cast<void>(j.pullback(w.view(), g.dz.view(), dtheta.span()));
  State<double> dz(z.shape);
  static_cast<void>(j.vjp(w.view(), dz.view()));
  CHECK(dz.values == g.dz.values);
  g.dtheta = dtheta.vector().array() - 2;  // it accumulates
  // A tape can be used again, without the gradient in the start as well.
  dtheta.vector().setZero();
  static_cast<void>(j.pullback(w.view(), View<double>(), dtheta.span()));
  CHECK(relative_error(dtheta.vector(), g.dtheta) < 1e-12);
  return g;
}

void check_equal(const Gradients& found, const Gradients& expected) {
  CHECK(relative_error(found.end.values, expected.end.values) < 1e-12);
  CHECK(relative_error(found.jt.values, expected.jt.values) < 1e-12);
  CHECK(relative_error(found.dz.values, expected.dz.values) < 1e-12);
  CHECK(relative_error(found.dtheta, expected.dtheta) < 1e-12);
}

}  // namespace

TEST_CASE("a rollout makes its steps one after another", "[unit][rollout]") {
  const auto theta = weights();
  State<double> z = start(grid), next(grid), end(grid);
  std::vector<Vector<double>> states{z.values};
  Index dead = 0, deaths = 0, holds = 0;
  std::vector<std::uint8_t> marks(30);
  for (Index t = 0; t < 7; ++t) {
    static_cast<void>(automaton().step<double>(theta, z.view(), next.view(), marks.data(), since_ten.at_step(10 + t)));
    for (Index i = 0; i < 30; ++i) {
      const bool was = !z.values.segment(4 * i, 4).isZero(0), is = marks[static_cast<std::size_t>(i)] != 0;
      dead += is ? 0 : 1;
      deaths += was && !is ? 1 : 0;
      holds += is && marks[static_cast<std::size_t>(i)] < 2 ? 1 : 0;
    }
    z.values = next.values;
    states.push_back(z.values);
  }
  // So the other tests have all that a mask can do.
  REQUIRE(dead > 10);
  REQUIRE(deaths > 5);
  REQUIRE(holds > 10);
  REQUIRE(!z.values.isZero(0));

  const State<double> from = start(grid);
  static_cast<void>(run<Kept>(7).apply(theta.span(), from.view(), end.view(), since_ten));
  CHECK(end.values == states.back());
  for (const Index steps : {0, 1, 2, 7}) {
    std::vector<Index> seen;
    bool right = true;
    const auto observe = [&](Index t, View<const double> z_t) {
      seen.push_back(t);
      right = right && z_t.vector() == states[static_cast<std::size_t>(t)];
    };
    static_cast<void>(run<Recomputed>(steps).run<double>(theta.span(), from, end, observe, since_ten));
    CHECK(right);
    CHECK(static_cast<Index>(seen.size()) == steps + 1);
    CHECK(seen.back() == steps);
    CHECK(end.values == states[static_cast<std::size_t>(steps)]);
  }
}

TEST_CASE("the gradient of a rollout is that of its differences", "[gradient][rollout]") {
  const auto check = [](const auto& rollout) {
    using R = std::remove_cvref_t<decltype(rollout)>;
    CAPTURE(rollout.steps);
    const auto theta = weights().as<R>();
    const auto z = start(grid);
    const GradientCheck result = check_gradients(rollout, theta, z);
    INFO(result.to_string());
    CHECK(result.worst < 1e-7);
    CHECK(result.adjoint < 1e-13);
  };
  for (const Index steps : {0, 1, 7}) {
    check(run<Kept>(steps));
    check(run<Recomputed>(steps));
    check(run(steps, Checkpointed{}));
  }
  check(run(7, Checkpointed{.every = 3}));
}

TEST_CASE("gradients do not depend on what is kept", "[gradient][rollout]") {
  const State<double> z = start(grid.with_samples(3));
  for (const Index steps : {0, 1, 2, 7, 9}) {
    const Gradients kept = gradients(run<Kept>(steps), z);
    CAPTURE(steps);
    check_equal(gradients(run<Recomputed>(steps), z), kept);
    for (const Index every : {0, 1, 2, 3, 7, 100}) {
      CAPTURE(every);
      check_equal(gradients(run(steps, Checkpointed{.every = every}), z), kept);
    }
  }
}

TEST_CASE("a batch of rollouts gives each sample what it gets alone", "[gradient][rollout]") {
  const State<double> z = start(grid.with_samples(3));
  const Gradients together = gradients(run<Recomputed>(5), z);
  Vector<double> dtheta = Vector<double>::Zero(together.dtheta.size());
  const auto theta = weights();
  const auto w = random_state(z.shape, 9);
  for (Index n = 0; n < 3; ++n) {
    const auto rollout = run<Recomputed>(5);
    State<double> end(grid), dz(grid);
    Parameters<A, double> part;
    const auto j = rollout.linearize(theta.span(), z.view().sample(n), end.view(), since_ten.from_sample(n));
    static_cast<void>(j.pullback(w.view().sample(n), dz.view(), part.span()));
    CHECK(end.values == Vector<double>(together.end.view().sample(n).vector()));
    CHECK(relative_error(dz.values, together.dz.view().sample(n).vector()) < 1e-13);
    dtheta += part.vector();
  }
  CHECK(relative_error(dtheta, together.dtheta) < 1e-12);
  // And another sample has another mask.
  State<double> other(grid);
  static_cast<void>(run<Recomputed>(5).apply(theta.span(), z.view().sample(0), other.view(), since_ten.from_sample(1)));
  CHECK(other.values != Vector<double>(together.end.view().sample(0).vector()));
}

TEST_CASE("a loss along the way is the sum of the losses of shorter rollouts", "[gradient][rollout]") {
  const Index steps = 6;
  const State<double> z = start(grid);
  const auto theta = weights();
  const auto weight = [](Index t) { return random_state(grid, 20 + static_cast<std::uint64_t>(t)).values; };
  Vector<double> dz_sum = Vector<double>::Zero(z.values.size()),
                 dtheta_sum = Vector<double>::Zero(theta.vector().size());
  std::vector<Vector<double>> states;
  for (Index t = 0; t <= steps; ++t) {
    State<double> end(grid), w(grid), dz(grid);
    w.values = weight(t);
    Parameters<A, double> dtheta;
    const auto rollout = run<Kept>(t);
    const auto j = rollout.linearize(theta.span(), z.view(), end.view());
    static_cast<void>(j.pullback(w.view(), dz.view(), dtheta.span()));
    dz_sum += dz.values;
    dtheta_sum += dtheta.vector();
    states.push_back(end.values);
  }
  const auto check = [&](const auto& rollout) {
    State<double> end(grid), w(grid), dz(grid);
    w.values = weight(steps);
    Parameters<A, double> dtheta;
    const auto j = rollout.linearize(theta.span(), z.view(), end.view());
    Index expected = steps;
    bool right = true;
    static_cast<void>(
        j.pullback_along(w.view(), dz.view(), dtheta.span(), [&](Index t, View<const double> z_t, View<double> w_t) {
          right = right && t == --expected;
          right = right && relative_error(Vector<double>(z_t.vector()), states[static_cast<std::size_t>(t)]) < 1e-13;
          w_t.vector() += weight(t);
        }));
    CHECK(right);
    CHECK(expected == 0);
    CHECK(relative_error(dz.values, dz_sum) < 1e-12);
    CHECK(relative_error(dtheta.vector(), dtheta_sum) < 1e-12);
  };
  check(run<Kept>(steps));
  check(run<Recomputed>(steps));
  check(run(steps, Checkpointed{.every = 4}));
}

namespace {

/// A rule that says that it solves one equation a cell: the answer is half of what is seen.
struct Solving {
  static constexpr int in_features = 1, out_features = 1;
  static constexpr std::size_t param_count = 0;
  Shape out_shape(const Shape& x) const { return x; }
  static Report solved(Index count) {
    Report report;
    for (Index i = 0; i < count; ++i) report.forward.add({.status = Status::converged, .evaluations = 1});
    return report;
  }
  Report apply(Theta<double, 0>, In<double> x, View<double> y, const Context& = {}) const {
    y.vector() = x.vector() / 2;
    return solved(x.shape().cells());
  }
  struct Linearization {
    Index count;
    Report report() const { return solved(count); }
    void jvp(View<const double> t, View<double> out) const { out.vector() = t.vector() / 2; }
    void vjp(View<const double> w, View<double> dx) const { dx.vector() = w.vector() / 2; }
    void pullback(View<const double> w, View<double> dx, ThetaGradient<double, 0>) const {
      if (dx) vjp(w, dx);
    }
  };
  Linearization linearize(Theta<double, 0> theta, In<double> x, View<double> y, const Context& = {}) const {
    static_cast<void>(apply(theta, x, y));
    return {x.shape().cells()};
  }
};

}  // namespace

TEST_CASE("a rollout reports each solve of its rule once", "[unit][rollout]") {
  using Solves = Automaton<Perceive<1, Zero, Centre>, Solving, EveryCell>;
  const State<double> z = random_state({1, {5, 1, 1}, 2}, 1);
  const auto check = [&](const auto& rollout) {
    State<double> end(z.shape), dz(z.shape);
    CHECK(rollout.apply({}, z.view(), end.view()).forward.solves() == 40);
    const auto j = rollout.linearize({}, z.view(), end.view());
    CHECK(j.report().forward.solves() == 40);
    static_cast<void>(j.vjp(z.view(), dz.view()));
    CHECK(j.report().forward.solves() == 40);
    CHECK(relative_error(dz.values, Vector<double>(z.values * std::pow(1.5, 4))) < 1e-14);
  };
  check(Rollout<Solves, Recomputed>{.steps = 4});
  check(Rollout<Solves, Checkpointed>{.steps = 4});
}

TEST_CASE("a rollout allocates nothing after the first", "[allocation][rollout]") {
  if (!basin_test::counts_allocations()) return;
  set_threads(1);
  const auto rollout = run<Recomputed>(6);
  const auto theta = weights();
  const State<double> z = start(grid.with_samples(3));
  State<double> end(z.shape);
  static_cast<void>(rollout.apply(theta.span(), z.view(), end.view()));
  const basin_test::AllocationCount later;
  static_cast<void>(rollout.apply(theta.span(), z.view(), end.view()));
  CHECK(later.allocations() == 0);
  set_threads(0);
}

TEST_CASE("a tape of checkpoints holds the root of the steps", "[allocation][rollout]") {
  if (!basin_test::counts_allocations()) return;
  set_threads(1);
  const Shape large{4, {40, 40, 1}, 1};
  const State<double> z = start(large), w = random_state(large, 1);
  const auto theta = weights();
  const auto states_held = [&](const auto& rollout) {
    State<double> end(large), dz(large);
    const auto pass = [&] {
      release_idle_buffers();
      const std::size_t before = basin_test::live_bytes();
      basin_test::reset_peak();
      static_cast<void>(rollout.linearize(theta.span(), z.view(), end.view()).vjp(w.view(), dz.view()));
      return basin_test::peak_bytes() - before;
    };
    pass();  // scratch memory grows
    return static_cast<double>(pass()) / static_cast<double>(large.size() * static_cast<Index>(sizeof(double)));
  };
  // 49 states against 6 checkpoints and 7 states, with a mark of one byte for each cell of 32 bytes.
  CHECK(states_held(run<Recomputed>(49)) > 49);
  CHECK(states_held(run<Recomputed>(49)) < 49 * 1.06 + 1);
  CHECK(states_held(run(49, Checkpointed{})) < 15);
  set_threads(0);
}

TEST_CASE("a rollout stands in a Sequential, which predict can run", "[unit][rollout]") {
  const Sequential<Run<Recomputed>> model{run<Recomputed>(3)};
  Parameters<Sequential<Run<Recomputed>>, double> theta;
  theta.vector() = weights().vector();
  const State<double> z = start(grid.with_samples(3));
  State<double> end(z.shape);
  static_cast<void>(run<Recomputed>(3).apply(theta.span(), z.view(), end.view()));
  CHECK(predict(model, theta, z, {.samples_per_part = 2}).output.values == end.values);
}

// A rollout is one map, whoever asks; and what cuts a batch does not change it.
TEST_CASE("the loss of a residual rollout does not depend on how its batch is cut", "[unit][rollout]") {
  using Random = Automaton<Perceive<2, Periodic, Centre>, Dense<2, 2>>;
  const Residual<Rollout<Random>> model{{.steps = 2}};
  const auto theta = random_parameters<Residual<Rollout<Random>>>(1);
  State<double> x(Shape{2, {8, 8, 1}, 4});
  x.values.setOnes();
  const MeanSquaredError loss{State<double>(x.shape)};
  const auto whole = value_and_gradient(model, theta, x, loss, {.samples_per_part = 4});
  CHECK(whole.value > 0);
  for (const Index part : {1, 2, 3}) {
    const auto cut = value_and_gradient(model, theta, x, loss, {.samples_per_part = part});
    CHECK(cut.output.values == whole.output.values);
    CHECK(cut.value == Approx(whole.value).epsilon(1e-12));
    CHECK(relative_error(cut.gradient.vector(), whole.gradient.vector()) < 1e-13);
  }
  CHECK(whole.output.values.head(128) != Vector<double>(whole.output.values.tail(128)));
}

TEST_CASE("a rollout in a cell is one map at all evaluations of a solve", "[unit][rollout]") {
  static_assert(changes_with_step<A> && !changes_with_step<Run<Kept>>);
  // Half of its two steps' answer, from whichever cells fire: a contraction for small weights.
  using Random = Automaton<Perceive<2, Periodic, Centre>, Dense<2, 2>, RandomFire, Everywhere, Replace>;
  using C = Injected<Sequential<Rollout<Random>, Dense<2, 2>>>;
  Equilibrium<C, Picard, Implicit<>> solved;
  solved.cell.layers.template layer<0>().steps = 2;
  solved.stop = {.tolerance = 1e-12, .max_evaluations = 500};
  const auto theta = random_parameters<decltype(solved)>(1, 0.2);
  const State<double> u = random_state(Shape{2, {5, 4, 1}, 3}, 2);
  State<double> z(u.shape), again(u.shape);
  const Context context{.step = 5, .first_sample = 2};
  CHECK(solved.apply(theta, u.view(), z.view(), context).forward.converged() == 3);
  static_cast<void>(solved.cell.apply(theta.span(), z.view(), u.view(), again.view(), context));
  CHECK(relative_error(again.values, z.values) < 1e-11);
  static_cast<void>(solved.cell.apply(theta.span(), z.view(), u.view(), again.view(), context.at_step(6)));
  CHECK(relative_error(again.values, z.values) > 1e-3);
}

namespace {

/// Tapes made in a vector that grows, so that each has moved, give the gradients of one that has not.
template <class Rule, class Tape>
void check_moved_tapes(const Tape& tape) {
  using R = Rollout<Automaton<Perceive<4, Periodic, Centre>, Rule, EveryCell>, Tape>;
  const R rollout{.steps = 3, .tape = tape};
  const auto theta = random_parameters<R, float>(1, 0.3);
  const auto z = random_state<float>(Shape{4, {5, 5, 1}, 2}, 2), w = random_state<float>(z.shape, 3);
  State<float> end(z.shape), expected(z.shape), dz(z.shape);
  Parameters<R, float> dtheta, found;
  {
    const auto j = rollout.template linearize<float>(theta, z, end);
    static_cast<void>(j.pullback(w.view(), expected.view(), dtheta.span()));
  }
  std::vector<typename R::template Linearization<float>> tapes;
  for (int i = 0; i < 3; ++i) {
    auto made = rollout.template linearize<float>(theta, z, end);
    tapes.push_back(std::move(made));
  }
  for (const auto& j : tapes) {
    found.vector().setZero();
    static_cast<void>(j.pullback(w.view(), dz.view(), found.span()));
    CHECK(dz.values == expected.values);
    CHECK(found.vector() == dtheta.vector());
  }
}

}  // namespace

TEST_CASE("a tape may be moved and kept in a vector", "[unit][rollout]") {
  check_moved_tapes<Conv<4, 4, 1>>(Kept{});
  check_moved_tapes<Conv<4, 4, 1>>(Recomputed{});
  check_moved_tapes<Conv<4, 4, 1>>(Checkpointed{.every = 2});
  check_moved_tapes<Sequential<Dense<4, 6>, Tanh, Dense<6, 4>>>(Kept{});
  check_moved_tapes<Sequential<Dense<4, 6>, Tanh, Dense<6, 4>>>(Checkpointed{});
}

TEST_CASE("an automaton's linearization may be moved and kept in a vector", "[unit][automaton]") {
  using Lin = A::Linearization<double>;
  static_assert(std::is_nothrow_move_constructible_v<Lin> || !std::is_copy_constructible_v<Lin>);
  const auto theta = weights();
  const State<double> z = start(grid), w = random_state(grid, 9);
  State<double> out(grid), expected(grid), dz(grid);
  static_cast<void>(automaton().linearize<double>(theta, z, View<const double>{}, out).vjp(w.view(), expected.view()));
  std::vector<Lin> kept;
  for (int i = 0; i < 3; ++i) kept.push_back(automaton().linearize<double>(theta, z, View<const double>{}, out));
  for (const Lin& j : kept) {
    static_cast<void>(j.vjp(w.view(), dz.view()));
    CHECK(dz.values == expected.values);
  }
}

namespace {

/// j(context) linearizes what asks for the numbers of its samples on the way back, too.
template <class Linearize>
void check_owned_numbers(const Shape& shape, const Linearize& linearize) {
  const State<double> w = random_state(shape, 9);
  State<double> expected(shape), dz(shape), jt(shape);
  const std::vector<Index> kept{7, 2, 40};
  static_cast<void>(linearize(Context{.samples = kept.data()}).vjp(w.view(), expected.view()));
  auto passing = std::make_unique<std::vector<Index>>(kept);
  auto made = linearize(Context{.samples = passing->data()});
  std::fill(passing->begin(), passing->end(), 5);
  passing.reset();
  const auto moved = std::move(made);
  static_cast<void>(moved.vjp(w.view(), dz.view()));
  CHECK(dz.values == expected.values);
  static_cast<void>(moved.jvp(w.view(), jt.view()));
  CHECK(jt.values.allFinite());
}

}  // namespace

TEST_CASE("a tape outlives the list of its samples' numbers", "[unit][rollout]") {
  // Dropout in the rule asks for the numbers whenever the rule is linearized.
  using Dropped = Automaton<See, Sequential<Dense<12, 5>, Dropout, Tanh, Dense<5, 4>>, RandomFire, Everywhere>;
  const Shape shape{4, {6, 5, 1}, 3};
  const State<double> z = random_state(shape, 5);
  State<double> end(shape);
  const auto theta = random_parameters<Dropped>(7, 0.35);
  const auto check = [&](const auto& tape) {
    const Rollout<Dropped, std::remove_cvref_t<decltype(tape)>> rollout{.steps = 5, .tape = tape};
    check_owned_numbers(
        shape, [&](const Context& context) { return rollout.linearize(theta.span(), z.view(), end.view(), context); });
  };
  check(Kept{});
  check(Recomputed{});
  check(Checkpointed{.every = 2});
  const Dropped automaton;
  check_owned_numbers(shape, [&](const Context& context) {
    return automaton.linearize(theta.span(), z.view(), View<const double>{}, end.view(), context);
  });
}

TEST_CASE("a rollout refuses what it cannot make", "[unit][rollout]") {
  const auto theta = weights();
  const State<double> z = start(grid);
  State<double> end(grid);
  CHECK(run<Kept>(3).out_shape(grid) == grid);
  CHECK_THROWS_WITH(run<Kept>(3).out_shape(grid.with_features(5)), "Rollout: number of features is 5, expected 4");
  CHECK_THROWS_WITH(run<Kept>(-1).out_shape(grid), "Rollout: steps is -1, expected 0 or more");
  CHECK_THROWS_WITH(run<Kept>(-1).apply(theta.span(), z.view(), end.view()),
                    "Rollout: steps is -1, expected 0 or more");
  CHECK_THROWS_WITH(run<Kept>(-1).linearize(theta.span(), z.view(), end.view()),
                    "Rollout: steps is -1, expected 0 or more");
  CHECK_THROWS_WITH(run<Checkpointed>(-2).linearize(theta.span(), z.view(), end.view()),
                    "Rollout: steps is -2, expected 0 or more");
}

TEST_CASE("steps of an automaton with random masks are those of a rollout", "[unit]") {
  // Where there is one cell, it does not fire in most steps: nothing moves, and that is no end.
  using Small = Automaton<Perceive<2, Periodic, Centre, SobelX>, Dense<4, 2>, RandomFire>;
  Equilibrium<Small, Picard, Unrolled> steps{.stop = {.tolerance = 0, .max_evaluations = 60}};
  steps.cell.fire = {.rate = 0.05, .seed = 3};
  const Rollout<Small> rollout{.automaton = steps.cell, .steps = 59};
  const auto theta = random_parameters<Small>(1, 0.3);
  for (const Index side : {1, 4}) {
    const Shape shape{2, {side, side, 1}, 20};
    State<double> z(shape), wanted(shape);
    const State<double> start(shape), no_input(shape.with_features(0));
    const Context context{.step = 7};
    const Report report = steps.apply(theta.span(), no_input.view(), z.view(), context);
    CHECK(report.forward.approximated() == 20);
    (void)rollout.apply(theta.span(), start.view(), wanted.view(), context);
    CHECK((z.values - wanted.values).norm() <= 1e-12 * wanted.values.norm());
    CHECK(wanted.values.norm() > 0);
  }
}
