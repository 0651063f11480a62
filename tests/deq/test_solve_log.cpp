// What a log tells of every solve inside a model.

#include <catch2/catch.hpp>
#include <tuple>
#include <vector>

#include "basin/adjoint/phantom.hpp"
#include "basin/core/context.hpp"
#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/sequential.hpp"
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

TEST_CASE("an equilibrium in the cell of another is counted, and not logged", "[unit]") {
  using Inner = Equilibrium<Injected<Sequential<Dense<4, 4>, Tanh>>>;
  using Outer = Equilibrium<Injected<Sequential<Dense<4, 4>, Inner>>>;
  const Outer outer;
  const auto theta = random_parameters<Outer>(1, 0.25);
  const State<double> u = random_state({4, {1, 1, 1}, 2}, 2);
  State<double> z(u.shape), du(u.shape);
  SolveLog log;
  const auto linear = outer.linearize(theta, u.view(), z.view(), Context{.log = &log});
  CHECK(log.records().size() == 2);
  CHECK(linear.report().forward.solves() > 8);
  const Report report = linear.vjp(u.view(), du.view());
  CHECK(log.records().size() == 4);
  CHECK(report.adjoint.solves() > 4);
}
