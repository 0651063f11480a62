// A cell of several passes of another.

#include "basin/deq/passes.hpp"

#include <catch2/catch.hpp>

#include "basin/adjoint/implicit.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/train/initial.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using Inner = Injected<Sequential<Dense<3, 5>, Tanh, Dense<5, 3>>>;
using Grid = Injected<Sequential<Conv<2, 2, 3, 1, Zero, Bias::yes>, Tanh>>;

/// theta of passes of `inner`, all the other numbers as they begin.
template <class P, class C>
Parameters<P, double> begun(const Parameters<C, double>& inner) {
  auto theta = initial_parameters<double>(P{}, 1);
  theta.vector().head(inner.vector().size()) = inner.vector();
  return theta;
}

}  // namespace

TEST_CASE("the derivatives of several passes are right", "[unit]") {
  test::check_cell(Passes<Inner, 1>{}, {5, {2, 1, 1}, 2});
  test::check_cell(Passes<Inner, 3>{}, {5, {2, 3, 1}, 2});
  test::check_cell(Passes<Grid, 2>{}, {2, {4, 3, 1}, 2});
}

TEST_CASE("passes begin as the cell one time after another", "[unit]") {
  using Three = Passes<Grid, 3>;
  const auto inner = test::random_parameters<Grid>(3);
  const auto theta = begun<Three>(inner);
  const State<double> u = test::random_state({2, {5, 4, 1}, 3}, 1), z = test::random_state(u.shape, 2);
  State<double> once(u.shape), twice(u.shape), thrice(u.shape), at_once(u.shape);
  (void)Grid{}.apply(inner, z.view(), u.view(), once.view());
  (void)Grid{}.apply(inner, once.view(), u.view(), twice.view());
  (void)Grid{}.apply(inner, twice.view(), u.view(), thrice.view());
  (void)Three{}.apply(theta, z.view(), u.view(), at_once.view());
  CHECK(at_once.values == thrice.values);
}

TEST_CASE("each pass is told its number, and a state that is not carried over is not seen", "[unit]") {
  using Two = Passes<Inner, 2>;
  const auto inner = test::random_parameters<Inner>(5);
  auto theta = begun<Two>(inner);
  constexpr auto carry = static_cast<Index>(Inner::param_count), first = carry + 3, second = first + 5;
  theta.vector().segment(carry, 3).setZero();
  theta.vector().segment(first, 5).setConstant(0.25);
  theta.vector().segment(second, 5).setConstant(-0.5);
  const State<double> u = test::random_state({5, {1, 1, 1}, 2}, 1), z = test::random_state({3, {1, 1, 1}, 2}, 2);
  State<double> expected(z.shape), middle(z.shape), zero(z.shape), told(u.shape), given(z.shape);
  told.values = u.values.array() + 0.25;
  (void)Inner{}.apply(inner, zero.view(), told.view(), middle.view());
  told.values = u.values.array() - 0.5;
  (void)Inner{}.apply(inner, middle.view(), told.view(), expected.view());
  (void)Two{}.apply(theta, z.view(), u.view(), given.view());
  CHECK(test::relative_error(given.values, expected.values) < 1e-15);
}

TEST_CASE("passes with what was prepared, and without, are the same", "[unit]") {
  using Two = Passes<Grid, 2>;
  const auto theta = test::random_parameters<Two>(7);
  const State<double> u = test::random_state({2, {5, 4, 1}, 3}, 1), z = test::random_state(u.shape, 2);
  const auto prepared = Two{}.prepare(theta.span());
  State<double> one(u.shape), two(u.shape), du(u.shape), du_of_prepared(u.shape);
  const auto plain = Two{}.linearize(theta, z.view(), u.view(), one.view());
  const auto linear = Two{}.linearize(theta, z.view(), u.view(), two.view(), {}, prepared);
  CHECK(one.values == two.values);
  (void)plain.vjp_input(z.view(), du.view());
  (void)linear.vjp_input(z.view(), du_of_prepared.view());
  CHECK(du.values == du_of_prepared.values);
  // What is not wanted is left out, and the rest stays as it is.
  Parameters<Two, double> all, some;
  (void)linear.pullback(z.view(), two.view(), du_of_prepared.view(), all.span());
  (void)linear.pullback(z.view(), {}, {}, some.span());
  CHECK(du.values == du_of_prepared.values);
  CHECK(all.vector() == some.vector());
}

TEST_CASE("an equilibrium of several passes need not be one of a single pass", "[unit]") {
  // f(z, u) = -2 z + u is no contraction; two passes with a tenth of z carried over have a rate of 0.4.
  using Line = Injected<Dense<1, 1, Bias::no>>;
  using Two = Passes<Line, 2>;
  Equilibrium<Two, Picard, Implicit<>> model;
  model.stop = {.tolerance = 1e-12};
  Parameters<Equilibrium<Two, Picard, Implicit<>>, double> theta;
  theta.vector() << -2, 0.1, 0, 3;  // w, a, p_0, p_1
  State<double> u({1, {1, 1, 1}, 1}), z(u.shape);
  u.values.setConstant(1.5);
  const Report report = model.apply<double>(theta, u.view(), z.view());
  CHECK(report.forward.converged() == 1);
  CHECK(z.values[0] == Approx((-2 * 1.5 + 1.5 + 3) / (1 - 0.4)).epsilon(1e-11));  // z = w (w a z + u) + u + p_1
}
