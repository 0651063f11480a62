// Solves that fail inside the cell of an equilibrium, or inside an automaton's rule, reach who asks for a gradient or a
// prediction.

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

/// z = tanh(w z + b + u), which Picard finds in a few evaluations where u is large, and not in 20 where it is small.
using Inner = Equilibrium<Injected<Sequential<Dense<1, 1>, Tanh>>, Picard>;
using Linked = Injected<Sequential<Dense<1, 1>, Inner>>;
using Outer = Equilibrium<Linked>;
using Steps = Equilibrium<Linked, Picard, Unrolled>;
using Alone = Automaton<Perceive<1, Zero, Centre>, Inner, EveryCell, Everywhere, Increment>;

constexpr Stop few{.tolerance = 1e-10, .max_evaluations = 20, .stall_window = 0};

void set_stop(Inner& inner) { inner.stop = few; }
template <class Solver, class Adjoint>
void set_stop(Equilibrium<Linked, Solver, Adjoint>& outer) {
  set_stop(outer.cell.layers.template layer<1>());
}
template <class Tape>
void set_stop(Rollout<Alone, Tape>& rollout) {
  set_stop(rollout.automaton.rule);
  rollout.steps = 4;
}

template <class Model>
Parameters<Model, double> weights() {
  Parameters<Model, double> theta;
  theta.vector().setZero();
  theta.vector()[0] = 0.2;                           // of the outer layer, if there is one
  theta.vector()[theta.vector().size() - 2] = 0.95;  // of the inner one
  return theta;
}

using Told = std::vector<std::tuple<Pass, int, Status, int, double>>;

/// What is told of the solves of each sample.
std::vector<Told> told(const std::vector<SampleOutcome>& samples) {
  std::vector<Told> all;
  for (const SampleOutcome& one : samples) {
    Told& records = all.emplace_back();
    const auto add = [&](Pass pass, int depth, const SampleResult& result) {
      records.emplace_back(pass, depth, result.status, result.evaluations, result.residual);
    };
    for (const SampleResult& result : one.forward) add(Pass::forward, 0, result);
    for (const SampleResult& result : one.adjoint) add(Pass::adjoint, 0, result);
    for (const SolveRecord& record : one.nested) add(record.pass, record.depth, record.result);
  }
  return all;
}

/// A batch in which the inner solve of sample `bad` alone does not converge: one of its cells has a small number.
template <class M>
struct Problem {
  M model{};
  Shape shape;
  Index bad;
  State<double> x;
  Parameters<M, double> theta = weights<M>();
  MeanSquaredError<double> loss;

  Problem(const Shape& of, Index sample, Index cell) : shape(of), bad(sample), x(of), loss{State<double>(of)} {
    set_stop(model);
    for (Index i = 0; i < x.values.size(); ++i) x.values[i] = 2.5 + 0.01 * static_cast<double>(i % 7);
    x.values[sample * of.cells_per_sample() + cell] = 0.05;
  }

  [[nodiscard]] auto run(Index part, FailedSolve failed = FailedSolve::leave_out) const {
    return value_and_gradient(model, theta, x, loss, {.samples_per_part = part, .failed = failed});
  }
};

struct Threads {
  explicit Threads(int count) { set_threads(count); }
  ~Threads() { set_threads(0); }
};

}  // namespace

TEMPLATE_TEST_CASE("a solve that fails inside a cell or a rule names its sample, and leaves no other out", "[gradient]",
                   Outer, Steps, (Rollout<Alone, Kept>), (Rollout<Alone, Recomputed>), (Rollout<Alone, Checkpointed>)) {
  const bool automaton = !std::is_same_v<TestType, Outer> && !std::is_same_v<TestType, Steps>;
  const Problem<TestType> problem({1, {automaton ? 3 : 1, 1, 1}, 11}, 4, automaton ? 1 : 0);
  const auto result = problem.run(8);
  const auto prediction = predict(problem.model, problem.theta, problem.x);
  for (Index n = 0; n < 11; ++n) {
    CAPTURE(n);
    const SampleOutcome& one = result.samples[static_cast<std::size_t>(n)];
    CHECK(one.failed() == (n == problem.bad));
    CHECK(one.share == (n == problem.bad ? 0 : 1));
    CHECK(one.forward.size() == (automaton ? 0 : 1));
    for (const SampleResult& outer : one.forward) CHECK(outer.status == Status::converged);
    REQUIRE(one.nested.size() == 2);
    for (const SolveRecord& record : one.nested) {
      CHECK(record.sample == n);
      CHECK(record.depth == 1);
    }
    CHECK(one.nested[0].pass == Pass::forward);
    CHECK(one.nested[0].result.status == (n == problem.bad ? Status::max_iterations : Status::converged));
    CHECK(one.nested[1].pass == Pass::adjoint);
    CHECK(one.nested[1].result.status == Status::converged);
    const SampleOutcome& predicted = prediction.samples[static_cast<std::size_t>(n)];
    CHECK(predicted.failed() == (n == problem.bad));
    REQUIRE(predicted.nested.size() == 1);
    CHECK(predicted.nested[0].result.evaluations == one.nested[0].result.evaluations);
    CHECK(predicted.nested[0].result.residual == one.nested[0].result.residual);
  }
  CHECK(result.left_out == 1);

  // The gradient is that of the others: of a batch without the one that failed.
  Parameters<TestType, double> others;
  others.vector().setZero();
  for (Index n = 0; n < 11; ++n) {
    if (n == problem.bad) continue;
    const MeanSquaredError<double> loss{State<double>(problem.shape.with_samples(1))};
    const State<double> alone(View<const double>(problem.x.view().sample(n)));
    others.vector() += value_and_gradient(problem.model, problem.theta, alone, loss).gradient.vector() / 11;
  }
  CHECK(test::relative_error(result.gradient.vector(), others.vector()) < 1e-13);
}

TEMPLATE_TEST_CASE("what is told of nested solves depends on no cut and no thread", "[repeatable]", Outer, Steps,
                   (Rollout<Alone, Kept>), (Rollout<Alone, Recomputed>), (Rollout<Alone, Checkpointed>)) {
  const bool automaton = !std::is_same_v<TestType, Outer> && !std::is_same_v<TestType, Steps>;
  const Problem<TestType> problem({1, {automaton ? 5 : 1, 1, 1}, 90}, 77, automaton ? 3 : 0);
  const auto expected = told(problem.run(8).samples),
             predicted = told(predict(problem.model, problem.theta, problem.x).samples);
  REQUIRE(expected[77] != expected[76]);
  for (const int count : {1, 2}) {
    const Threads threads(count);
    for (const Index part : {1, 7, 90}) {
      CHECK(told(problem.run(part).samples) == expected);
      CHECK(told(predict(problem.model, problem.theta, problem.x, {.samples_per_part = part}).samples) == predicted);
    }
  }
}

TEST_CASE("the worst solve of a grid that is cut into bands is told, wherever it is", "[repeatable]") {
  const Index cells = 16500;  // two bands on the way back
  for (const Index cell : {Index{5}, cells - 1}) {
    Problem<Rollout<Alone, Kept>> problem({1, {cells, 1, 1}, 2}, 1, cell);
    problem.model.steps = 1;
    std::vector<Told> first;
    for (const int count : {1, 2}) {
      const Threads threads(count);
      const auto all = told(problem.run(2).samples);
      CHECK(std::get<Status>(all[0].at(0)) == Status::converged);
      CHECK(std::get<Status>(all[1].at(0)) == Status::max_iterations);
      if (count == 1) first = all;
      CHECK(all == first);
    }
  }
}

TEST_CASE("of an equilibrium in a rule in a cell the depth is told", "[unit]") {
  using Grid = Equilibrium<Automaton<Perceive<1, Zero, Centre>, Inner, MeanField, Everywhere, Relax>, Picard>;
  Grid layer{.stop = {.max_evaluations = 60}};
  set_stop(layer.cell.rule);
  layer.cell.fire.rate = 0.5;
  const auto theta = weights<Grid>();
  const State<double> u(Shape{0, {3, 1, 1}, 2});
  State<double> z(layer.out_shape(u.shape));
  State<double> begin(z.shape.with_samples(32));
  begin.values.setConstant(2);
  layer.start = begin;
  SolveLog log;
  const Report report = layer.apply(theta, u.view(), z.view(), Context{.first_sample = 30, .log = &log});
  REQUIRE(log.records().size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(log.records()[i].depth == (i < 2 ? 0 : 2));
    CHECK(log.records()[i].sample == 30 + static_cast<Index>(i % 2));
  }
  CHECK(report.forward.results() > 4 * 6);
}

TEST_CASE("an equilibrium in a rule begins where its cell does, and keeps nothing", "[unit]") {
  Alone automaton;
  set_stop(automaton.rule);
  const auto theta = weights<Alone>();
  State<double> z(Shape{1, {3, 1, 1}, 2}), out(z.shape);
  z.values.setConstant(2);
  const auto evaluations = [&] { return automaton.apply(theta, z.view(), {}, out.view()).forward.evaluations; };
  const auto from_zero = evaluations();
  State<double> begin(Shape{1, {1, 1, 1}, 3});  // one for each cell of a grid
  begin.values = (out.values - z.values).head(3);
  automaton.rule.start = begin;
  CHECK(evaluations() < from_zero);
  automaton.rule.keep = begin;
  const std::string refused =
      "Equilibrium: keep is given, expected none in an automaton, whose cells are computed more than once";
  CHECK_THROWS_WITH(evaluations(), refused);
  CHECK_THROWS_WITH(automaton.linearize(theta, z.view(), {}, out.view()), refused);
}

TEST_CASE("the worst of many results does not depend on their order", "[unit]") {
  using detail::worse;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<SampleResult> rising{
      {.status = Status::converged, .evaluations = 3, .residual = 1e-4},
      {.status = Status::converged, .evaluations = 5, .residual = 1e-4},
      {.status = Status::converged, .evaluations = 3, .residual = 2e-4},
      {.status = Status::approximated, .evaluations = 1, .residual = 0},
      {.status = Status::interrupted, .evaluations = 1, .residual = 0},
      {.status = Status::max_iterations, .evaluations = 9, .residual = 1},
      {.status = Status::max_iterations, .evaluations = 9, .residual = 2},
      {.status = Status::max_iterations, .evaluations = 9, .residual = nan},
      {.status = Status::stalled, .evaluations = 7, .residual = 1e-3},
      {.status = Status::diverged, .evaluations = 7, .residual = 1e-3},
      {.status = Status::non_finite, .evaluations = 1, .residual = 1e-3},
  };
  for (std::size_t i = 0; i < rising.size(); ++i) {
    for (std::size_t j = 0; j < rising.size(); ++j) CHECK(worse(rising[i], rising[j]) == (i > j));
  }
}
