// What an iteration of training takes for the way back it takes again in the next: after the first ones no iteration
// asks the system for large memory, but for what it returns.

#include <catch2/catch.hpp>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/pool.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

/// Large allocations of an iteration after two others.
template <class Iterate>
std::size_t large_allocations(const Iterate& iterate) {
  set_threads(1);
  iterate();
  iterate();
  const basin_test::AllocationCount count;
  iterate();
  const std::size_t large = count.large();
  set_threads(0);
  return large;
}

// Arrays of large_bytes and more are everywhere below: states, tapes, what layers keep, weights.
using Grows = Automaton<Perceive<4, Periodic, Centre, SobelX, SobelY>, Sequential<Dense<12, 40>, Relu, Dense<40, 4>>,
                        RandomFire, AliveMask<3>>;

template <class Tape>
std::size_t of_rollout(Index steps) {
  const Rollout<Grows, Tape> rollout{.steps = steps};
  const auto theta = test::random_parameters<Rollout<Grows, Tape>, float>(1);
  State<float> start = test::random_state<float>({4, {48, 48, 1}, 2}, 2);
  start.values.array() = start.values.array().abs() + 1;
  const LeadingFeaturesError<float> loss{State<float>(Shape{3, {48, 48, 1}, 1})};
  return large_allocations([&] {
    static_cast<void>(value_and_gradient_along(rollout, theta, start, loss, {{steps / 2, 1}, {steps, 1}}));
  });
}

template <class Solver, class Adjoint>
std::size_t of_equilibrium() {
  using Settle = Equilibrium<Injected<Sequential<Conv<16, 16, 3>, Tanh>>, Solver, Adjoint>;
  using Model = Sequential<Conv<1, 16, 3, 2>, Settle, GlobalAveragePool, Dense<16, 3>>;
  Model model;
  model.template layer<1>().stop = {.tolerance = 0, .max_evaluations = 10, .stall_window = 0};
  auto theta = test::random_parameters<Model, float>(1);
  theta.vector() *= 0.05f;
  const State<float> x = test::random_state<float>({1, {48, 48, 1}, 6}, 2);
  const CrossEntropy loss{{0, 1, 2, 0, 1, 2}};
  return large_allocations([&] {
    static_cast<void>(value_and_gradient(model, theta, x, loss, {.samples_per_part = 2, .failed = FailedSolve::keep}));
  });
}

}  // namespace

TEST_CASE("an iteration of training through a rollout takes its tape from the last one", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  // One: the states that it returns.
  CHECK(of_rollout<Kept>(10) == 1);
  CHECK(of_rollout<Recomputed>(10) == 1);
  CHECK(of_rollout<Checkpointed>(10) == 1);
}

TEST_CASE("a training step through an equilibrium takes its states from the last one", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  CHECK(of_equilibrium<Picard, Unrolled>() == 0);
  CHECK(of_equilibrium<Picard, Implicit<>>() == 0);
  CHECK(of_equilibrium<Anderson<5>, Implicit<>>() == 0);
}
