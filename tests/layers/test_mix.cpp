// Answers as one (layers/mix.hpp), and automata whose cells choose among rules by them.

#include "basin/layers/mix.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <tuple>

#include "basin/core/parallel.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/parallel.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

constexpr int K = 3, C = 2;
template <MixChoice Choice>
using Mixed = Mix<K, C, Choice>;

template <class L>
State<double> mixed(const L& layer, const State<double>& x, const Context& context = {}) {
  State<double> y(layer.out_shape(x.shape));
  layer.apply(std::span<const double, 0>{}, View<const double>(x.view()), y.view(), context);
  return y;
}

/// A rule of three, of which each cell takes one at each step.
template <MixChoice Choice>
using Choosing = Sequential<
    Concat<Dense<8, K>, Sequential<Dense<8, 5>, Tanh, Dense<5, 4>>, Dense<8, 4>, Sequential<Dense<8, 4>, Tanh>>,
    Mix<K, 4, Choice>>;
template <MixChoice Choice>
using Cells = Automaton<Perceive<4, Zero, Centre, SobelX>, Choosing<Choice>, EveryCell>;

}  // namespace

TEST_CASE("the mean of answers, with its derivatives", "[gradient]") {
  const Mixed<MixChoice::mean> layer{.temperature = 0.7};
  const State<double> x = random_state({K + K * C, {3, 2, 1}, 2}, 1), y = mixed(layer, x);
  for (Index cell = 0; cell < 12; ++cell) {
    const Eigen::VectorXd of_cell = x.view().matrix().col(cell);
    const Eigen::Array3d weights = (of_cell.head(3).array() / 0.7).exp();
    Eigen::Vector2d expected(0, 0);
    for (Index k = 0; k < K; ++k) expected += weights[k] / weights.sum() * of_cell.segment(K + k * C, C);
    CHECK((y.view().matrix().col(cell) - expected).norm() < 1e-14);
  }
  check_linearization(layer, {K + K * C, {3, 2, 1}, 3});
  check_linearization(Mixed<MixChoice::relaxed>{.temperature = 0.7, .seed = 3}, {K + K * C, {3, 2, 1}, 3});
  CHECK(!Mixed<MixChoice::mean>::changes_with_step);
  CHECK(Cells<MixChoice::drawn>::changes_with_step);
}

TEST_CASE("answers are drawn as often as their probabilities say", "[unit]") {
  constexpr Index cells = 20000;
  const Eigen::Vector3d numbers(0.5, -1, 1.2);
  const Eigen::Array3d exponentials = numbers.array().exp();
  State<double> x(Shape{K + K * C, {cells, 1, 1}, 1});
  Eigen::VectorXd of_cell(K + K * C);
  of_cell << numbers, 1, 10, 2, 20, 3, 30;
  x.view().matrix().colwise() = of_cell;
  for (const double temperature : {0.1, 5.0}) {  // on which what is drawn does not depend
    const State<double> y = mixed(Mixed<MixChoice::drawn>{.temperature = temperature, .seed = 4}, x);
    Eigen::Array3d counts(0, 0, 0);
    for (Index cell = 0; cell < cells; ++cell) {
      const Eigen::Vector2d answer = y.view().matrix().col(cell);
      const auto k = static_cast<Index>(answer[0]) - 1;
      REQUIRE(answer == Eigen::Vector2d(of_cell.segment(K + k * C, C)));
      counts[k] += 1;
    }
    for (Index k = 0; k < K; ++k) {
      const double p = exponentials[k] / exponentials.sum();
      CHECK(std::abs(counts[k] / cells - p) < 5 * std::sqrt(p * (1 - p) / cells));
    }
  }
  // At a low temperature what is relaxed is what is drawn.
  const State<double> drawn = mixed(Mixed<MixChoice::drawn>{.seed = 4}, x),
                      relaxed = mixed(Mixed<MixChoice::relaxed>{.temperature = 1e-9, .seed = 4}, x);
  CHECK((drawn.values - relaxed.values).cwiseAbs().maxCoeff() == 0);
  for (const double wrong : {0.0, -1.0, std::nan("")}) {
    CHECK_THROWS_AS(mixed(Mixed<MixChoice::mean>{.temperature = wrong}, x), std::invalid_argument);
  }
  CHECK_THROWS_AS(mixed(Mixed<MixChoice::mean>{}, State<double>(Shape{K})), std::invalid_argument);
}

TEST_CASE("the derivative of a draw goes straight through", "[gradient]") {
  const Mixed<MixChoice::drawn> layer{.temperature = 0.7, .seed = 3};
  const Mixed<MixChoice::relaxed> relaxed{.temperature = 0.7, .seed = 3};
  const State<double> x = random_state({K + K * C, {4, 2, 1}, 2}, 1), t = random_state(x.shape, 2),
                      w = random_state(x.shape.with_features(C), 3);
  State<double> y(w.shape), jt(w.shape), jw(x.shape);
  const auto j = layer.linearize({}, View<const double>(x.view()), y.view());
  j.jvp(t.view(), jt.view());
  j.vjp(w.view(), jw.view());
  CHECK(mixed(layer, x).values == y.values);
  // What is drawn of the changes of the answers, and how the relaxed answer changes with the numbers.
  State<double> changes = x, more = x, less = x;
  changes.view().matrix().bottomRows(K * C) = t.view().matrix().bottomRows(K * C);
  constexpr double h = 1e-6;
  more.view().matrix().topRows(K) += h * t.view().matrix().topRows(K);
  less.view().matrix().topRows(K) -= h * t.view().matrix().topRows(K);
  const Vector<double> expected =
      mixed(layer, changes).values + (mixed(relaxed, more).values - mixed(relaxed, less).values) / (2 * h);
  CHECK((jt.values - expected).cwiseAbs().maxCoeff() < 1e-8);
  CHECK(jt.values.dot(w.values) == Approx(t.values.dot(jw.values)).epsilon(1e-12));
}

TEST_CASE("what is drawn is a function of seed, draw, step, sample and cell", "[unit]") {
  const State<double> x = random_state({K + K * C, {25, 1, 1}, 4}, 3);
  const Mixed<MixChoice::drawn> layer{.seed = 1};
  const State<double> all = mixed(layer, x);
  CHECK(mixed(layer, x).values == all.values);
  CHECK(mixed(layer, x, {.step = 1}).values != all.values);
  CHECK(mixed(layer, x, {.draw = 1}).values != all.values);
  CHECK(mixed(Mixed<MixChoice::drawn>{.seed = 2}, x).values != all.values);
  const State<double> alone(x.view().sample(2));
  CHECK(mixed(layer, alone, {.first_sample = 2}).values == all.view().sample(2).vector());
  CHECK(mixed(layer, alone, {.first_sample = 2 + (Index{1} << 24)}).values != all.view().sample(2).vector());
  State<double> part(Shape{K + K * C, {10, 1, 1}, 1});
  part.values = x.view().sample(2).vector().tail(part.values.size());
  CHECK(mixed(layer, part, {.first_sample = 2, .first_cell = 15}).values == all.view().sample(2).vector().tail(10 * C));
}

TEST_CASE("the derivatives of an automaton that mixes rules", "[gradient][automaton]") {
  check_linearization(Rollout<Cells<MixChoice::mean>>{.steps = 2}, {4, {4, 3, 1}, 2}, {.float_tolerance = 1e-4});
  check_linearization(Rollout<Cells<MixChoice::relaxed>>{.steps = 2}, {4, {4, 3, 1}, 2}, {.float_tolerance = 1e-4});
}

TEST_CASE("cells choose the same rules on any number of threads, and alone", "[repeatable][automaton]") {
  using Run = Rollout<Cells<MixChoice::drawn>>;
  Run run{.steps = 4};
  run.automaton.rule.layer<1>().seed = 6;
  const auto theta = random_parameters<Run, float>(1);
  const State<float> z = random_state<float>({4, {30, 20, 1}, 3}, 2), w = random_state<float>(z.shape, 3);
  const auto results = [&](View<const float> from, View<const float> of, Index first, int threads) {
    set_threads(threads);
    State<float> end(from.shape()), back(from.shape());
    Parameters<Run, float> dtheta;
    const auto j = run.linearize(theta.span(), from, end.view(), {.draw = 5, .first_sample = first});
    static_cast<void>(j.pullback(of, back.view(), dtheta.span()));
    set_threads(0);
    return std::tuple{end, back, dtheta};
  };
  const auto [end, back, dtheta] = results(z.view(), w.view(), 0, 1);
  const auto [end3, back3, dtheta3] = results(z.view(), w.view(), 0, 3);
  CHECK(end.values == end3.values);
  CHECK(back.values == back3.values);
  CHECK(dtheta.vector() == dtheta3.vector());
  const auto alone = results(z.view().sample(2), w.view().sample(2), 2, 1);
  CHECK(std::get<0>(alone).values == end.view().sample(2).vector());
  CHECK(std::get<1>(alone).values == back.view().sample(2).vector());
  const auto other = results(z.view().sample(2), w.view().sample(2), 1, 1);
  CHECK(std::get<0>(other).values != end.view().sample(2).vector());
}

TEST_CASE("a step that mixes rules allocates nothing after the first", "[allocation][automaton]") {
  if (!basin_test::counts_allocations()) return;
  const Cells<MixChoice::drawn> automaton;
  const auto theta = random_parameters<Cells<MixChoice::drawn>, float>(1);
  const State<float> z = random_state<float>({4, {30, 20, 1}, 2}, 2);
  State<float> out(z.shape);
  set_threads(1);
  const auto pass = [&] { (void)automaton.apply(theta, z.view(), View<const float>{}, out.view()); };
  pass();
  const basin_test::AllocationCount later;
  pass();
  CHECK(later.allocations() == 0);
  set_threads(0);
}
