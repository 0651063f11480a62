// Cells that solve something themselves, gone through step by step: what is reported, and what is logged.

#include <catch2/catch.hpp>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/deq/reversible_equilibrium.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Inner = Equilibrium<Injected<Sequential<Dense<3, 3>, Tanh>>>;
using Linked = Injected<Sequential<Dense<3, 3>, Inner>>;

Linked linked() {
  Linked cell;
  Inner& inner = cell.layers.layer<1>();
  inner.stop = {.tolerance = 1e-14, .max_evaluations = 200, .stall_window = 0};
  inner.adjoint = {.tolerance = 1e-13, .max_evaluations = 200};
  return cell;
}

struct Outcome {
  Vector<double> du, dtheta;
  Report forward, adjoint;
};

template <class Model>
Outcome run(const Model& layer, const State<double>& u, SolveLog* log) {
  const auto theta = random_parameters<Model>(1, 0.25);
  const State<double> w = random_state(u.shape, 7);
  State<double> z(u.shape), du(u.shape);
  Parameters<Model, double> dtheta;
  const auto linear = layer.linearize(theta, u.view(), z.view(), Context{.log = log});
  const Report adjoint = linear.pullback(w.view(), du.view(), dtheta.span());
  return {du.values, dtheta.vector(), linear.report(), adjoint};
}

const Shape shape{3, {1, 1, 1}, 2};

}  // namespace

TEST_CASE("kept steps of a cell that solves are logged as steps that are linearized again", "[unit]") {
  using Model = Equilibrium<Linked, Picard, Unrolled>;
  const State<double> u = random_state(shape, 2);
  Model layer{.cell = linked(), .stop = {.tolerance = 0, .max_evaluations = 7}};
  SolveLog log, log_of_kept;
  const Outcome wanted = run(layer, u, &log);
  layer.adjoint.tape = Kept{};
  const Outcome kept = run(layer, u, &log_of_kept), unlogged = run(layer, u, nullptr);
  for (const Outcome* const out : {&kept, &unlogged}) {
    CHECK((out->dtheta - wanted.dtheta).norm() < 1e-10 * wanted.dtheta.norm());
    // A log takes one more evaluation of each sample.
    CHECK(out->forward.forward.results() == wanted.forward.forward.results() - (out == &unlogged ? 2 : 0));
    CHECK(out->adjoint.adjoint.results() == wanted.adjoint.adjoint.results());
  }
  REQUIRE(log.records().size() == log_of_kept.records().size());
  for (std::size_t i = 0; i < log.records().size(); ++i) {
    const SolveRecord &one = log.records()[i], &other = log_of_kept.records()[i];
    CHECK((one.sample == other.sample && one.depth == other.depth && one.pass == other.pass &&
           one.result.status == other.result.status));
  }
}

TEST_CASE("a reversible equilibrium of a cell that solves reports and logs those solves", "[gradient]") {
  using Model = ReversibleEquilibrium<Linked>;
  State<double> u = random_state(shape, 2);
  const Model layer{.cell = linked(), .steps = 4, .beta = 0.4};
  SolveLog log;
  const Outcome out = run(layer, u, &log);
  CHECK(out.adjoint.adjoint.worst_residual < 1e-9);
  CHECK(out.forward.forward.results() == 2 + 2 * 9);      // of 2 samples: 2 T + 1 evaluations each
  CHECK(out.adjoint.adjoint.results() == 2 + 2 * 2 * 4);  // and 2 T pullbacks
  REQUIRE(log.records().size() == 8);
  for (std::size_t i = 0; i < 8; ++i) {
    CAPTURE(i);
    CHECK(log.records()[i].sample == static_cast<Index>(i % 2));
    CHECK(log.records()[i].depth == static_cast<int>(i / 2 % 2));
    CHECK((log.records()[i].pass == Pass::adjoint) == (i >= 4));
  }

  // Along one direction by central differences.
  const auto theta = random_parameters<Model>(1, 0.25);
  const Vector<double> t = random_state(shape, 3).values, w = random_state(shape, 7).values;
  const double h = 1e-4;
  const auto loss = [&](double step) {
    State<double> at(shape), z(shape);
    at.values = u.values + step * t;
    (void)layer.apply(theta, at.view(), z.view());
    return w.dot(z.values);
  };
  CHECK((loss(h) - loss(-h)) / (2 * h) == Approx(out.du.dot(t)).epsilon(1e-7));
}
