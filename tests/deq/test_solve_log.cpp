// What a log tells of every solve inside a model.

#include <catch2/catch.hpp>
#include <span>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "basin/adjoint/phantom.hpp"
#include "basin/core/context.hpp"
#include "basin/core/parallel.hpp"
#include "basin/core/solve_log.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using C = Injected<Sequential<Dense<4, 4>, Tanh>>;
using First = Equilibrium<C, Anderson<5>, Phantom>;
using Second = Equilibrium<C>;
using Model = Sequential<Dense<4, 4>, First, Residual<Second>>;

std::vector<std::tuple<Index, Pass, Status>> told(const SolveLog& log) {
  std::vector<std::tuple<Index, Pass, Status>> out;
  for (const SolveRecord& record : log.records()) out.emplace_back(record.sample, record.pass, record.result.status);
  return out;
}

}  // namespace

TEST_CASE("a log holds each sample of each equilibrium, forward in order and back in the other", "[unit]") {
  const Model model;
  const auto theta = random_parameters<Model>(1, 0.3);
  const State<double> x = random_state({4, {1, 1, 1}, 2}, 2);
  State<double> y(x.shape), dx(x.shape);
  SolveLog log;
  Parameters<Model, double> dtheta;
  const auto linear = model.linearize(theta, x.view(), y.view(), Context{.first_sample = 10, .log = &log});
  using enum Pass;
  const auto yes = Status::converged;
  using Told = decltype(told(log));
  CHECK(told(log) == Told{{10, forward, yes}, {11, forward, yes}, {10, forward, yes}, {11, forward, yes}});
  std::size_t evaluations = 0;
  for (const SolveRecord& record : log.records()) evaluations += static_cast<std::size_t>(record.result.evaluations);
  CHECK(evaluations == linear.report().forward.evaluations);
  const auto back = Told{
      {10, adjoint, yes}, {11, adjoint, yes}, {10, adjoint, Status::approximated}, {11, adjoint, Status::approximated}};
  log.clear();
  const Report report = linear.pullback(x.view(), dx.view(), dtheta.span());
  CHECK(told(log) == back);
  CHECK(report.adjoint.solves() == 2);
  CHECK(report.adjoint.approximated() == 2);
  log.clear();
  (void)linear.vjp(x.view(), dx.view());
  CHECK(told(log) == back);
  log.clear();
  (void)model.apply(theta, x.view(), y.view(), Context{.log = &log});
  CHECK(told(log) == Told{{0, forward, yes}, {1, forward, yes}, {0, forward, yes}, {1, forward, yes}});
}

TEST_CASE("a log tells which sample failed, and is the same on any number of threads", "[unit][repeatable]") {
  Equilibrium<C> layer;
  const auto theta = random_parameters<Equilibrium<C>>(1, 0.3);
  State<double> u = random_state({4, {1, 1, 1}, 300}, 2);
  u.view().sample(201).data()[2] = std::numeric_limits<double>::quiet_NaN();
  State<double> z(u.shape);
  const auto on = [&](int count) {
    set_threads(count);
    SolveLog log;
    (void)layer.apply(theta, u.view(), z.view(), Context{.log = &log});
    set_threads(0);
    std::vector<std::tuple<Index, Status, int, double>> out;
    for (const SolveRecord& r : log.records()) {
      out.emplace_back(r.sample, r.result.status, r.result.evaluations, r.result.residual);
    }
    return out;
  };
  const auto one = on(1);
  REQUIRE(one.size() == 300);
  for (Index n = 0; n < 300; ++n) {
    const auto& [sample, status, evaluations, residual] = one[static_cast<std::size_t>(n)];
    CHECK(sample == n);
    CHECK(status == (n == 201 ? Status::non_finite : Status::converged));
  }
  CHECK(on(2) == one);
  CHECK(on(3) == one);
}

TEST_CASE("an equilibrium in the cell of another is logged once for each sample and pass", "[unit]") {
  using Inner = Equilibrium<Injected<Sequential<Dense<4, 4>, Tanh>>>;
  using Outer = Equilibrium<Injected<Sequential<Dense<4, 4>, Inner>>>;
  const Outer outer;
  const auto theta = random_parameters<Outer>(1, 0.25);
  const State<double> u = random_state({4, {1, 1, 1}, 2}, 2);
  State<double> z(u.shape), du(u.shape), dz(u.shape), pre(u.shape), inner_z(u.shape);
  SolveLog log;
  using enum Pass;
  const auto both_depths = [&](Pass pass) {
    REQUIRE(log.records().size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
      const SolveRecord& record = log.records()[i];
      CHECK(record.sample == static_cast<Index>(i % 2));
      CHECK(record.pass == pass);
      CHECK(record.depth == (i < 2 ? 0 : 1));
      CHECK(record.result.status == Status::converged);
    }
  };
  const auto linear = outer.linearize(theta, u.view(), z.view(), Context{.log = &log});
  CHECK(linear.report().forward.solves() > 8);
  both_depths(forward);
  // Logged is the solve at the z that was found.
  const Inner& inner = outer.cell.layers.layer<1>();
  const auto [first, second] = std::pair(theta.span().first<20>(), theta.span().last<20>());
  outer.cell.layers.layer<0>().apply(first, z.view(), pre.view());
  pre.values += u.values;
  SolveLog alone;
  (void)inner.apply(second, pre.view(), inner_z.view(), Context{.log = &alone});
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(log.records()[2 + i].result.residual == alone.records()[i].result.residual);
    CHECK(log.records()[2 + i].result.evaluations == alone.records()[i].result.evaluations);
  }

  log.clear();
  const Report report = linear.vjp(u.view(), du.view());
  CHECK(report.adjoint.solves() > 4);
  both_depths(adjoint);
  log.clear();
  Parameters<Outer, double> dtheta;
  (void)linear.pullback(u.view(), du.view(), dtheta.span());
  both_depths(adjoint);
  log.clear();
  (void)linear.jvp(u.view(), dz.view());
  both_depths(adjoint);
  log.clear();
  (void)outer.apply(theta, u.view(), z.view(), Context{.log = &log});
  both_depths(forward);
}

TEST_CASE("two threads log what is inside a rule through one linearization, each its own", "[unit][repeatable]") {
  using Rule = Equilibrium<Injected<Sequential<Dense<2, 2>, Tanh>>>;
  using Grid = Automaton<Perceive<2, Zero, Centre>, Rule, EveryCell>;
  const Grid grid;
  const auto theta = random_parameters<Grid>(1, 0.3);
  const State<double> z = random_state({2, {4000, 1, 1}, 2}, 2), w = random_state(z.shape, 3);
  State<double> out(z.shape);
  SolveLog log;
  const auto linear = grid.linearize(theta, z.view(), View<const double>{}, out.view(), Context{.log = &log});
  REQUIRE(log.records().size() == 2);
  log.clear();
  const auto back = [&] {
    State<double> dz(z.shape);
    (void)linear.vjp(w.view(), dz.view());
  };
  back();
  const auto once = told(log);
  REQUIRE(once.size() == 2);
  log.clear();
  std::thread other(back);
  back();
  other.join();
  REQUIRE(log.records().size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(told(log)[i] == once[i % 2]);
}

TEST_CASE("records of cells go nowhere where nobody asked for a log", "[unit]") {
  SolveLog log;
  const SolveRecord failed{.sample = 0, .result = {.status = Status::stalled}}, good{.sample = 0};
  detail::WorstRecords worst;
  worst.hand_on(&log, 1);
  CHECK(log.records().empty());
  for (const SolveRecord& record : {good, failed, good}) {
    SolveLog of_cell;
    of_cell.append(std::span(&record, 1));
    worst.take(of_cell, 3);
    CHECK(of_cell.records().empty());
  }
  worst.hand_on(nullptr, 1);
  worst.hand_on(&log, 2);
  REQUIRE(log.records().size() == 1);
  CHECK(log.records()[0].sample == 3);
  CHECK(log.records()[0].depth == 2);
  CHECK(log.records()[0].result.status == Status::stalled);
}
