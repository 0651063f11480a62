#include "basin/nca/gated.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>

#include "basin/deq/equilibrium.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "nca/naive_automaton.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

template <Boundary Edge>
using See = Perceive<2, Edge, Centre, SobelX, Laplacian<2>>;
using Rule = Sequential<Dense<6, 4>, Tanh, Dense<4, 2>>;
template <Boundary Edge>
using Smooth = Gated<Automaton<See<Edge>, Rule, MeanField, Everywhere, Relax>>;
static_assert(Cell<Smooth<Zero>> && Cell<Smooth<Zero>, double>);
static_assert(Smooth<Zero>::input_features == 2 && Smooth<Zero>::param_count == 38);

template <class C>
C wide(C cell = {}) {
  cell.feature = 1;
  cell.threshold = 0.2;
  cell.width = 0.4;  // so wide that the gates of random states are neither open nor shut
  cell.rate = 0.3;
  return cell;
}

/// The mean over the box of 3, and its transpose, by the definition.
template <Boundary Edge>
void check_mean(const std::array<Index, 3>& space) {
  const Shape shape{1, space, 1};
  CAPTURE(Edge::label, shape.to_string());
  const auto z = random_state(shape, 1), w = random_state(shape, 2);
  State<double> expected(shape), mean(shape), spread(shape);
  const int rx = space[0] > 1, ry = space[1] > 1, rz = space[2] > 1;
  for (Index i = 0; i < shape.cells(); ++i) {
    for (int k = -rz; k <= rz; ++k) {
      for (int j = -ry; j <= ry; ++j) {
        for (int l = -rx; l <= rx; ++l) {
          const Index from = neighbour(shape, naive_source<Edge>, i, {l, j, k, 1});
          if (from >= 0) expected.values[i] += z.values[from] / ((2 * rx + 1) * (2 * ry + 1) * (2 * rz + 1));
        }
      }
    }
  }
  detail::mean_around<Edge>(z.values.data(), space, mean.values.data());
  detail::spread_mean<Edge>(w.values.data(), space, spread.values.data());
  CHECK(relative_error(mean.values, expected.values) < 1e-14);
  CHECK(spread.values.dot(z.values) == Approx(mean.values.dot(w.values)).epsilon(1e-13));
}

template <Boundary Edge>
void check_means() {
  for (const auto& space :
       {std::array<Index, 3>{1, 1, 1}, {2, 1, 1}, {7, 1, 1}, {1, 5, 1}, {2, 2, 2}, {6, 5, 1}, {4, 3, 5}, {3, 1, 4}}) {
    check_mean<Edge>(space);
  }
}

}  // namespace

TEST_CASE("the mean around a cell, and its transpose", "[unit][gated]") {
  check_means<Zero>();
  check_means<Periodic>();
  check_means<Reflect>();
  check_means<Replicate>();
}

TEST_CASE("a gated step is the gate times the step, and the injection", "[unit][gated]") {
  const auto cell = wide<Smooth<Zero>>();
  const auto theta = random_parameters<Smooth<Zero>>(1);
  const Shape shape{2, {5, 4, 1}, 2};
  const auto z = random_state(shape, 2), u = random_state(shape, 3);
  State<double> found(shape), step(shape);
  static_cast<void>(cell.apply(theta, z.view(), u.view(), found.view()));
  static_cast<void>(cell.automaton.apply(theta.span(), z.view(), View<const double>{}, step.view()));
  for (Index i = 0; i < shape.cells(); ++i) {
    double mean = 0;
    for (int y = -1; y <= 1; ++y) {
      for (int x = -1; x <= 1; ++x) {
        const Index from = neighbour(shape, naive_source<Zero>, i % 20, {x, y, 0, 1});
        if (from >= 0) mean += z.values[(i / 20 * 20 + from) * 2 + 1] / 9;
      }
    }
    const double gate = 1 / (1 + std::exp((0.2 - mean) / 0.4));
    for (Index k = 2 * i; k < 2 * i + 2; ++k) {
      if (std::abs(found.values[k] - gate * step.values[k] - 0.3 * u.values[k]) > 1e-14) FAIL("number " << k);
    }
  }
}

TEST_CASE("a gate is open, half open or shut", "[unit][gated]") {
  // A rule that answers 0, so that the step is z / 2.
  Smooth<Zero> cell;
  cell.feature = 0;
  const Parameters<Smooth<Zero>, double> theta;
  State<double> z(Shape{2, {3, 3, 1}, 1}), out(z.shape);
  const State<double> no_seed(z.shape);
  const auto gate_at = [&](double value) {
    z.values.setConstant(value);
    static_cast<void>(cell.apply(theta, z.view(), no_seed.view(), out.view()));
    return 2 * out.values[2 * 4] / value;  // in the middle
  };
  CHECK(gate_at(0.1) == Approx(0.5).epsilon(1e-12));
  CHECK(gate_at(1) == 1);
  CHECK(gate_at(-100) == 0);  // where the exponential overflows
  CHECK(gate_at(0.12) == Approx(1 / (1 + std::exp(-1.0))).epsilon(1e-12));
}

TEST_CASE("the derivative of a gated step", "[gradient][gated]") {
  const auto theta = random_parameters<Smooth<Zero>>(1);
  const auto z = random_state({2, {5, 4, 1}, 2}, 2);
  State<double> applied(z.shape), out(z.shape);
  const auto cell = wide<Smooth<Zero>>();
  static_cast<void>(cell.apply(theta, z.view(), z.view(), applied.view()));
  // Nothing is solved in this one.
  CHECK(cell.linearize(theta, z.view(), z.view(), out.view()).report().forward.results() == 0);
  CHECK(out.values == applied.values);
  check_cell(wide<Smooth<Zero>>(), {2, {5, 4, 1}, 2});
  check_cell(wide<Smooth<Zero>>(), {2, {6, 1, 1}, 1});
  check_cell(wide<Smooth<Zero>>(), {2, {3, 2, 4}, 1});
}

TEST_CASE("the equilibrium of a gated automaton and its gradient", "[gradient][gated]") {
  using C = Smooth<Zero>;
  const C cell = wide<C>();
  const Stop stop{.tolerance = 1e-13, .max_evaluations = 2000};
  Equilibrium<C, Anderson<5>, Implicit<>> solved{.cell = cell, .stop = stop};
  solved.adjoint.tolerance = 1e-13;
  Equilibrium<C, Picard, Unrolled> unrolled{.cell = cell, .stop = stop};
  using Model = decltype(solved);
  const auto theta = random_parameters<Model>(1, 0.3);
  const Shape shape{2, {5, 4, 1}, 2};
  const auto u = random_state(shape, 3), w = random_state(shape, 4);

  State<double> z(shape), z_picard(shape), du(shape), du_unrolled(shape);
  Parameters<Model, double> dtheta, dtheta_unrolled;
  const auto j = solved.linearize(theta, u.view(), z.view());
  CHECK(j.report().forward.converged() == 2);
  static_cast<void>(j.pullback(w.view(), du.view(), dtheta.span()));
  const auto j_unrolled = unrolled.linearize(theta.span(), u.view(), z_picard.view());
  CHECK(j_unrolled.report().forward.converged() == 2);
  static_cast<void>(j_unrolled.pullback(w.view(), du_unrolled.view(), dtheta_unrolled.span()));
  CHECK(z.values.cwiseAbs().maxCoeff() > 0.3);
  CHECK(relative_error(z.values, z_picard.values) < 1e-11);
  CHECK(relative_error(du.values, du_unrolled.values) < 1e-9);
  CHECK(relative_error(dtheta.vector(), dtheta_unrolled.vector()) < 1e-9);

  const GradientCheck gradients = check_gradients(solved, theta, u.view(), {.most = 30});
  INFO(gradients.to_string());
  CHECK(gradients.worst < 1e-8);
}

TEST_CASE("without an injection a gated automaton may stay dead, and with one it cannot", "[unit][gated]") {
  using C = Smooth<Zero>;
  Equilibrium<C, Anderson<5>, Implicit<>> layer;
  layer.cell.feature = 1;
  layer.stop = {.tolerance = 1e-10, .max_evaluations = 500};
  const auto theta = random_parameters<decltype(layer)>(1, 0.3);
  State<double> u(Shape{2, {6, 6, 1}, 1}), z(u.shape);
  u.values[2 * 14] = 1;
  CHECK(layer.apply(theta, u.view(), z.view()).forward.converged() == 1);
  CHECK(z.values[2 * 14] > 0.4);
}

TEST_CASE("a gated automaton refuses what it cannot take", "[unit][gated]") {
  const Shape u{2, {5, 4, 1}, 2};
  Smooth<Zero> cell = wide<Smooth<Zero>>();
  CHECK(cell.state_shape(u) == u);
  CHECK_THROWS_WITH(cell.state_shape(u.with_features(3)), "Gated: injection: number of features is 3, expected 2");
  cell.feature = 2;
  CHECK_THROWS_WITH(cell.state_shape(u), "Gated: feature is 2, expected one of the state's, below 2");
  cell.feature = -1;
  CHECK_THROWS_WITH(cell.state_shape(u), "Gated: feature is -1, expected one of the state's, below 2");
  cell = wide<Smooth<Zero>>();
  cell.width = 0;
  CHECK_THROWS_WITH(cell.state_shape(u), "Gated: width is 0, expected a positive number");
}
