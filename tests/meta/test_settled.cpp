// The weights of a network are cells like any other: an equilibrium of them is solved and trained through its fixed
// point, and a pool keeps them.

#include <catch2/catch.hpp>
#include <memory>

#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/reglu.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/perceive_places.hpp"
#include "basin/meta/perceive_signals.hpp"
#include "basin/meta/perceive_weights.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/pool.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// The fixed point is one, the implicit gradient is that of the unrolled iteration and that of central differences.
template <class A>
void check_equilibrium(const A& cell, const Shape& u_shape) {
  Equilibrium<A, Anderson<5>, Implicit<>> solved{.cell = cell};
  solved.stop = {.tolerance = 1e-13, .max_evaluations = 400};
  solved.adjoint = {.tolerance = 1e-13, .max_evaluations = 400};
  const Equilibrium<A, Picard, Unrolled> unrolled{.cell = cell, .stop = solved.stop};
  const auto theta = random_parameters<decltype(solved)>(1, 0.25);
  const State<double> u(u_shape);
  State<double> z(solved.out_shape(u.shape)), by_picard(z.shape), again(z.shape);
  const State<double> w = random_state(z.shape, 2);

  Parameters<decltype(solved), double> dtheta;
  Parameters<decltype(unrolled), double> of_unrolled;
  const auto j = solved.linearize(theta.span(), u.view(), z.view());
  CHECK(j.report().forward.converged() == static_cast<std::size_t>(u_shape.samples));
  CHECK(j.pullback(w.view(), View<double>(), dtheta.span()).adjoint.converged() ==
        static_cast<std::size_t>(u_shape.samples));
  const auto j_unrolled = unrolled.linearize(theta.span(), u.view(), by_picard.view());
  CHECK(j_unrolled.report().forward.converged() == static_cast<std::size_t>(u_shape.samples));
  static_cast<void>(j_unrolled.pullback(w.view(), View<double>(), of_unrolled.span()));

  CHECK(z.values.cwiseAbs().maxCoeff() > 0.05);
  static_cast<void>(cell.template apply<double>(theta.span(), z.view(), u.view(), again.view()));
  CHECK(relative_error(again.values, z.values) < 1e-12);
  CHECK(relative_error(by_picard.values, z.values) < 1e-11);
  CHECK(dtheta.vector().norm() > 0.1);
  CHECK(relative_error(dtheta.vector(), of_unrolled.vector()) < 1e-10);
  const GradientCheck gradients = check_gradients(solved, theta, u.view());
  INFO(gradients.to_string());
  CHECK(gradients.dtheta < 1e-8);
}

}  // namespace

TEST_CASE("an equilibrium of weights has the gradient of its fixed point", "[gradient]") {
  const Network network({4, 3, 2});
  using Rule = Sequential<Dense<9, 8>, Tanh, Dense<8, 3>>;
  check_equilibrium(
      Automaton<PerceiveWeights<3, AcrossLayers>, Rule, MeanField, Everywhere, Relax>{.perception = {network}},
      network.shape(0, 2));
  check_equilibrium(
      Automaton<PerceiveWeights<3, WithinMatrix, true>, Rule, EveryCell, Everywhere, Replace>{.perception = {network}},
      network.shape(0, 2));
}

TEST_CASE("an equilibrium of weights that know their places has the gradient of its fixed point", "[gradient]") {
  const Network network({4, 3, 2});
  auto codes = std::make_shared<PlaceCodes>();
  codes->rows = random_matrix<float>(4, network.rows(), 5);
  codes->columns = random_matrix<float>(2, network.columns(), 6);
  using Cell = Automaton<PerceivePlaces<3, 4, 2, 10>, Sequential<Reglu<5>, Dense<5, 3, Bias::no>>, EveryCell,
                         Everywhere, Replace>;
  check_equilibrium(Cell{.perception = {network, codes}}, network.shape(0, 2));
}

// What it is to its data: the batch is always the same, and the network comes to rest.
TEST_CASE("a network that learns from one batch has the gradient of where it comes to rest", "[gradient]") {
  const Network network({2, 3, 2});
  const State<float> x = random_state<float>(Shape{2, {4, 1, 1}, 1}, 5);
  State<float> y(x.shape);
  for (Index n = 0; n < 4; ++n) y.view().matrix()(n % 2, n) = 1;
  using Sees = PerceiveSignals<3, 2>;
  using Rule = Sequential<Dense<Sees::seen_features, 6>, Tanh, Dense<6, 3>>;
  check_equilibrium(
      Automaton<Sees, Rule, EveryCell, Everywhere, Relax>{
          .perception = {.network = network, .data = {x.view(), y.view()}, .floor = 0.1},
          .rule = {},
          .fire = {},
          .alive = {},
          .update = {.rate = 0.5}},
      network.shape(0, 2));
}

TEST_CASE("a pool keeps networks", "[unit]") {
  const Network network({30, 8, 3});
  const State<float> fresh = random_state<float>(network.shape(5), 1);
  Pool<float> pool(6, fresh.view());
  State<float> damaged = random_state<float>(network.shape(5, 2), 2);
  const Network::Layer& lost = network.layers()[0];
  damaged.view().sample(1).matrix().middleCols(lost.first, lost.cells()).setZero();
  const std::vector<Index> places{4, 1}, all{1, 0, 4};
  pool.put(places, damaged.view());
  const State<float> taken = pool.take(all);
  CHECK(taken.view().sample(0).vector() == damaged.view().sample(1).vector());
  CHECK(taken.view().sample(1).vector() == fresh.values);
  CHECK(taken.view().sample(2).vector() == damaged.view().sample(0).vector());
}
