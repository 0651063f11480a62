// Equilibria and gradients of rollouts whose state is split over processes, beside those of one process: the same but
// for the order of sums.

#include <array>
#include <cmath>
#include <span>
#include <string>

#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/any_method.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/layer_norm.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/window_conv.hpp"
#include "basin/mpi/grid.hpp"
#include "basin/mpi/split_cell.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/perceive_both.hpp"
#include "over_processes.hpp"

namespace test {

namespace {

using namespace basin;

using Solver = AnyMethod<Anderson<5>, Broyden<20>, NewtonGmres<>>;
using Adjoint = AnyAdjoint<Implicit<>, Phantom>;

/// This rank's slices of both, beside each other.
void expect_near(const mpi::SplitGrid& grid, const State<double>& here, const State<double>& whole,
                 const std::string& what) {
  const State<double> expected = grid.own(whole.view());
  const double wrong = (here.values - expected.values).cwiseAbs().maxCoeff();
  expect(wrong <= 1e-8 * (1 + whole.values.cwiseAbs().maxCoeff()), what + ", wrong by " + std::to_string(wrong));
}

void expect_same_counts(const SolveCounts& one, const SolveCounts& other, const std::string& what) {
  expect(one.by_status == other.by_status && one.evaluations == other.evaluations, "solves, " + what);
}

template <class C>
void check_cell(mpi::Communicator& world, const Shape& shape, const std::string& what) {
  using Whole = Equilibrium<C, Solver, Adjoint>;
  using Split = Equilibrium<mpi::SplitCell<C>, Solver, Adjoint>;
  constexpr std::size_t params = C::param_count;
  Vector<double> numbers(static_cast<Index>(params));
  fill(numbers, 5, 0.22);
  const std::span<const double, params> theta(numbers.data(), params);
  const Shape injection = shape.with_features(C::input_features);
  State<double> u(injection), w(shape), t(injection);
  fill(u.values, 6, 1);
  fill(w.values, 7, 1);
  fill(t.values, 8, 1);
  const mpi::SplitGrid grid(world, shape);

  Whole whole;
  Split split;
  split.cell.grid = &grid;
  const State<double> own_u = grid.own(u.view()), own_t = grid.own(t.view()), w_here = grid.own(w.view());
  const State<double> u_here = split.cell.with_neighbours(own_u.view());
  const State<double> t_here = split.cell.with_neighbours(own_t.view());
  for (const char* const solver : {"anderson", "broyden", "newton_gmres"}) {
    whole.solver = split.solver = Solver(solver);
    whole.stop = split.stop = {.tolerance = 1e-11, .max_evaluations = 500};
    for (const bool exact : {true, false}) {
      if (exact) {
        whole.adjoint = split.adjoint = Implicit<>{.tolerance = 1e-11};
      } else {
        whole.adjoint = split.adjoint = Phantom{.k = 3};
      }
      const std::string name = what + ", " + solver;
      State<double> z(shape), z_here(w_here.shape);
      const auto one = whole.linearize(theta, u.view(), z.view());
      const auto here = split.linearize(theta, u_here.view(), z_here.view());
      expect(one.report().forward.converged() == static_cast<std::size_t>(shape.samples),
             "solves that converge, " + name);
      expect_same_counts(here.report().forward, one.report().forward, name);
      expect_near(grid, z_here, z, "z of " + name);

      State<double> out(shape), out_here(w_here.shape), du(injection), du_here(u_here.shape);
      static_cast<void>(one.jvp(t.view(), out.view()));
      static_cast<void>(here.jvp(t_here.view(), out_here.view()));
      expect_near(grid, out_here, out, "jvp of " + name);
      Vector<double> dtheta = Vector<double>::Zero(numbers.size()), dtheta_here = dtheta;
      const Report back = one.pullback(w.view(), du.view(), std::span<double, params>(dtheta.data(), params));
      const Report back_here =
          here.pullback(w_here.view(), du_here.view(), std::span<double, params>(dtheta_here.data(), params));
      expect_same_counts(back_here.adjoint, back.adjoint, "back, " + name);
      expect_near(grid, split.cell.of_neighbours(du_here.view()), du, "du of " + name);
      world.sum(std::span<double>(dtheta_here.data(), params));
      expect((dtheta_here - dtheta).norm() <= 1e-8 * dtheta.norm(), "dtheta of " + name);
    }
  }
  // apply, where nothing is kept.
  State<double> z(shape), z_here(w_here.shape);
  static_cast<void>(whole.apply(theta, u.view(), z.view()));
  static_cast<void>(split.apply(theta, u_here.view(), z_here.view()));
  expect_near(grid, z_here, z, "apply of " + what);

  if (world.size() == 1) return;
  if (world.rank() == 1) numbers[0] += 1;
  expect_message(message_of([&] { static_cast<void>(split.apply(theta, u_here.view(), z_here.view())); }),
                 "theta of rank 1 is another than that of rank 0");
}

/// Gradients through the steps of an iteration, with what is kept of them.
void check_unrolled(mpi::Communicator& world) {
  using C = Injected<Sequential<Conv<2, 2, 3>, Tanh>>;
  const Shape shape{2, {5, 14, 1}, 2};
  constexpr std::size_t params = C::param_count;
  Vector<double> numbers(static_cast<Index>(params));
  fill(numbers, 5, 0.22);
  const std::span<const double, params> theta(numbers.data(), params);
  State<double> u(shape), w(shape), z(shape), du(shape);
  fill(u.values, 6, 1);
  fill(w.values, 7, 1);
  const mpi::SplitGrid grid(world, shape);
  const std::array<decltype(Unrolled::tape), 3> tapes{Kept{}, Recomputed{}, Checkpointed{}};
  for (const auto& tape : tapes) {
    Equilibrium<C, Picard, Unrolled> whole;
    Equilibrium<mpi::SplitCell<C>, Picard, Unrolled> split;
    split.cell.grid = &grid;
    whole.stop = split.stop = {.tolerance = 1e-6, .max_evaluations = 60};
    whole.adjoint.tape = split.adjoint.tape = tape;
    const State<double> own_u = grid.own(u.view()), w_here = grid.own(w.view());
    const State<double> u_here = split.cell.with_neighbours(own_u.view());
    State<double> z_here(w_here.shape), du_here(u_here.shape);
    Vector<double> dtheta = Vector<double>::Zero(numbers.size()), dtheta_here = dtheta;
    const auto one = whole.linearize(theta, u.view(), z.view());
    const auto here = split.linearize(theta, u_here.view(), z_here.view());
    expect_near(grid, z_here, z, "z, unrolled");
    static_cast<void>(one.pullback(w.view(), du.view(), std::span<double, params>(dtheta.data(), params)));
    static_cast<void>(
        here.pullback(w_here.view(), du_here.view(), std::span<double, params>(dtheta_here.data(), params)));
    expect_near(grid, split.cell.of_neighbours(du_here.view()), du, "du, unrolled");
    world.sum(std::span<double>(dtheta_here.data(), params));
    expect((dtheta_here - dtheta).norm() <= 1e-8 * dtheta.norm(), "dtheta, unrolled");
  }
}

/// What one rank alone wants, or has set otherwise, is known to all.
void check_agreement(mpi::Communicator& world) {
  using C = Injected<Sequential<Conv<1, 1, 3>, Tanh>>;
  const mpi::SplitGrid grid(world, {1, {4, 8, 1}, 1});
  Equilibrium<mpi::SplitCell<C>, Anderson<5>> model;
  model.cell.grid = &grid;
  model.stop = {.tolerance = 1e-5, .max_evaluations = 60};
  Parameters<decltype(model), double> theta;
  theta.vector().setConstant(0.1);
  State<double> own(grid.shape());
  fill(own.values, 3, 1);
  const State<double> u = model.cell.with_neighbours(std::as_const(own).view());
  State<double> z(grid.shape());
  const int last = world.size() - 1;
  const auto ends_at_three = [&](const Iterate<double>& one) { return world.rank() != last || one.iteration < 3; };
  const auto found = model.solve(theta, u.view(), std::as_const(z).view(), ends_at_three);
  expect(found.samples[0].status == Status::interrupted && found.samples[0].iterations == 3,
         "a solve that one rank's observer ends");
  if (last == 0) return;
  if (world.rank() == last) model.stop.max_evaluations = 7;
  expect_message(message_of([&] { static_cast<void>(model.apply(theta.span(), u.view(), z.view())); }),
                 "number of samples, or Stop, of an equilibrium of rank " + std::to_string(last));
}

/// A rollout with its gradient, by one of the tapes.
template <class Tape, class A>
void check_rollout(mpi::Communicator& world, const Shape& shape, const A& automaton, const std::string& what) {
  constexpr std::size_t params = A::param_count;
  Vector<double> numbers(static_cast<Index>(params));
  fill(numbers, 9, 0.4);
  const std::span<const double, params> theta(numbers.data(), params);
  State<double> start(shape), w(shape), t(shape);
  fill(start.values, 4, 0.25);
  fill(w.values, 10, 1);
  fill(t.values, 11, 1);
  const Context context{.step = 3, .draw = 5, .first_sample = 2};
  const mpi::SplitGrid grid(world, shape);
  const State<double> start_here = grid.own(start.view()), w_here = grid.own(w.view()), t_here = grid.own(t.view());
  const Rollout<A, Tape> whole{automaton, 5};
  const Rollout<mpi::Split<A>, Tape> split{{automaton, &grid}, 5};

  State<double> end(shape), end_here(w_here.shape), dstart(shape), dstart_here(w_here.shape);
  Vector<double> dtheta = Vector<double>::Zero(numbers.size()), dtheta_here = dtheta;
  const auto one = whole.linearize(theta, start.view(), end.view(), context);
  const auto here = split.linearize(theta, start_here.view(), end_here.view(), context);
  expect(same_bits<double>(end_here.values, grid.own(end.view()).values), "end of " + what);
  const auto add = [](const State<double>& of) {
    return [&of](Index step, View<const double> z, View<double> to) {
      if (step == 2) to.vector() += 0.5 * z.vector() + of.values;
    };
  };
  static_cast<void>(
      one.pullback_along(w.view(), dstart.view(), std::span<double, params>(dtheta.data(), params), add(t)));
  static_cast<void>(here.pullback_along(w_here.view(), dstart_here.view(),
                                        std::span<double, params>(dtheta_here.data(), params), add(t_here)));
  world.sum(std::span<double>(dtheta_here.data(), params));
  expect(dstart.values.norm() > 0.1 && dtheta.norm() > 0.1, "gradients that are something, " + what);
  expect_near(grid, dstart_here, dstart, "gradient in the start, " + what);
  expect((dtheta_here - dtheta).norm() <= 1e-10 * dtheta.norm(), "gradient in theta, " + what);
  static_cast<void>(one.jvp(t.view(), end.view()));
  static_cast<void>(here.jvp(t_here.view(), end_here.view()));
  expect_near(grid, end_here, end, "jvp, " + what);
}

void check_rollouts(mpi::Communicator& world) {
  using Rule = Sequential<Dense<12, 8>, Tanh, Dense<8, 4>>;
  const auto check_edge = [&]<Boundary Edge>(Edge) {
    using Nca = Automaton<Perceive<4, Edge, Centre, SobelX, SobelY>, Rule, RandomFire, AliveMask<3>>;
    const Nca nca{.fire = {.rate = 0.5, .seed = 11}, .alive = {.threshold = 0.2}};
    for (const Index lines : {9, 23}) {  // without an inside on four ranks, and with one
      const Shape shape{4, {6, lines, 1}, 2};
      const std::string on = std::string(Edge::label) + ", " + std::to_string(lines) + " lines";
      check_rollout<Checkpointed>(world, shape, nca, "checkpoints, " + on);
      check_rollout<Recomputed>(world, shape, nca, "all states, " + on);
      check_rollout<Kept>(world, shape, nca, "all linearizations, " + on);
    }
  };
  check_edge(Zero{});
  check_edge(Periodic{});
}

}  // namespace

void check_split_states(mpi::Communicator& world) {
  for (const Index lines : {5, 19}) {  // without an inside on four ranks, and with one
    const std::string on = ", " + std::to_string(lines) + " lines";
    check_cell<Injected<Sequential<Conv<3, 3, 3>, Tanh>>>(world, {3, {6, lines, 1}, 2}, "one convolution" + on);
  }
  using Torus = Injected<Sequential<Conv<2, 4, 3, 1, Periodic>, Tanh, Conv<4, 2, 3, 1, Periodic>, LayerNorm<2>>>;
  check_cell<Torus>(world, {2, {5, 23, 1}, 1}, "two on a torus");
  check_cell<Injected<Sequential<Conv3d<2, 2, 3>, Tanh>>>(world, {2, {3, 4, 9}, 1}, "three axes");
  using Told = Automaton<Conditioned<Perceive<2, Zero, Centre, SobelX>, 3>, Sequential<Dense<7, 4>, Tanh, Dense<4, 2>>,
                         MeanField, Everywhere, Relax>;
  check_cell<Told>(world, {2, {6, 11, 1}, 2}, "an automaton whose cells are told something");
  // Beyond the edge the one sees the other end, the other nothing: no grid of this kind can be cut.
  using Torn = PerceiveBoth<Perceive<2, Zero, SobelX>, Perceive<2, Periodic, SobelY>>;
  constexpr mpi::Reach torn = mpi::reach_of<Automaton<Torn, Dense<4, 2>>>;
  static_assert(torn.periodic && torn.ends);

  check_unrolled(world);
  check_agreement(world);
  check_rollouts(world);

  using Cell = Injected<Sequential<Conv<1, 1, 3>, Tanh>>;
  const mpi::SplitCell<Cell> lost;
  expect_message(message_of([&] {
                   static_cast<void>(lost.state_shape({1, {4, 4, 1}, 1}));
                 }),
                 "grid of an mpi::SplitCell is null, expected that of the state");
}

}  // namespace test
