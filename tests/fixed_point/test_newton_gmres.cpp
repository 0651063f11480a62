#include "basin/fixed_point/newton_gmres.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/projected.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/fixed_point/solve_from.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

static_assert(FixedPointMethod<NewtonGmres<>> && FixedPointMethod<NewtonGmres<5>, double>);

namespace {

/// x + sign F(x) as a map, for each sample.
template <class F>
auto map_of(F f, double sign) {
  return [f, sign](View<const double> z, View<double> out) {
    for (Index n = 0; n < z.samples(); ++n) {
      const Vector<double> x = z.sample(n).vector();
      out.sample(n).vector() = x + sign * f(x);
    }
  };
}

/// Sample n is z = tanh(z) * (0.5 + n) - 0.1 in each of three numbers, coupled by their mean; and it says its
/// derivative.
struct WithDerivative {
  int* linearized;
  int* products;
  int* evaluated;

  /// Number by number: Eigen 5 has another tanh for whole vectors of numbers than for one, and where a vector begins
  /// depends on where the sample lies.
  static auto tanh(View<const double> z) {
    return z.array().unaryExpr([](double x) { return std::tanh(x); });
  }

  void operator()(View<const double> z, View<double> out, std::span<const Index> samples) const {
    *evaluated += static_cast<int>(samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const auto n = static_cast<Index>(i);
      const double mean = z.sample(n).vector().mean();
      out.sample(n).array() = rate(samples[i]) * tanh(z.sample(n)) + 0.1 * mean - 0.1;
    }
  }

  static double rate(Index sample) { return 0.5 + static_cast<double>(sample); }

  struct Derivative {
    int* products;
    View<const double> z;
    double rate;
    void jvp(View<const double> t, View<double> out) const {
      ++*products;
      out.array() = rate * (1 - tanh(z).square()) * t.array() + 0.1 * t.vector().mean();
    }
  };
  Derivative linearize(View<const double> z, std::span<const Index> samples) const {
    ++*linearized;
    CHECK(z.samples() == 1);
    REQUIRE(samples.size() == 1);
    return {products, z, rate(samples[0])};
  }
};

/// The same, where the derivative keeps what it computed in scratch memory until it ends, and looks at the number of
/// its sample at each product.
struct InScratch {
  const WithDerivative& f;

  void operator()(View<const double> z, View<double> out, std::span<const Index> samples) const { f(z, out, samples); }

  struct Derivative {
    int* products;
    const Index* sample;
    Scratch scratch{};
    View<double> slopes;
    Derivative(const WithDerivative& f, View<const double> z, const Index* number)
        : products(f.products), sample(number), slopes(scratch.state<double>(z.shape())) {
      ++*f.linearized;
      slopes.array() = 1 - WithDerivative::tanh(z).square();
    }
    void jvp(View<const double> t, View<double> out) const {
      ++*products;
      out.array() = WithDerivative::rate(*sample) * slopes.array() * t.array() + 0.1 * t.vector().mean();
    }
  };
  Derivative linearize(View<const double> z, std::span<const Index> samples) const { return {f, z, samples.data()}; }
};

using DenseCell = Injected<Sequential<Dense<8, 8>, Tanh>>;
using GridCell = Injected<Sequential<Conv<4, 4, 3>, Tanh>>;

}  // namespace

TEST_CASE("Newton-GMRES solves what mixing misses", "[unit]") {
  const auto solved = [](const char* what, const auto& f, const Vector<double>& start, const Vector<double>& answer) {
    for (const double sign : {1.0, -1.0}) {
      for (const Stop& stop : {Stop{.max_evaluations = 500}, Stop{.tolerance = 1e-10, .max_evaluations = 500}}) {
        const auto solution = solve(map_of(f, sign), start, NewtonGmres<>{}, stop);
        INFO(what << ", sign " << sign << ", tolerance " << stop.tolerance << ", evaluations "
                  << solution.samples[0].evaluations << ", z " << solution.value.values.transpose());
        CHECK(solution.samples[0].status == Status::converged);
        CHECK(solution.samples[0].evaluations < 300);
        CHECK((solution.value.values - answer).norm() <= (stop.tolerance < 1e-9 ? 1e-6 : 1e-3) * answer.norm());
      }
    }
  };
  solved(
      "Freudenstein and Roth",
      [](const Vector<double>& v) {
        const double x = v[0], y = v[1];
        return Vector<double>{{x - y * y * y + 5 * y * y - 2 * y - 13, x + y * y * y + y * y - 14 * y - 29}};
      },
      Vector<double>{{0.5, -2}}, Vector<double>{{5, 4}});
  solved(
      "x^3 + x - 5", [](const Vector<double>& v) { return Vector<double>(v.array().cube() + v.array() - 5); },
      Vector<double>{{1e5}}, Vector<double>{{1.5159802276928254}});
  solved(
      "kinetics",
      [](const Vector<double>& v) {
        return Vector<double>{{std::exp(3 - v[0] - v[1] + 1) - std::exp(1), std::exp(20 - v[1] + 2) - std::exp(2)}};
      },
      Vector<double>{{0, 0}}, Vector<double>{{-17, 20}});
  Vector<double> pairs(10);
  for (Index i = 0; i < 10; ++i) pairs[i] = i % 2 == 0 ? -1.2 : 1.0;
  solved(
      "extended Rosenbrock",
      [](const Vector<double>& v) {
        Vector<double> f(10);
        for (Index i = 0; i < 10; i += 2) {
          f[i] = 10 * (v[i + 1] - v[i] * v[i]);
          f[i + 1] = 1 - v[i];
        }
        return f;
      },
      pairs, Vector<double>::Ones(10));
  // Of sum_i 100 (x_{i + 1} - x_i^2)^2 + (1 - x_i)^2. The answer by Newton's method with 40 digits, from afar.
  solved(
      "gradient of the generalised Rosenbrock function",
      [](const Vector<double>& v) {
        Vector<double> f = Vector<double>::Zero(10);
        for (Index i = 0; i + 1 < 10; ++i) {
          const double apart = v[i + 1] - v[i] * v[i];
          f[i] += 2 * (v[i] - 1) - 400 * apart * v[i];
          f[i + 1] += 200 * apart;
        }
        return f;
      },
      pairs,
      Vector<double>{{-0.55537607609240769, 0.32244549440273389, 0.1151782056222898, 0.023506197759287187,
                      0.010661379252702775, 0.010217972669098167, 0.010208534022082078, 0.010204214636604827,
                      0.010004085144900891, 0.00010008171958642669}});
}

TEST_CASE("Newton-GMRES finds its way along the valley of a chained Rosenbrock function", "[unit]") {
  // Ten numbers, all of which come to 1 after turns that full steps do not take.
  const auto chained = [](const Vector<double>& v) {
    Vector<double> f(10);
    for (Index i = 0; i < 9; ++i) f[i] = 10 * (v[i + 1] - v[i] * v[i]);
    f[9] = 1 - v[0];
    return f;
  };
  for (const double sign : {1.0, -1.0}) {
    const auto solution = solve(map_of(chained, sign), Vector<double>::Constant(10, -1.2).eval(), NewtonGmres<>{},
                                {.tolerance = 1e-10, .max_evaluations = 8000});
    INFO("sign " << sign << ", evaluations " << solution.samples[0].evaluations);
    CHECK(solution.converged());
    CHECK((solution.value.values - Vector<double>::Ones(10)).norm() < 1e-6);
  }
}

TEST_CASE("every evaluation and every product counts, and the limit holds", "[unit]") {
  int linearized = 0, products = 0, evaluated = 0;
  const WithDerivative f{&linearized, &products, &evaluated};
  const Matrix<double> start = Matrix<double>::Constant(3, 4, 2);
  const auto solution = solve(f, start, NewtonGmres<>{}, {.tolerance = 1e-10, .max_evaluations = 200});
  CHECK(solution.converged());
  int counted = 0, steps = 0;
  for (const SampleResult& sample : solution.samples) {
    counted += sample.evaluations;
    steps += sample.iterations;
  }
  CHECK(linearized == steps);
  CHECK(products >= steps);  // no fewer than one a step
  CHECK(counted == evaluated + products + linearized);

  // A map without a derivative: all are evaluations of f.
  for (int most = 1; most < 40; ++most) {
    int calls = 0;
    const auto cubic = [&](View<const double> z, View<double> out) {
      ++calls;
      out.array() = z.array().cube() + 2 * z.array() - 5;
    };
    const auto limited = solve(cubic, Matrix<double>::Constant(2, 1, 50).eval(), NewtonGmres<>{},
                               {.tolerance = 1e-12, .max_evaluations = most});
    INFO(most);
    CHECK(limited.samples[0].evaluations == calls);
    CHECK(calls <= most);
    if (limited.samples[0].status == Status::max_iterations) CHECK(calls == most);
  }
}

TEST_CASE("Newton-GMRES has the map's own derivative in a box, and from several starts", "[unit]") {
  int linearized = 0, products = 0, evaluated = 0;
  const WithDerivative f{&linearized, &products, &evaluated};
  const InScratch in_scratch{f};
  const Stop stop{.tolerance = 1e-10, .max_evaluations = 200};
  const auto start = [](double value) {
    State<double> all(Shape{3, {1, 1, 1}, 4});
    all.values.setConstant(value);
    return all;
  };
  const auto plain = solve(f, start(2), NewtonGmres<>{}, stop);
  REQUIRE(plain.converged());
  const auto counted = [&](const auto& solution) {
    for (std::size_t n = 0; n < 4; ++n) CHECK(solution[n].evaluations == plain.samples[n].evaluations);
  };
  const auto boxed = solve(f, start(2), Projected<NewtonGmres<>>{.lower = -100, .upper = 100}, stop);
  CHECK(boxed.value.values == plain.value.values);
  counted(boxed.samples);
  const auto kept = solve(in_scratch, start(2), NewtonGmres<>{}, stop);
  CHECK(kept.value.values == plain.value.values);
  // The samples of the second start have the rates of those of the first.
  for (const auto& found : {solve_from(f, {start(-1), start(2)}, NewtonGmres<>{}, stop),
                            solve_from(in_scratch, {start(-1), start(2)}, NewtonGmres<>{}, stop)}) {
    CHECK(found.values[1].values == plain.value.values);
    counted(found.samples[1]);
  }
  CHECK(linearized > 0);
}

TEST_CASE("a method sees the derivative that a map has, both ways, and each product counts", "[unit]") {
  struct Both {
    struct Derivative {
      void jvp(View<const double> t, View<double> out) const {
        out.array() = Vector<double>{{2, 0}}.array() * t.data()[1];
      }
      void vjp(View<const double> w, View<double> out) const {
        out.array() = Vector<double>{{0, 2}}.array() * w.data()[0];
      }
    };
    void operator()(View<const double> z, View<double> out) const { out.vector() << 2 * z.data()[1], 1; }
    Derivative linearize(View<const double>, std::span<const Index>) const { return {}; }
  };
  const Both f;
  const std::vector<double> z{1, 1}, value{2, 1}, t{3, 5}, none{0, 0};
  std::vector<double> out(2);
  const Index number = 0;
  int used = 0;
  const SampleMap<double, Both> map(f, Shape{2}, &number, &used, 4);
  const auto linear = map.linearize(z, value);
  static_assert(decltype(linear)::has_vjp && !decltype(linear)::has_precondition);
  CHECK(linear.jvp(t, out));
  CHECK(out == std::vector<double>{10, 0});
  CHECK(linear.vjp(t, out));
  CHECK(out == std::vector<double>{0, 6});
  CHECK(map(z, out));
  CHECK((used == 4 && map.left() == 0));
  out = {7, 7};
  CHECK_FALSE(linear.jvp(t, out));
  CHECK_FALSE(linear.vjp(t, out));
  CHECK_FALSE(map(z, out));
  CHECK((used == 4 && out == std::vector<double>{7, 7}));
  CHECK_THROWS_WITH(map.linearize(z, value), "number of evaluations left to linearize with is 0, expected 1 or more");

  // By differences a product is an evaluation, but for that of a zero.
  const auto plain = [&](View<const double> at, View<double> to) { f(at, to); };
  used = 3;
  const SampleMap<double, decltype(plain)> without(plain, Shape{2}, &number, &used, 4);
  const auto difference = without.linearize(z, value);
  static_assert(!decltype(difference)::has_vjp);
  CHECK(difference.jvp(none, out));
  CHECK((used == 3 && out == none));
  CHECK(difference.jvp(t, out));
  CHECK(out[0] == Approx(10).epsilon(1e-6));
  CHECK(used == 4);
  CHECK_FALSE(difference.jvp(t, out));
}

TEST_CASE("Newton-GMRES gives a sample of a batch what it gets alone", "[unit]") {
  int linearized = 0, products = 0, evaluated = 0;
  const WithDerivative f{&linearized, &products, &evaluated};
  const Stop stop{.tolerance = 1e-9, .max_evaluations = 100};
  const Matrix<double> start = Matrix<double>::Constant(3, 70, 1.5);  // two tiles
  const auto together = solve(f, start, NewtonGmres<>{}, stop);
  for (Index n = 0; n < 70; n += 7) {
    struct One {
      const WithDerivative& f;
      Index n;
      void operator()(View<const double> z, View<double> out) const { f(z, out, std::span<const Index>(&n, 1)); }
      WithDerivative::Derivative linearize(View<const double> z, std::span<const Index>) const {
        return f.linearize(z, std::span<const Index>(&n, 1));
      }
    };
    const auto alone = solve(One{f, n}, Matrix<double>::Constant(3, 1, 1.5).eval(), NewtonGmres<>{}, stop);
    CHECK(alone.value.values == State<double>(together.value.view().sample(n)).values);
    CHECK(alone.samples[0].evaluations == together.samples[static_cast<std::size_t>(n)].evaluations);
  }
}

TEMPLATE_TEST_CASE("Newton-GMRES inside an equilibrium", "[unit]", float, double) {
  using S = TestType;
  const auto check = [](auto newton, auto picard, const Shape& shape) {
    newton.stop = {.tolerance = std::is_same_v<S, float> ? 1e-5 : 1e-10, .max_evaluations = 200};
    picard.stop = {.tolerance = newton.stop.tolerance, .max_evaluations = 1000};
    const auto theta = test::random_parameters<decltype(newton), S>(1, 0.15);
    const State<S> u = test::random_state<S>(shape, 2);
    State<S> z(newton.out_shape(shape)), expected(z.shape);
    const Report report = newton.apply(theta, u.view(), z.view());
    REQUIRE(report.forward.converged() == static_cast<std::size_t>(shape.samples));
    REQUIRE(picard.apply(theta, u.view(), expected.view()).forward.converged() == report.forward.converged());
    CHECK(test::relative_error(z.values, expected.values) < 1e3 * newton.stop.tolerance);
    CHECK(report.forward.mean_evaluations() < 60);
  };
  check(Equilibrium<DenseCell, NewtonGmres<>>{}, Equilibrium<DenseCell, Picard>{}, Shape{8, {1, 1, 1}, 100});
  check(Equilibrium<GridCell, NewtonGmres<>>{}, Equilibrium<GridCell, Picard>{}, Shape{4, {6, 5, 1}, 3});
}

TEST_CASE("Newton-GMRES allocates nothing after its first solve", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  const auto f = [](View<const double> z, View<double> out) { out.array() = z.array().cos(); };
  State<double> z(Shape{50, {1, 1, 1}, 3});
  std::vector<SampleResult> results(3);
  solve_tile(f, z.view(), NewtonGmres<>{}, {.tolerance = 1e-12}, results);
  z.values.setZero();
  const basin_test::AllocationCount count;
  solve_tile(f, z.view(), NewtonGmres<>{}, {.tolerance = 1e-12}, results);
  CHECK(count.allocations() == 0);
  CHECK(results[0].status == Status::converged);
}

TEST_CASE("options of Newton-GMRES that make no sense are refused", "[unit]") {
  const auto f = [](View<const double> z, View<double> out) { out.array() = z.array().cos(); };
  const auto with = [&](const NewtonGmres<>& method) { return solve(f, Matrix<double>::Zero(1, 1).eval(), method); };
  CHECK_THROWS_WITH(with({.first_forcing = 0}), Catch::StartsWith("first_forcing of NewtonGmres is 0"));
  CHECK_THROWS_WITH(with({.max_forcing = 1}), Catch::StartsWith("max_forcing of NewtonGmres is 1"));
  CHECK_THROWS_WITH(with({.max_products = 1}), "max_products of NewtonGmres is 1, expected 2 or more");
  CHECK_THROWS_WITH(with({.max_shortenings = -1}), "max_shortenings of NewtonGmres is -1, expected 0 or more");
}
