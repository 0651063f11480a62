#include "basin/layers/dropout.hpp"

#include <catch2/catch.hpp>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/sequential.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

State<double> ones(const Shape& shape) {
  State<double> x(shape);
  x.values.setOnes();
  return x;
}

/// What a layer makes of x, for samples that begin at another number of their batch.
template <class L>
State<double> applied(const L& layer, const Parameters<L, double>& theta, View<const double> x,
                      const Context& context) {
  State<double> y(layer.out_shape(x.shape()));
  static_cast<void>(layer.apply(theta, x, y.view(), context));
  return y;
}

}  // namespace

TEST_CASE("dropout clears its share of the numbers and scales the others", "[unit]") {
  const State<double> x = ones({10, {10, 10, 1}, 20});
  for (const double rate : {0.0, 0.1, 0.5, 0.9}) {
    const Dropout layer{.rate = rate, .seed = 3};
    const State<double> y = applied(layer, {}, x, {});
    const double zeros = static_cast<double>((y.values.array() == 0).count());
    // Five standard deviations of a binomial distribution of 20,000.
    CHECK(std::abs(zeros / 20000 - rate) <= 5 * std::sqrt(rate * (1 - rate) / 20000));
    CHECK(((y.values.array() == 0) || (y.values.array() == 1 / (1 - rate))).all());
  }
}

TEST_CASE("dropout's derivative is its mask", "[gradient]") {
  test::check_linearization(Dropout{.rate = 0.3, .seed = 5}, {3, {4, 2, 1}, 3});
  test::check_linearization(Sequential<Dense<3, 5>, Dropout, Dense<5, 2>>{}, {3, {2, 1, 1}, 3});
}

TEST_CASE("masks are functions of seed, draw, sample and place", "[unit]") {
  const State<double> x = ones({3, {5, 1, 1}, 4});
  const Dropout layer{.seed = 1};
  const State<double> all = applied(layer, {}, x, {});
  CHECK(applied(layer, {}, x, {}).values == all.values);
  CHECK(applied(layer, {}, x, Context{.step = 7}).values == all.values);
  CHECK(applied(layer, {}, x, Context{.draw = 1}).values != all.values);
  CHECK(applied(Dropout{.seed = 2}, {}, x, {}).values != all.values);
  const Index numbers[] = {3, 1};
  const State<double> two = ones({3, {5, 1, 1}, 2});
  const State<double> chosen = applied(layer, {}, two, Context{.samples = numbers});
  CHECK(chosen.view().sample(0).vector() == all.view().sample(3).vector());
  CHECK(chosen.view().sample(1).vector() == all.view().sample(1).vector());
  const State<double> rest = ones({3, {3, 1, 1}, 1});  // cells 2 to 4 of sample 2
  const State<double> part = applied(layer, {}, rest, Context{.first_sample = 2, .first_cell = 2});
  CHECK(part.values == all.view().sample(2).vector().tail(9));
}

TEST_CASE("samples with large numbers have masks of their own", "[unit]") {
  const State<double> x = ones({1, {20000, 1, 1}, 1});
  const Index at[] = {1, (Index{1} << 24) + 1, (Index{1} << 40) + 1, (Index{1} << 62) + 1};
  for (const Index a : at) {
    const State<double> one = applied(Dropout{}, {}, x, Context{.first_sample = a});
    for (const Index b : at) {
      if (a == b) continue;
      const State<double> other = applied(Dropout{}, {}, x, Context{.first_sample = b});
      const double same = (one.values.array() == other.values.array()).cast<double>().mean();
      CHECK(std::abs(same - 0.5) < 5 * 0.5 / std::sqrt(20000.0));
    }
  }
}

TEST_CASE("containers hand the context on to what they contain", "[unit]") {
  using Inner = Sequential<Residual<Sequential<Tanh, Dropout>>, Residual<Dropout>>;
  const Inner layer{};
  const Parameters<Inner, double> nothing;
  const State<double> x = ones({3, {5, 1, 1}, 4});
  const State<double> all = applied(layer, {}, x, {});
  for (Index n = 0; n < 4; ++n) {
    const State<double> alone = applied(layer, {}, x.view().sample(n), Context{.first_sample = n});
    CHECK(alone.values == all.view().sample(n).vector());
    State<double> y(alone.shape);
    static_cast<void>(layer.linearize(nothing, x.view().sample(n), y.view(), Context{.first_sample = n}));
    CHECK(y.values == alone.values);
  }
}

TEST_CASE("a cell with dropout has one mask through its whole solve, wherever its sample stands",
          "[unit][repeatable]") {
  using Cell = Injected<Sequential<Dense<6, 6>, Tanh, Dropout>>;
  Equilibrium<Cell> layer{.stop = {.tolerance = 1e-10, .max_evaluations = 200}};
  layer.cell.layers.layer<2>().rate = 0.25;
  const auto theta = test::random_parameters<Equilibrium<Cell>>(1, 0.15);
  // Samples end at different times, so that those which are left move together.
  State<double> u = test::random_state({6, {1, 1, 1}, 70}, 2);
  for (Index n = 0; n < 70; ++n) u.view().sample(n).vector() *= static_cast<double>(n % 7);
  State<double> z(u.shape);
  const Report report = layer.apply(theta, u.view(), z.view());
  CHECK(report.forward.converged() == 70);
  CHECK((z.values.array() == 0).count() > 60);  // what is dropped is zero in the fixed point too
  const State<double> f = [&] {
    State<double> out(u.shape);
    static_cast<void>(layer.cell.apply(std::as_const(theta).span(), z.view(), u.view(), out.view()));
    return out;
  }();
  CHECK((f.values - z.values).norm() <= 1e-8 * z.values.norm());
  for (Index n = 0; n < 70; n += 23) {
    const State<double> alone = applied(layer, theta, u.view().sample(n), Context{.first_sample = n});
    CHECK((alone.values - z.view().sample(n).vector()).norm() <= 1e-9 * alone.values.norm());
    CHECK(((alone.values.array() == 0) == (z.view().sample(n).array() == 0)).all());
  }
}

TEST_CASE("a rate that makes no sense is refused", "[unit]") {
  const State<double> x = ones({3});
  for (const double rate : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(applied(Dropout{.rate = rate}, {}, x, {}), std::invalid_argument);
  }
}
