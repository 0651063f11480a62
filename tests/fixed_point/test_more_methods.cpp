// What is peculiar to Broyden's bad method, Klement, Chord, pseudo-transient continuation, bounds and many starts; and
// to Newton-GMRES with a trust region, a preconditioner and recycling. All by one loop, which is compiled once.

#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "basin/fixed_point/solve_from.hpp"
#include "fixed_point/written_map.hpp"

using namespace basin;
using test::MoreMethods;
using test::WrittenMap;

static_assert(FixedPointMethod<Chord<>> && FixedPointMethod<Chord<3>, double>);
static_assert(FixedPointMethod<BroydenBad<>> && FixedPointMethod<Klement> && FixedPointMethod<PseudoTransient<>>);
static_assert(FixedPointMethod<Projected<NewtonGmres<>>> && FixedPointMethod<Projected<Broyden<>>, double>);

namespace {

using Numbers = Vector<double>;
using Square = Matrix<double>;

Square entries(Index rows, Index columns, double phase) {
  Square m(rows, columns);
  for (Index j = 0; j < columns; ++j) {
    for (Index i = 0; i < rows; ++i) m(i, j) = std::sin(phase + static_cast<double>(i * i + 3 * j + i * j));
  }
  return m;
}

/// z = m sin(z) + b, of ten numbers.
struct Sines {
  Square m = 0.25 * entries(10, 10, 1);
  Numbers b = entries(10, 1, 2);

  [[nodiscard]] Numbers f(const Numbers& z) const { return m * z.array().sin().matrix() + b; }
  [[nodiscard]] Square jacobian(const Numbers& z) const { return m * z.array().cos().matrix().asDiagonal(); }
  [[nodiscard]] WrittenMap map() const {
    return {[*this](const Numbers& z) { return f(z); },
            [*this](const Numbers& z, const Numbers& t) { return Numbers(jacobian(z) * t); }};
  }
};

/// Each number by itself.
WrittenMap each(double (*f)(double), double (*slope)(double)) {
  return {[f](const Numbers& z) { return Numbers(z.unaryExpr([f](double x) { return f(x); })); },
          [slope](const Numbers& z, const Numbers& t) {
            return Numbers(z.unaryExpr([slope](double x) { return slope(x); }).cwiseProduct(t));
          }};
}

WrittenMap cosine() {
  return each([](double x) { return std::cos(x); }, [](double x) { return -std::sin(x); });
}

/// Bratu's problem on n x n points, Laplace z + lambda e^z = 0, zero at the border, as a Jacobi step.
WrittenMap bratu(Index n, double lambda, int* products) {
  const double h2 = 1 / static_cast<double>((n + 1) * (n + 1));
  const auto step = [n](const Numbers& z, const Numbers& source) {
    Numbers out(z.size());
    const auto at = [&](Index i, Index j) { return i < 0 || j < 0 || i == n || j == n ? 0.0 : z.data()[i + n * j]; };
    for (Index j = 0; j < n; ++j) {
      for (Index i = 0; i < n; ++i) {
        const double around = at(i - 1, j) + at(i + 1, j) + at(i, j - 1) + at(i, j + 1);
        out.data()[i + n * j] = 0.25 * (around + source.data()[i + n * j]);
      }
    }
    return out;
  };
  return {
      [=](const Numbers& z) { return step(z, h2 * lambda * z.array().exp().matrix()); },
      [=](const Numbers& z, const Numbers& t) { return step(t, h2 * lambda * (z.array().exp() * t.array()).matrix()); },
      {},
      products};
}

std::vector<Numbers> iterates(const WrittenMap& map, const Numbers& start, const MoreMethods& method, int evaluations) {
  std::vector<Numbers> all;
  (void)solved(map, start, method, {.tolerance = 0, .max_evaluations = evaluations},
               [&](const Iterate<double>& iterate) { all.emplace_back(iterate.z.vector()); });
  return all;
}

double worst_difference(const std::vector<Numbers>& a, const std::vector<Numbers>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, (a[i] - b[i]).norm() / (1 + b[i].norm()));
  return worst;
}

}  // namespace

TEST_CASE("iterates of Broyden's bad method are those with a dense inverse", "[unit]") {
  const Sines sines;
  std::vector<Numbers> z{Numbers::Zero(10)};
  Square inverse;
  Numbers g, step;
  for (int k = 0; k < 12; ++k) {  // a memory of 4: it begins anew twice
    const Numbers now = sines.f(z.back()) - z.back();
    if (k % 5 == 0) {
      inverse = -Square::Identity(10, 10);
    } else {
      const Numbers y = now - g;
      inverse += (step - inverse * y) * y.transpose() / y.squaredNorm();
    }
    g = now;
    step = -inverse * g;
    z.push_back(z.back() + step);
  }
  const auto seen = iterates(sines.map(), z[0], BroydenBad<4>{}, 12);
  REQUIRE(seen.size() == 12);
  CHECK(worst_difference(seen, z) < 1e-11);
}

TEST_CASE("Klement's method is the secant method in each number", "[unit]") {
  const auto g = [](double x) { return std::cos(x) - x; };
  const auto seen = iterates(cosine(), Numbers{{0, 0.5}}, Klement{}, 6);
  REQUIRE(seen.size() == 6);
  for (Index i = 0; i < 2; ++i) {
    CHECK(seen[1][i] == std::cos(seen[0][i]));
    for (std::size_t k = 2; k < 6; ++k) {
      const double a = seen[k - 2][i], b = seen[k - 1][i];
      CHECK(seen[k][i] == Approx(b - g(b) * (b - a) / (g(b) - g(a))).epsilon(1e-12));
    }
  }
  // A slope of nothing is kept away from: z + 1 steps by 1, and then by a hundred at most.
  const auto plus_one = each([](double x) { return x + 1; }, [](double) { return 1.0; });
  CHECK(iterates(plus_one, Numbers::Zero(1), Klement{}, 3)[2][0] == Approx(101));
}

TEST_CASE("a chord step is Newton's in what the basis knows, and costs no product", "[unit]") {
  const Sines sines{.m = 0.08 * entries(10, 10, 1)};
  int products = 0;
  WrittenMap map = sines.map();
  map.products = &products;
  std::vector<int> by_then;
  std::vector<Numbers> seen;
  const auto solution =
      solved(map, Numbers::Zero(10), Chord<>{.max_ratio = 1, .forcing = 1e-12},
             {.tolerance = 0, .absolute_tolerance = 1e-12, .max_evaluations = 60}, [&](const Iterate<double>& iterate) {
               by_then.push_back(products);
               seen.emplace_back(iterate.z.vector());
             });
  CHECK(solution.converged());
  REQUIRE(seen.size() > 4);
  // One basis of all ten directions: the chord method with the Jacobian of the start.
  const auto factors = (Square::Identity(10, 10) - sines.jacobian(Numbers::Zero(10))).partialPivLu();
  Numbers z = Numbers::Zero(10);
  for (std::size_t k = 1; k < seen.size(); ++k) {
    CHECK(by_then[k] == by_then[1]);
    z += factors.solve(sines.f(z) - z);
    CHECK((seen[k] - z).norm() < 1e-10);
  }
  // Where the residual does not fall enough, a new basis is made.
  products = 0;
  const auto often = solved(map, Numbers::Zero(10), Chord<>{.max_ratio = 1e-3, .forcing = 1e-12},
                            {.tolerance = 0, .absolute_tolerance = 1e-12, .max_evaluations = 100});
  CHECK(often.converged());
  CHECK(products > 2 * by_then[1]);
  CHECK(often.samples[0].iterations < solution.samples[0].iterations);
}

TEST_CASE("pseudo-transient steps are implicit Euler's, and grow as the residual falls", "[unit]") {
  const Sines sines;
  const auto seen =
      iterates(sines.map(), Numbers::Zero(10), PseudoTransient<80>{.first_step = 0.5, .forcing = 1e-12}, 60);
  REQUIRE(seen.size() > 3);
  double delta = 0.5, last = 0;
  Numbers z = Numbers::Zero(10);
  for (std::size_t k = 1; k < 4; ++k) {
    const Numbers g = sines.f(z) - z;
    if (k > 1) delta *= last / g.norm();
    last = g.norm();
    z += ((1 + 1 / delta) * Square::Identity(10, 10) - sines.jacobian(z)).partialPivLu().solve(g);
    CHECK((seen[k] - z).norm() < 1e-9);
  }
  CHECK(delta > 0.5);
}

TEST_CASE("pseudo-transient continuation goes to the fixed point that the flow goes to", "[unit]") {
  // dz/dt = z - z^3 + 0.1 from 0.2 rests at 1.047; Newton's method from 0.5 leaps across 0 to the other side.
  const auto map = each([](double x) { return 2 * x - x * x * x + 0.1; }, [](double x) { return 2 - 3 * x * x; });
  const Stop stop{.tolerance = 1e-10, .max_evaluations = 200};
  const auto flow = solved(map, Numbers{{0.5}}, PseudoTransient<80>{}, stop);
  CHECK(flow.converged());
  CHECK(flow.value.values[0] == Approx(1.0466805318));
  const auto newton = solved(map, Numbers{{0.5}}, NewtonGmres<>{}, stop);
  CHECK(newton.converged());
  CHECK(newton.value.values[0] < 0);
}

TEST_CASE("Bratu's problem on 63 x 63 points takes Newton at most 300 products without a preconditioner", "[unit]") {
  for (const double lambda : {6.0, 6.8}) {  // the fold is at 6.808
    int products = 0;
    const WrittenMap map = bratu(63, lambda, &products);
    const Numbers zero = Numbers::Zero(63 * 63);
    const double first = (map.f(zero) - zero).norm();
    const Stop stop{.tolerance = 0, .absolute_tolerance = 1e-10 * first, .max_evaluations = 1000};
    const auto solution = solved(map, zero, NewtonGmres<>{}, stop);
    INFO("lambda " << lambda << ", products " << products << ", evaluations " << solution.samples[0].evaluations);
    CHECK(solution.samples[0].status == Status::converged);
    CHECK(products <= 300);
    CHECK(solution.samples[0].evaluations <= 320);
    CHECK((map.f(solution.value.values) - solution.value.values).norm() <= 1e-10 * first);
    CHECK(solution.value.values.maxCoeff() == Approx(lambda == 6 ? 0.79707 : 1.32481).epsilon(1e-5));
  }
}

TEST_CASE("the last Newton step is not solved further than the stop test asks", "[unit]") {
  // Linear, so that one step does it: GMRES needs a product for each of the few rates that the tolerance shows.
  const Numbers rates = Numbers::LinSpaced(40, -0.9, 0.99);
  int products = 0;
  const WrittenMap map{[rates](const Numbers& z) { return Numbers(rates.cwiseProduct(z).array() + 1); },
                       [rates](const Numbers&, const Numbers& t) { return Numbers(rates.cwiseProduct(t)); },
                       {},
                       &products};
  const Numbers zero = Numbers::Zero(40);
  const double first = map.f(zero).norm();
  const auto products_to = [&](const MoreMethods& method, const Stop& stop) {
    products = 0;
    const auto solution = solved(map, zero, method, stop);
    CHECK(solution.converged());
    CHECK(solution.samples[0].iterations == 1);
    return products;
  };
  for (const Globalization by : {Globalization::line_search, Globalization::trust_region}) {
    const NewtonGmres<> method{.first_forcing = 1e-8, .globalization = by};
    const Stop loose{.tolerance = 0, .absolute_tolerance = 0.1 * first};
    const Stop tight{.tolerance = 0, .absolute_tolerance = 1e-8 * first};
    CHECK(2 * products_to(method, loose) < products_to(method, tight));
    const Stop mean{.tolerance = 0, .absolute_tolerance = 0.1, .norm = Norm::root_mean_square};
    CHECK(products_to(method, mean) == products_to(method, loose));
    // Whatever direction is left: no second step for the largest number either.
    const Stop largest{.tolerance = 0, .absolute_tolerance = 0.1, .norm = Norm::maximum};
    CHECK(products_to(method, largest) < products_to(method, tight));
  }
}

TEST_CASE("a right preconditioner of the user's saves products, and leaves the solution as it is", "[unit]") {
  // The linear part is known, with rates up to 0.99; there is a sine besides.
  const Numbers rates = Numbers::LinSpaced(40, -0.9, 0.99);
  int products = 0;
  WrittenMap map{
      [rates](const Numbers& z) { return Numbers(rates.cwiseProduct(z) + (1 + 1e-3 * z.array().sin()).matrix()); },
      [rates](const Numbers& z, const Numbers& t) {
        return Numbers((rates.array() + 1e-3 * z.array().cos()) * t.array());
      },
      {},
      &products};
  const Stop stop{.tolerance = 1e-11, .max_evaluations = 1000};
  for (const Globalization by : {Globalization::line_search, Globalization::trust_region}) {
    const NewtonGmres<> method{.globalization = by};
    map.inverse = {};
    products = 0;
    const auto without = solved(map, Numbers::Zero(40), method, stop);
    const int plain = products;
    map.inverse = [rates](const Numbers& v) { return Numbers(v.array() / (1 - rates.array())); };
    products = 0;
    const auto with = solved(map, Numbers::Zero(40), method, stop);
    CHECK(without.converged());
    CHECK(with.converged());
    CHECK(2 * products < plain);
    CHECK((with.value.values - without.value.values).norm() < 1e-8 * without.value.values.norm());
  }
}

TEST_CASE("a trust region comes from far as a line search does", "[unit]") {
  // x^3 + x - 5, and Freudenstein and Roth's function next to which Newton's full step is no good.
  const auto cubic = each([](double x) { return 5 - x * x * x; }, [](double x) { return -3 * x * x; });
  const NewtonGmres<> method{};
  const Stop stop{.tolerance = 1e-10, .max_evaluations = 500};
  const auto far = solved(cubic, Numbers{{1e5}}, method, stop);
  INFO(name(far.samples[0].status) << " " << far.samples[0].evaluations);
  CHECK(far.converged());
  CHECK(far.value.values[0] == Approx(1.5159802276928254));
  // arctan from 3: a full step goes to -9.5, and the next one beyond 100.
  const auto arctan = each([](double x) { return x - std::atan(x); }, [](double x) { return 1 - 1 / (1 + x * x); });
  const auto near = solved(arctan, Numbers{{3}}, method, {.tolerance = 0, .absolute_tolerance = 1e-10});
  CHECK(near.converged());
  CHECK(std::abs(near.value.values[0]) < 1e-9);
  CHECK(near.samples[0].iterations < 8);
  // f is not finite where the full step leads.
  const auto root =
      each([](double x) { return x + std::sqrt(2 - x) - 0.1; }, [](double x) { return 1 - 0.5 / std::sqrt(2 - x); });
  const auto edge = solved(root, Numbers{{0}}, method, {.tolerance = 1e-10, .max_evaluations = 200});
  CHECK(edge.converged());
  CHECK(edge.samples[0].retries > 0);
  CHECK(edge.value.values[0] == Approx(1.99));
}

TEST_CASE("a projected method stays in its box, and finds a fixed point in it", "[unit]") {
  // Defined for x > 1, with the fixed point 1.3: what accelerates steps out.
  std::vector<double> tried;
  WrittenMap map = each([](double n) { return std::log(3 / n) / std::log(3.7477525683 * n / (n - 1)) + 1; }, nullptr);
  const auto f = map.f;
  map.f = [&](const Numbers& z) {
    tried.push_back(z[0]);
    return f(z);
  };
  const auto solution = solved(map, Numbers{{0.5}}, Projected<Anderson<3>>{.lower = 1.0001, .upper = 2},
                               {.tolerance = 1e-8, .max_evaluations = 60});
  CHECK(solution.converged());
  CHECK(solution.samples[0].retries == 0);
  CHECK(solution.value.values[0] == Approx(1.3).epsilon(1e-6));
  CHECK(tried.front() == 1.0001);  // the start, moved
  CHECK(std::all_of(tried.begin(), tried.end(), [](double x) { return x >= 1.0001 && x <= 2; }));

  // At the border, if that is where the fixed point is; and no convergence where there is none inside.
  const auto half = each([](double x) { return 0.5 * x; }, nullptr);
  const std::vector<double> low{0, 1}, high{5, 5};
  const auto border = solved(half, Numbers{{3}}, Projected<Anderson<3>>{.lower = 0}, {.tolerance = 1e-8});
  CHECK(border.converged());
  const auto beyond = solved(half, Numbers{{3, 3}}, Projected<Anderson<3>>{.lower_of_each = low, .upper_of_each = high},
                             {.tolerance = 1e-8, .max_evaluations = 100});
  CHECK(beyond.samples[0].status == Status::stalled);
  CHECK(beyond.value.values[1] == 1);
  CHECK(std::abs(beyond.value.values[0]) < 1e-6);
}

TEST_CASE("trial points and restarts of a projected method stay in the box, too", "[unit]") {
  // sqrt(x) - 0.3 by Newton's method and by Broyden's, whose steps go below 0; not finite there.
  const auto check = [](const auto& method) {
    bool outside = false;
    const auto f = [&](View<const double> z, View<double> out) {
      outside = outside || z.array().minCoeff() < 1e-6;
      out.array() = 2 * z.array() - z.array().sqrt() * 0.2 - 0.08;
    };
    const auto solution =
        solve(f, Matrix<double>::Constant(3, 2, 0.011).eval(), method, {.tolerance = 1e-9, .max_evaluations = 300});
    CHECK_FALSE(outside);
    CHECK(solution.samples[1].retries == 0);
    return solution;
  };
  const auto newton = check(Projected<NewtonGmres<>>{.lower = 1e-6});
  const auto broyden = check(Projected<Broyden<>>{.lower = 1e-6});
  CHECK(newton.converged());
  CHECK(newton.value.values[5] == Approx(0.16));
  CHECK(broyden.value.values.minCoeff() >= 1e-6);
}

TEST_CASE("of many starts each sample gets the best, and every result is there", "[unit]") {
  // Sample n: x^3 - 3 x + n = 0 as x + (x^3 - 3 x + n) / 9; the middle root attracts, the others repel Picard.
  const auto f = [](View<const double> z, View<double> out, std::span<const Index> samples) {
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const double x = z.data()[i];
      out.data()[i] = x + (x * x * x - 3 * x + static_cast<double>(samples[i])) / 9;
    }
  };
  const auto start = [](double value) {
    State<double> z(Shape{1, {1, 1, 1}, 3});
    z.values.setConstant(value);
    return z;
  };
  const std::vector<State<double>> starts{start(5), start(0.5), start(0.4)};
  const Stop stop{.tolerance = 1e-9, .max_evaluations = 200};
  const auto found = solve_from(f, starts, MoreMethods(BroydenBad<4>{}), stop);
  REQUIRE(found.values.size() == 3);
  REQUIRE(found.samples.size() == 3);
  for (std::size_t n = 0; n < 2; ++n) {
    const auto at = static_cast<Index>(n);
    CHECK(found.result(n).status == Status::converged);
    CHECK(found.value.values[at] == found.values[found.chosen[n]].values[at]);
    for (std::size_t k = 0; k < 3; ++k) {
      if (found.samples[k][n].status != Status::converged) continue;
      CHECK(found.result(n).residual <= found.samples[k][n].residual);
    }
  }
  // Each goes as it does alone.
  for (std::size_t k = 0; k < 3; ++k) {
    const auto alone = solve(f, starts[k], MoreMethods(BroydenBad<4>{}), stop);
    CHECK(alone.value.values == found.values[k].values);
    for (std::size_t n = 0; n < 3; ++n) CHECK(alone.samples[n].evaluations == found.samples[k][n].evaluations);
  }
  const auto two = solve_from(f, {start(0.1), start(0.1)}, MoreMethods(Klement{}), stop);
  CHECK(two.chosen == std::vector<std::size_t>{0, 0, 0});
  CHECK_THROWS_WITH(solve_from(f, std::vector<State<double>>{}, MoreMethods{}, stop),
                    "number of starts is 0, expected 1 or more");
  const std::vector<State<double>> unequal{start(1), State<double>(Shape{2, {1, 1, 1}, 3})};
  CHECK_THROWS_WITH(solve_from(f, unequal, MoreMethods{}, stop), Catch::StartsWith("shape of a start is"));
}

TEST_CASE("options of these methods that make no sense are refused", "[unit]") {
  const WrittenMap map = cosine();
  const auto with = [&](const MoreMethods& method) { return solved(map, Numbers::Zero(2), method, {}); };
  CHECK_THROWS_WITH(with(Chord<>{.max_ratio = 0}), Catch::StartsWith("max_ratio of Chord is 0"));
  CHECK_THROWS_WITH(with(Chord<>{.forcing = 1}), Catch::StartsWith("forcing of Chord is 1"));
  CHECK_THROWS_WITH(with(Klement{.min_slope = 1}), Catch::StartsWith("min_slope of Klement is 1"));
  CHECK_THROWS_WITH(with(PseudoTransient<80>{.first_step = 0}),
                    Catch::StartsWith("first_step of PseudoTransient is 0"));
  CHECK_THROWS_WITH(with(PseudoTransient<80>{.max_step = 0.5}),
                    Catch::StartsWith("max_step of PseudoTransient is 0.5"));
  CHECK_THROWS_WITH(with(PseudoTransient<80>{.forcing = 0}), Catch::StartsWith("forcing of PseudoTransient is 0"));
  CHECK_THROWS_WITH(with(PseudoTransient<80>{.max_products = 1}),
                    Catch::StartsWith("max_products of PseudoTransient is 1"));
  using Bounded = Projected<Anderson<3>>;
  CHECK_THROWS_WITH(with(Bounded{.lower = 2, .upper = 1}), Catch::StartsWith("lower bound of Projected is 2"));
  const std::vector<double> three(3, 0.0), two{0, 3};
  CHECK_THROWS_WITH(with(Bounded{.lower_of_each = three}), "number of lower_of_each of Projected is 3, expected 2");
  CHECK_THROWS_WITH(with(Bounded{.upper = 1, .lower_of_each = two}),
                    Catch::StartsWith("lower bound of Projected is 3"));
}
