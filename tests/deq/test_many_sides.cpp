// Many right sides on one linearization of an equilibrium: the whole Jacobian of a small output, or several gradients.

#include <catch2/catch.hpp>
#include <vector>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Inner = Injected<Sequential<Dense<4, 4>, Tanh>>;

/// The cell, and how often it was linearized.
struct Counted : Inner {
  int* linearized = nullptr;

  template <class S, class... Rest>
  auto linearize(std::span<const S, param_count> theta, const Rest&... rest) const {
    ++*linearized;
    return Inner::linearize(theta, rest...);
  }
};

/// The views of a list of states.
template <class S>
std::vector<View<S>> views(std::vector<State<double>>& states) {
  std::vector<View<S>> out;
  for (State<double>& state : states) out.push_back(state.view());
  return out;
}

template <class Model>
void check(const Model& layer, int& linearized, int at_once) {
  const Shape shape{4, {1, 1, 1}, 3};
  const auto theta = random_parameters<Model>(1, 0.3);
  const State<double> u = random_state(shape, 2);
  State<double> z(shape);
  const auto linear = layer.linearize(theta, u.view(), z.view());

  const std::size_t count = 4;
  std::vector<State<double>> units(count, State<double>(shape)), rows = units, columns = units;
  for (std::size_t i = 0; i < count; ++i) units[i].view().matrix().row(static_cast<Index>(i)).setOnes();
  const auto sides = views<const double>(units);
  linearized = 0;
  const Report report = linear.vjp_each(sides, views<double>(rows));
  CHECK(linearized == at_once);
  CHECK(report.adjoint.converged() == 12);
  CHECK(linear.jvp_each(sides, views<double>(columns)).adjoint.converged() == 12);

  // Row i of the Jacobian, and column j: the same matrix.
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      for (Index n = 0; n < 3; ++n) {
        const double by_rows = rows[i].view().matrix()(static_cast<Index>(j), n);
        CHECK(by_rows == Approx(columns[j].view().matrix()(static_cast<Index>(i), n)).epsilon(1e-9).margin(1e-11));
      }
    }
  }

  // Each as by itself, to the last bit, and the same records.
  std::vector<Parameters<Model, double>> dtheta(count);
  std::vector<std::span<double, Model::param_count>> dthetas;
  for (auto& one : dtheta) dthetas.push_back(one.span());
  std::vector<State<double>> again(count, State<double>(shape));
  SolveLog log, log_alone;
  State<double> z_logged(shape);
  const auto logged = layer.linearize(theta, u.view(), z_logged.view(), Context{.log = &log});
  log.clear();
  const Report together = logged.pullback_each(sides, views<double>(again), dthetas);
  Report sum;
  const auto alone_logged = layer.linearize(theta, u.view(), z_logged.view(), Context{.log = &log_alone});
  log_alone.clear();
  for (std::size_t i = 0; i < count; ++i) {
    State<double> du(shape);
    Parameters<Model, double> alone;
    sum += alone_logged.pullback(sides[i], du.view(), alone.span());
    CHECK(du.values == again[i].values);
    CHECK(du.values == rows[i].values);
    CHECK(alone.vector() == dtheta[i].vector());
  }
  CHECK(together.adjoint.evaluations == sum.adjoint.evaluations);
  CHECK(together.adjoint.results() == 12);
  REQUIRE(log.records().size() == log_alone.records().size());
  for (std::size_t i = 0; i < log.records().size(); ++i) {
    CHECK(log.records()[i].sample == log_alone.records()[i].sample);
    CHECK(log.records()[i].result.residual == log_alone.records()[i].result.residual);
  }

  CHECK_THROWS_WITH(linear.vjp_each(sides, {}), "Equilibrium: number of du is 0, expected 4");
  CHECK_THROWS_WITH(linear.jvp_each(sides, {}), "Equilibrium: number of out is 0, expected 4");
  CHECK_THROWS_WITH(linear.pullback_each(sides, views<double>(again), {}),
                    "Equilibrium: number of dtheta is 0, expected 4");
  CHECK(linear.vjp_each({}, {}).adjoint.results() == 0);
}

}  // namespace

TEST_CASE("many right sides take one linearization of the cell, and each gets what it gets by itself", "[gradient]") {
  int linearized = 0;
  const Stop stop{.tolerance = 1e-13, .max_evaluations = 200};
  const Implicit<> exact{.tolerance = 1e-12};
  check(Equilibrium<Counted>{.cell = {{}, &linearized}, .stop = stop, .adjoint = exact}, linearized, 1);
}
