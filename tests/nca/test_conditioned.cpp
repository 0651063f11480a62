// Automata whose cells are told something: a step, a rollout, and features of the state that say the same.

#include "basin/nca/conditioned.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "basin/adjoint/implicit.hpp"
#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

constexpr int C = 3, U = 2;

using See = Conditioned<Perceive<C, Zero, Centre, SobelX>, U>;
using Rule = Sequential<Dense<2 * C + U, 5>, Tanh, Dense<5, C>>;
using Told = Automaton<See, Rule, RandomFire, AliveMask<2>>;
template <class Tape>
using Run = Rollout<Told, Tape>;
static_assert(Cell<Told> && Cell<Told, double> && Cell<Run<Kept>> && Cell<Run<Checkpointed>, double>);
static_assert(Told::input_features == U && Run<Recomputed>::input_features == U);

/// Of random states, some cells are dead before a step, some die and some live on.
Told told() {
  Told automaton;
  automaton.fire = {.rate = 0.7, .seed = 1};
  automaton.alive.threshold = 0.6;
  return automaton;
}

/// What all cells of a sample are told, said to each of them.
template <class S>
State<S> to_each(const State<S>& u, const Shape& z) {
  State<S> all(z.with_features(u.shape.features));
  for (Index n = 0; n < z.samples; ++n) {
    for (Index i = 0; i < z.cells_per_sample(); ++i) {
      all.view().sample(n).columns().col(0).segment(i * u.shape.features, u.shape.features) =
          u.view().sample(n).vector();
    }
  }
  return all;
}

template <class S>
struct Products {
  State<S> end, applied, jt, jtu, dz, du, du_alone;
  Vector<S> dtheta;

  template <class C>
  Products(const C& cell, const State<S>& z, const State<S>& u, const State<S>& tu)
      : end(z.shape), applied(z.shape), jt(z.shape), jtu(z.shape), dz(z.shape), du(u.shape), du_alone(u.shape) {
    const auto theta = random_parameters<C, S>(3, 0.4);
    const auto t = random_state<S>(z.shape, 4), w = random_state<S>(z.shape, 5);
    Parameters<C, S> gradient;
    static_cast<void>(cell.apply(theta.span(), z.view(), u.view(), applied.view()));
    const auto j = cell.linearize(theta.span(), z.view(), u.view(), end.view());
    static_cast<void>(j.jvp(t.view(), jt.view()));
    static_cast<void>(j.jvp_input(tu.view(), jtu.view()));
    static_cast<void>(j.pullback(w.view(), dz.view(), du.view(), gradient.span()));
    static_cast<void>(j.vjp_input(w.view(), du_alone.view()));
    dtheta = gradient.vector();
  }
};

}  // namespace

TEST_CASE("the derivatives of a step of cells that are told something", "[gradient][automaton]") {
  check_cell(told(), {U, {6, 5, 1}, 2}, {.float_tolerance = 1e-4});
  check_cell(told(), {U, {9, 1, 1}, 1}, {.float_tolerance = 1e-4});
}

TEST_CASE("a rollout of such cells is a cell, on every tape", "[gradient][rollout]") {
  check_cell(Run<Kept>{told(), 3}, {U, {4, 3, 1}, 2}, {.float_tolerance = 1e-4});
  check_cell(Run<Recomputed>{told(), 3}, {U, {4, 3, 1}, 2}, {.float_tolerance = 1e-4});
  check_cell(Run<Checkpointed>{told(), 5, {.every = 2}}, {U, {4, 3, 1}, 1}, {.float_tolerance = 1e-4});
  check_cell(Run<Recomputed>{told(), 0}, {U, {4, 3, 1}, 1});
}

TEST_CASE("what cells are told is what a feature of theirs says that stays", "[gradient][rollout]") {
  // The same numbers as features of the state, which neither the update nor death changes.
  using Stays = FeatureRange<C, U>;
  using Rule = Sequential<Dense<C + U, 5>, Tanh, Dense<5, C>>;
  using Inside = Automaton<Perceive<C + U, Zero, Centre>, Rule, RandomFire, AliveMask<2, Stays>, Keeping<Stays>>;
  using Beside = Automaton<Conditioned<Perceive<C, Zero, Centre>, U>, Rule, RandomFire, AliveMask<2>>;
  const Shape shape{C, {5, 4, 1}, 2};
  const State<double> z = random_state(shape, 6), u = random_state(shape.with_features(U), 7);
  const auto join = [](const State<double>& a, const State<double>& b) {
    State<double> both(a.shape.with_features(C + U));
    both.view().matrix().topRows(C) = a.view().matrix();
    both.view().matrix().bottomRows(U) = b.view().matrix();
    return both;
  };
  Rollout<Beside> beside{.steps = 4};
  beside.automaton.fire = {.rate = 0.7, .seed = 1};
  beside.automaton.alive.threshold = 0.6;
  Rollout<Inside> inside{.steps = 4};
  inside.automaton.fire = beside.automaton.fire;
  inside.automaton.alive.threshold = 0.6;
  const auto theta = random_parameters<Rule>(8);
  const State<double> w = random_state(shape, 9), nothing(u.shape);
  State<double> end(shape), dz(shape), du(u.shape), joined_end(shape.with_features(C + U)), joined_dz(joined_end.shape);
  Parameters<Rule, double> dtheta, joined_dtheta;
  const State<double> joined = join(z, u), joined_w = join(w, nothing);
  const auto j = beside.linearize(theta.span(), z.view(), u.view(), end.view());
  static_cast<void>(j.pullback(w.view(), dz.view(), du.view(), dtheta.span()));
  const auto k = inside.linearize(theta.span(), joined.view(), joined_end.view());
  static_cast<void>(k.pullback(joined_w.view(), joined_dz.view(), joined_dtheta.span()));
  REQUIRE(!end.values.isZero(0));
  REQUIRE((end.view().matrix().colwise().norm().array() == 0).any());  // some have died
  CHECK(joined_end.values == join(end, u).values);
  CHECK(relative_error(joined_dz.values, join(dz, du).values) < 1e-13);
  CHECK(relative_error(joined_dtheta.vector(), dtheta.vector()) < 1e-13);
}

TEST_CASE("all cells of a sample may be told the same", "[gradient][rollout]") {
  const Run<Recomputed> rollout{told(), 3};
  const Shape shape{C, {5, 4, 1}, 3};
  const State<double> z = random_state(shape, 1), u = random_state({U, {1, 1, 1}, 3}, 2),
                      tu = random_state({U, {1, 1, 1}, 3}, 3);
  const Products<double> alike(rollout, z, u, tu), each(rollout, z, to_each(u, shape), to_each(tu, shape));
  CHECK(alike.end.values == each.end.values);
  CHECK(alike.applied.values == each.end.values);
  CHECK(alike.jt.values == each.jt.values);
  CHECK(alike.jtu.values == each.jtu.values);
  CHECK(alike.dz.values == each.dz.values);
  CHECK(alike.dtheta == each.dtheta);
  CHECK(relative_error(alike.du_alone.values, alike.du.values) < 1e-13);
  for (Index n = 0; n < 3; ++n) {
    const Vector<double> sum = each.du.view().sample(n).matrix().rowwise().sum();
    CHECK(relative_error(alike.du.view().sample(n).vector(), sum) < 1e-13);
  }
}

TEST_CASE("what cells are told gives the same bits on any number of threads", "[unit][rollout][threads]") {
  const Run<Recomputed> rollout{told(), 2};
  const Shape shape{C, {200, 150, 1}, 2};  // several bands of a sample
  const State<float> z = random_state<float>(shape, 1);
  for (const Shape& told_shape : {Shape{U, {1, 1, 1}, 2}, shape.with_features(U)}) {
    const State<float> u = random_state<float>(told_shape, 2), tu = random_state<float>(told_shape, 3);
    set_threads(1);
    const Products<float> one(rollout, z, u, tu);
    for (const int threads : {2, 3}) {
      set_threads(threads);
      const Products<float> more(rollout, z, u, tu);
      CHECK(more.end.values == one.end.values);
      CHECK(more.jtu.values == one.jtu.values);
      CHECK(more.dz.values == one.dz.values);
      CHECK(more.du.values == one.du.values);
      CHECK(more.du_alone.values == one.du_alone.values);
      CHECK(more.dtheta == one.dtheta);
    }
    set_threads(0);
    CHECK(!one.du.values.isZero(0));
    CHECK(one.du.values.allFinite());
  }
}

TEST_CASE("the loss along a rollout of cells that are told something", "[gradient][rollout]") {
  const Run<Recomputed> rollout{told(), 4};
  const Shape shape{C, {5, 4, 1}, 3};
  const State<double> z = random_state(shape, 1), u = random_state({U, {1, 1, 1}, 3}, 2);
  const LeadingFeaturesError<double> loss{random_state(shape.with_features(2), 4)};
  const std::vector<LossStep> steps{{4, 0.5}, {2, 1}, {0, 2}};
  auto theta = random_parameters<Run<Recomputed>>(5, 0.4);
  const auto along = value_and_gradient_along(rollout, theta, z.view(), u.view(), loss, steps);
  // By its definition, and by differences.
  const auto value = [&] {
    double sum = 0;
    for (const LossStep& one : steps) {
      State<double> end(shape), none;
      static_cast<void>(Run<Recomputed>{told(), one.step}.apply(theta.span(), z.view(), u.view(), end.view()));
      sum += one.weight * loss.value_and_gradient<double>(end.view(), 0, 3, View<double>{});
    }
    return sum;
  };
  CHECK(along.value == Approx(value()).epsilon(1e-13));
  const Vector<double> direction = random_parameters<Rule>(6).vector(), at = theta.vector();
  const double h = 1e-5;
  theta.vector() = at + h * direction;
  const double above = value();
  theta.vector() = at - h * direction;
  CHECK(along.gradient.vector().dot(direction) == Approx((above - value()) / (2 * h)).epsilon(1e-7));
}

TEST_CASE("an equilibrium is told something too", "[gradient][equilibrium]") {
  using Mean = Automaton<See, Rule, MeanField, Everywhere, Relax>;
  const Equilibrium<Mean, Anderson<5>, Implicit<>> model{
      .cell = {}, .stop = {.tolerance = 1e-12}, .adjoint = {.tolerance = 1e-12}};
  auto theta = random_parameters<Mean>(2, 0.2);
  const State<double> u = random_state({U, {4, 4, 1}, 1}, 3);
  const GradientCheck gradients = check_gradients(model, theta, u, {.tolerance = 1e-6});
  INFO(gradients.to_string());
  CHECK(gradients.passed);
}

TEST_CASE("an injection of another shape is refused", "[errors][automaton]") {
  const Parameters<Rule, double> theta;
  const State<double> z({C, {5, 4, 1}, 2}), u({U, {5, 4, 1}, 1}), three({3, {1, 1, 1}, 2});
  State<double> out(z.shape);
  const std::string expected = ", expected (2, 5, 4, 1, 2), or (2, 1, 1, 1, 2) for all cells alike";
  CHECK_THROWS_WITH((void)told().apply(theta, z.view(), u.view(), out.view()),
                    "Automaton: shape of the injection is (2, 5, 4, 1, 1)" + expected);
  CHECK_THROWS_WITH((void)(Run<Kept>{told(), 2}.apply(theta, z.view(), three.view(), out.view())),
                    "Automaton: shape of the injection is (3, 1, 1, 1, 2)" + expected);
}
