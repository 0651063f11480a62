#include "basin/fixed_point/solve.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <unsupported/Eigen/CXX11/Tensor>
#include <vector>

#include "basin/fixed_point/picard.hpp"
#include "fixed_point/written_map.hpp"
#include "support/counting_allocator.hpp"

using namespace basin;

static_assert(FixedPointMethod<Picard> && FixedPointMethod<Picard, double>);
static_assert(FixedPointMethod<Anderson<5>> && FixedPointMethod<Anderson<1>, double>);
static_assert(FixedPointMethod<Broyden<20>> && FixedPointMethod<Broyden<1>, double>);
static_assert(!FixedPointMethod<Stop>, "options without a step are no method");

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

// Sample n is z = rate_n * tanh(W z) + b: a rate of its own, so samples end at different times.
struct Batch {
  Matrix<double> w, b;
  Eigen::VectorXd rates;

  Batch(Index size, Index samples) : w(size, size), b(size, samples), rates(samples) {
    for (Index j = 0; j < size; ++j) {
      for (Index i = 0; i < size; ++i) w(i, j) = std::sin(1.0 + static_cast<double>(3 * i + 7 * j));
    }
    w /= w.norm();
    for (Index n = 0; n < samples; ++n) {
      for (Index i = 0; i < size; ++i) b(i, n) = std::cos(static_cast<double>(i + 5 * n));
      rates[n] = 0.1 + 1.2 * static_cast<double>((n * 7) % samples) / static_cast<double>(samples);
    }
  }

  template <class S>
  void operator()(View<const S> z, View<S> out, std::span<const Index> samples) const {
    out.columns().noalias() = w.template cast<S>() * z.columns();
    for (std::size_t i = 0; i < samples.size(); ++i) {
      auto column = out.columns().col(static_cast<Index>(i));
      column =
          (static_cast<S>(rates[samples[i]]) * column.array().tanh()).matrix() + b.col(samples[i]).template cast<S>();
    }
  }
  void operator()(View<const double> z, View<double> out, std::span<const Index> samples) const {
    operator()<double>(z, out, samples);
  }
  void operator()(View<const float> z, View<float> out, std::span<const Index> samples) const {
    operator()<float>(z, out, samples);
  }
};

template <class S>
bool bitwise_equal(const Solution<S>& a, const Solution<S>& b) {
  if (a.samples.size() != b.samples.size() || a.value.shape != b.value.shape) return false;
  for (std::size_t n = 0; n < a.samples.size(); ++n) {
    const SampleResult &x = a.samples[n], &y = b.samples[n];
    if (x.status != y.status || x.evaluations != y.evaluations || x.iterations != y.iterations ||
        x.residual != y.residual) {
      return false;
    }
  }
  return std::memcmp(a.value.values.data(), b.value.values.data(),
                     static_cast<std::size_t>(a.value.values.size()) * sizeof(S)) == 0;
}

const auto half_plus_one = [](View<const double> z, View<double> out) { out.array() = 0.5 * z.array() + 1; };

Stop absolute(double tolerance, int max_evaluations) {
  return {.tolerance = 0, .absolute_tolerance = tolerance, .max_evaluations = max_evaluations};
}

/// All methods as one type, so that what loops over them is compiled once.
using Method = AnyMethod<Picard, Anderson<5>, Broyden<20>, test::Again<Broyden<2>, 'a'>, BroydenBad<20>,
                         test::Again<BroydenBad<2>, 'b'>, Klement, NewtonGmres<>, Chord<>, PseudoTransient<>,
                         test::Again<Projected<Anderson<5>>, 'c'>>;

template <class Body>
void for_each_method(const Body& body) {
  const auto with = [&](const char* name, const Method& method) { body(name, method); };
  with("Picard", Picard{});
  with("Picard damped", Picard{.damping = 0.7});
  with("Anderson", Anderson<5>{});
  with("Anderson damped", Anderson<5>{.damping = 0.7, .depth = 3});
  with("Anderson with a ridge", Anderson<5>{.ridge = 1e-6});
  with("Anderson guarded", Anderson<5>{.delay = 3, .max_rise = 1});
  with("Anderson as it goes", Anderson<5>{.choose_depth = [](const AndersonMix& mix) { return 1 + mix.steps % 5; },
                                          .choose_damping = damping_by_gain});
  with("Broyden", Broyden<20>{});
  with("Broyden restarted", test::Again<Broyden<2>, 'a'>{});
  with("Broyden bad", BroydenBad<20>{});
  with("Broyden bad restarted", test::Again<BroydenBad<2>, 'b'>{});
  with("Newton-GMRES", NewtonGmres<>{});
  with("Newton-GMRES, line search", NewtonGmres<>{.globalization = Globalization::line_search});
  with("Chord", Chord<>{});
  with("pseudo-transient", PseudoTransient<>{});
  with("Anderson projected", test::Again<Projected<Anderson<5>>, 'c'>{{.lower = -1e6, .upper = 1e6}});
}

/// Whether a method evaluates f at its iterates alone.
bool only_mixes(const Method& method) {
  return method.get<NewtonGmres<>>() == nullptr && method.get<Chord<>>() == nullptr &&
         method.get<PseudoTransient<>>() == nullptr;
}

}  // namespace

TEST_CASE("solve takes whatever holds a state", "[unit]") {
  const Stop stop{.tolerance = 1e-12, .max_evaluations = 60};
  const auto is_two = [](const auto& solution) {
    return solution.converged() && (solution.value.values.array() - 2).abs().maxCoeff() < 1e-11;
  };
  Matrix<double> matrix = Matrix<double>::Zero(3, 4);
  CHECK(is_two(solve(half_plus_one, matrix, Picard{}, stop)));
  CHECK(is_two(solve(half_plus_one, Matrix<double>::Zero(3, 4).eval(), Picard{}, stop)));
  State<double> state(Shape{3, {2, 2, 1}, 4});
  CHECK(is_two(solve(half_plus_one, state, Picard{}, stop)));
  CHECK(is_two(solve(half_plus_one, state.view(), Picard{}, stop)));
  CHECK(is_two(solve(half_plus_one, View<const double>(state), Picard{}, stop)));
  Eigen::Tensor<double, 4> tensor(3, 2, 2, 4);
  tensor.setZero();
  const auto solution = solve(half_plus_one, tensor, Picard{}, stop);
  CHECK(is_two(solution));
  CHECK(solution.value.shape == Shape{3, {2, 2, 1}, 4});
  CHECK(solution.samples.size() == 4);
}

TEST_CASE("solve returns the iterate whose residual it reports", "[unit]") {
  // Converging: the residual of the returned z, evaluated anew, is the reported one.
  const Batch f(12, 30);
  for_each_method([&](const char* method_name, const Method& method) {
    INFO(method_name);
    const auto solution = solve(f, Matrix<double>::Zero(12, 30).eval(), method,
                                {.tolerance = 1e-9, .absolute_tolerance = 0, .max_evaluations = 500});
    CHECK(solution.converged());
    Matrix<double> value(12, 30);
    std::vector<Index> all(30);
    for (std::size_t n = 0; n < 30; ++n) all[n] = static_cast<Index>(n);
    f(solution.value.view(), view(value), all);
    for (Index n = 0; n < 30; ++n) {
      const auto z = solution.value.view().columns().col(n);
      const double residual = (value.col(n) - z).norm() / value.col(n).norm();
      const SampleResult& sample = solution.samples[static_cast<std::size_t>(n)];
      CHECK(residual == Approx(sample.residual).margin(1e-15));
      CHECK(sample.residual <= 1e-9);
      if (only_mixes(method)) CHECK(sample.iterations == sample.evaluations - 1);
    }
  });
}

TEST_CASE("solve returns the best state, not the last", "[unit]") {
  // z <- -1.1 z: every iterate is worse than the one before.
  const auto f = [](View<const double> z, View<double> out) { out.array() = -1.1 * z.array(); };
  const auto solution = solve(f, Matrix<double>::Ones(2, 1).eval(), Picard{}, absolute(1e-6, 20));
  CHECK(solution.samples[0].status == Status::max_iterations);
  CHECK(solution.samples[0].evaluations == 20);
  CHECK(solution.value.values == Vector<double>::Ones(2));
  CHECK(solution.samples[0].residual == Approx(2.1 * std::sqrt(2.0)));
  Stop so_many_steps = absolute(1e-6, 4);
  so_many_steps.returns_last = true;
  const auto last = solve(f, Matrix<double>::Ones(2, 1).eval(), Picard{}, so_many_steps);
  CHECK(last.samples[0].status == Status::max_iterations);
  CHECK(last.value.values[0] == Approx(-1.331));
  CHECK(last.samples[0].residual == Approx(2.1 * 1.331 * std::sqrt(2.0)));
}

TEST_CASE("solve measures relative and absolute residuals", "[unit]") {
  const auto f = [](View<const double> z, View<double> out) { out.array() = 0.5 * z.array() + 100; };
  const Matrix<double> zero = Matrix<double>::Zero(1, 1);
  // Residual after k steps: 100 / 2^k, while f nears 200.
  const auto relative = solve(f, zero, Picard{}, {.tolerance = 1e-2, .max_evaluations = 100});
  CHECK(relative.samples[0].evaluations == 7);  // 100/64 / 198.4 = 0.0079
  const auto exact = solve(f, zero, Picard{}, absolute(1e-2, 100));
  CHECK(exact.samples[0].evaluations == 15);  // 100 / 2^14 = 0.0061
}

TEST_CASE("solve_tile measures against a reference where one is given", "[unit]") {
  const auto f = [](View<const double> z, View<double> out) { out.array() = 0.5 * z.array() + 1e-8; };
  State<double> z(Shape{1, {1, 1, 1}, 2});
  std::vector<SampleResult> results(2);
  const double reference[] = {1e-8, 1e-2};
  solve_tile(f, z.view(), Picard{}, {.tolerance = 1e-3}, results, reference);
  CHECK(results[0].status == Status::converged);
  CHECK(results[0].evaluations == 11);  // 2^-10 <= 1e-3
  CHECK(results[0].residual == Approx(std::pow(2.0, -10)));
  CHECK(results[1].evaluations == 1);  // 1e-8 is small beside 1e-2 from the start
  CHECK(results[1].residual == Approx(1e-6));

  // A reference of zero is met by an exact fixed point only.
  const double zero[] = {0, 0};
  z.values << 0, 2e-8;
  const auto linear = [](View<const double> v, View<double> out) { out.array() = 0.5 * v.array(); };
  solve_tile(linear, z.view(), Picard{}, {.tolerance = 1e-3, .max_evaluations = 5}, results, zero);
  CHECK(results[0].status == Status::converged);
  CHECK(results[0].residual == 0);
  CHECK(results[1].status == Status::max_iterations);
  CHECK(results[1].residual == inf);
}

TEST_CASE("a start that is already there takes no step", "[unit]") {
  for_each_method([](const char* method_name, const Method& method) {
    INFO(method_name);
    const auto solution = solve(half_plus_one, Matrix<double>::Constant(3, 2, 2).eval(), method, {.tolerance = 0});
    CHECK(solution.converged());
    CHECK(solution.samples[0].iterations == 0);
    CHECK(solution.samples[0].evaluations == 1);
    CHECK(solution.samples[0].residual == 0);
    CHECK(solution.value.values == Vector<double>::Constant(6, 2));
  });
}

TEST_CASE("a good guess saves evaluations", "[unit]") {
  const Batch f(8, 10);
  const Stop stop{.tolerance = 1e-8, .max_evaluations = 300};
  for_each_method([&](const char* method_name, const Method& method) {
    INFO(method_name);
    const auto cold = solve(f, Matrix<double>::Zero(8, 10).eval(), method, stop);
    State<double> near = cold.value;
    near.values.array() += 1e-6;
    const auto warm = solve(f, near, method, stop);
    REQUIRE(warm.converged());
    for (std::size_t n = 0; n < 10; ++n) CHECK(warm.samples[n].evaluations < cold.samples[n].evaluations);
  });
}

TEST_CASE("one evaluation is enough to say how far off the start is", "[unit]") {
  const auto solution = solve(half_plus_one, Matrix<double>::Zero(1, 1).eval(), Anderson<5>{}, absolute(1e-3, 1));
  CHECK(solution.samples[0].status == Status::max_iterations);
  CHECK(solution.samples[0].evaluations == 1);
  CHECK(solution.samples[0].iterations == 0);
  CHECK(solution.samples[0].residual == 1);
  CHECK(solution.value.values[0] == 0);
}

TEST_CASE("an empty batch is solved", "[unit]") {
  const auto solution = solve(half_plus_one, State<double>(Shape{3, {1, 1, 1}, 0}), Anderson<5>{});
  CHECK(solution.converged());
  CHECK(solution.samples.empty());
  CHECK(solution.value.shape == Shape{3, {1, 1, 1}, 0});
}

TEST_CASE("a residual that no longer falls is a stall", "[unit]") {
  // A quarter turn: |f(z) - z| never changes.
  const auto f = [](View<const double> z, View<double> out) { out.vector() << -z.data()[1], z.data()[0]; };
  const Matrix<double> start = Matrix<double>::Ones(2, 1);
  Stop stop = absolute(1e-6, 1000);
  auto solution = solve(f, start, Picard{}, stop);
  CHECK(solution.samples[0].status == Status::stalled);
  CHECK(solution.samples[0].evaluations == 51);
  stop.stall_window = 10;
  solution = solve(f, start, Picard{}, stop);
  CHECK(solution.samples[0].status == Status::stalled);
  CHECK(solution.samples[0].evaluations == 11);
  stop.stall_window = 0;
  solution = solve(f, start, Picard{}, stop);
  CHECK(solution.samples[0].status == Status::max_iterations);
  CHECK(solution.samples[0].evaluations == 1000);

  // Slow is not stalled: at a rate of .9999 fifty evaluations bring half a percent.
  const auto slow = [](View<const double> z, View<double> out) { out.array() = 0.9999 * z.array(); };
  CHECK(solve(slow, start, Picard{}, absolute(1e-6, 1000)).samples[0].status == Status::max_iterations);
}

TEST_CASE("growth without bound is a divergence", "[unit]") {
  const auto f = [](View<const double> z, View<double> out) { out.array() = 2 * z.array() + 1; };
  for (Stop stop : {Stop{.tolerance = 1e-6, .max_evaluations = 1000}, absolute(1e-6, 1000)}) {
    // Relative residuals stay near one half here: the test is on |f(z) - z|.
    const auto solution = solve(f, Matrix<double>::Zero(1, 1).eval(), Picard{}, stop);
    CHECK(solution.samples[0].status == Status::diverged);
    CHECK(solution.samples[0].evaluations == 30);  // 2^20 > 1e6, and ten such in a row
    stop.divergence_factor = inf;
    stop.max_evaluations = 50;
    stop.stall_window = 0;
    CHECK(solve(f, Matrix<double>::Zero(1, 1).eval(), Picard{}, stop).samples[0].status == Status::max_iterations);
  }
}

TEST_CASE("leaving an unstable fixed point is no divergence", "[unit]") {
  // x <- 3 x / (1 + 2 x) leaves 0 for 1. The start is 1e-12 off 0, in a state whose other number is not small.
  const auto f = [](View<const double> z, View<double> out) {
    const double x = z.data()[0];
    out.vector() << 3 * x / (1 + 2 * x), 1;
  };
  Matrix<double> start(2, 1);
  start << 1e-12, 1;
  Stop stop = absolute(1e-14, 500);
  stop.stall_window = 0;  // on the way, the start's residual is the best for long
  const auto solution = solve(f, start, Picard{}, stop);
  CHECK(solution.converged());
  CHECK(solution.value.values[0] == Approx(1));
}

TEST_CASE("what is not finite is told, and the best state kept", "[unit]") {
  // z = sqrt(z - 1) - 1/2 has no solution; from 2 the root of a negative number comes in the second evaluation.
  const auto f = [](View<const double> z, View<double> out) { out.array() = (z.array() - 1).sqrt() - 0.5; };
  Stop stop = absolute(1e-6, 50);
  stop.max_retries = 0;
  const auto at_once = solve(f, Matrix<double>::Constant(1, 1, 2.0).eval(), Picard{}, stop);
  CHECK(at_once.samples[0].status == Status::non_finite);
  CHECK(at_once.samples[0].evaluations == 2);
  CHECK(at_once.samples[0].retries == 0);
  CHECK(at_once.samples[0].residual == Approx(1.5));
  CHECK(at_once.value.values[0] == 2.0);

  stop.max_retries = 5;
  const auto solution = solve(f, Matrix<double>::Constant(1, 1, 2.0).eval(), Picard{}, stop);
  CHECK(solution.samples[0].status == Status::non_finite);
  CHECK(solution.samples[0].retries == 5);
  CHECK(solution.samples[0].evaluations == solution.samples[0].iterations + 6);  // the last failure is not retried
  CHECK(solution.samples[0].residual == Approx(1.25));
  CHECK(solution.value.values[0] == 1.25);

  // The limit of evaluations holds for retries too.
  stop.max_retries = 1000;
  stop.max_evaluations = 7;
  const auto limited = solve(f, Matrix<double>::Constant(1, 1, 2.0).eval(), Picard{}, stop);
  CHECK(limited.samples[0].status == Status::max_iterations);
  CHECK(limited.samples[0].evaluations == 7);

  const auto nan = [](View<const double>, View<double> out) { out.array() = std::numeric_limits<double>::quiet_NaN(); };
  const auto hopeless = solve(nan, Matrix<double>::Constant(2, 1, 3.0).eval(), Anderson<5>{});
  CHECK(hopeless.samples[0].status == Status::non_finite);
  CHECK(hopeless.samples[0].evaluations == 1);
  CHECK(hopeless.samples[0].residual == inf);
  CHECK(hopeless.value.values == Vector<double>::Constant(2, 3.0));
}

TEST_CASE("a sample that fails leaves the others alone", "[unit]") {
  const auto f = [](View<const double> z, View<double> out, std::span<const Index> samples) {
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const double factor = samples[i] == 1 ? 3 : samples[i] == 3 ? std::nan("") : 0.5;
      out.data()[i] = factor * z.data()[i] + 1;
    }
  };
  for_each_method([&](const char* method_name, const Method& method) {
    INFO(method_name);
    const auto solution =
        solve(f, Matrix<double>::Zero(1, 5).eval(), method, {.tolerance = 1e-10, .max_evaluations = 90});
    CHECK(solution.samples[3].status == Status::non_finite);
    for (const std::size_t n : {0u, 2u, 4u}) {
      CHECK(solution.samples[n].status == Status::converged);
      CHECK(solution.value.values[static_cast<Index>(n)] == Approx(2).epsilon(1e-8));
    }
  });
  CHECK(solve(f, Matrix<double>::Zero(1, 5).eval(), Picard{}).samples[1].status == Status::diverged);
}

TEST_CASE("samples that ended leave the working set", "[unit]") {
  const Batch f(16, 48);  // one tile
  std::vector<std::size_t> batches;
  std::vector<int> seen(48, 0);
  const auto watched = [&](View<const double> z, View<double> out, std::span<const Index> samples) {
    batches.push_back(samples.size());
    REQUIRE(z.samples() == static_cast<Index>(samples.size()));
    REQUIRE(out.shape() == z.shape());
    for (const Index n : samples) ++seen[static_cast<std::size_t>(n)];
    f(z, out, samples);
  };
  const auto solution =
      solve(watched, Matrix<double>::Zero(16, 48).eval(), Picard{}, {.tolerance = 1e-8, .max_evaluations = 500});
  CHECK(solution.converged());
  CHECK(batches.front() == 48);
  CHECK(batches.back() <= 24);
  for (std::size_t i = 1; i < batches.size(); ++i) CHECK(batches[i] <= batches[i - 1]);
  for (std::size_t n = 0; n < 48; ++n) CHECK(seen[n] == solution.samples[n].evaluations);
}

TEMPLATE_TEST_CASE("a batch gives each sample what it gets alone", "[unit]", float, double) {
  using S = TestType;
  const Batch f(20, 40);
  // Products of matrices round differently for other numbers of columns, and the iterations carry that on.
  const double tolerance = std::is_same_v<S, float> ? 1e-4 : 1e-8, agreement = 20 * tolerance;
  for_each_method([&](const char* method_name, const Method& method) {
    INFO(method_name);
    const Stop stop{.tolerance = tolerance, .max_evaluations = 400};
    const auto together = solve(f, Matrix<S>::Zero(20, 40).eval(), method, stop);
    CHECK(together.converged());
    for (Index n = 0; n < 40; ++n) {
      const auto one = [&](View<const S> z, View<S> out) { f(z, out, std::span<const Index>(&n, 1)); };
      const auto alone = solve(one, Matrix<S>::Zero(20, 1).eval(), method, stop);
      const SampleResult& sample = together.samples[static_cast<std::size_t>(n)];
      CHECK(std::abs(alone.samples[0].evaluations - sample.evaluations) <= 1);
      const auto z = together.value.view().columns().col(n);
      CHECK(static_cast<double>((alone.value.values - z).norm()) <= agreement * static_cast<double>(z.norm()));
    }
  });
}

TEMPLATE_TEST_CASE("a solve is the same twice, and on one and two threads", "[repeatable]", float, double) {
  using S = TestType;
  const Batch f(24, 300);  // several tiles
  const int before = threads();
  for_each_method([&](const char* method_name, const Method& method) {
    INFO(method_name);
    const Matrix<S> start = Matrix<S>::Constant(24, 300, S(0.25));
    const Stop stop{.tolerance = 1e-5, .max_evaluations = 100};
    set_threads(1);
    const auto first = solve(f, start, method, stop);
    const auto second = solve(f, start, method, stop);
    set_threads(2);
    const auto parallel = solve(f, start, method, stop);
    const auto watched = solve(f, start, method, stop, [](const Iterate<S>&) {});
    CHECK(bitwise_equal(first, second));
    CHECK(bitwise_equal(first, parallel));
    CHECK(bitwise_equal(first, watched));
  });
  set_threads(before);
}

TEMPLATE_TEST_CASE("the loop allocates nothing after set-up", "[allocation]", float, double) {
  using S = TestType;
  if (!basin_test::counts_allocations()) return;
  // Long enough for Anderson to drop columns and Broyden to restart.
  const Vector<S> rates = Vector<S>::LinSpaced(3000, S(-0.99), S(0.99));
  for_each_method([&](const char* method_name, const Method& method) {
    INFO(method_name);
    std::size_t at_first_call = 0, at_last_call = 0;
    int calls = 0;
    const auto f = [&](View<const S> z, View<S> out) {
      for (Index n = 0; n < z.samples(); ++n) {
        out.sample(n).array() = rates.array() * z.sample(n).array() + S(n + 1);
      }
      at_last_call = basin_test::allocations();
      if (calls++ == 0) at_first_call = at_last_call;
    };
    State<S> z(Shape{3000, {1, 1, 1}, 3});
    std::vector<SampleResult> results(3);
    solve_tile(f, z.view(), method, {.tolerance = 0, .max_evaluations = 60}, results);
    if (only_mixes(method)) CHECK(calls == 60);
    CHECK(at_last_call == at_first_call);
    // With the memory of the thread grown, not even the set-up does.
    const basin_test::AllocationCount count;
    solve_tile(f, z.view(), method, {.tolerance = 0, .max_evaluations = 10}, results);
    CHECK(count.allocations() == 0);
  });
}

TEST_CASE("observers see every iterate and may end a sample", "[unit]") {
  std::vector<double> residuals;
  const auto solution = solve(half_plus_one, Matrix<double>::Zero(1, 1).eval(), Picard{}, absolute(1e-3, 100),
                              [&](const Iterate<double>& iterate) {
                                CHECK(iterate.sample == 0);
                                CHECK(iterate.iteration == static_cast<int>(residuals.size()));
                                CHECK(iterate.evaluations == iterate.iteration + 1);
                                CHECK(iterate.f_z.data()[0] == 0.5 * iterate.z.data()[0] + 1);
                                residuals.push_back(iterate.residual);
                              });
  CHECK(residuals.size() == static_cast<std::size_t>(solution.samples[0].evaluations));
  CHECK(residuals.back() == solution.samples[0].residual);

  const auto until_third = [](const Iterate<double>& iterate) {
    return iterate.sample != 1 || iterate.evaluations < 3;
  };
  const auto cut = solve(half_plus_one, Matrix<double>::Zero(1, 3).eval(), Picard{}, absolute(1e-3, 100), until_third);
  CHECK(cut.samples[0].status == Status::converged);
  CHECK(cut.samples[1].status == Status::interrupted);
  CHECK(cut.samples[1].evaluations == 3);
  CHECK(cut.samples[1].residual == 0.25);
  CHECK(cut.samples[2].status == Status::converged);
}

TEST_CASE("tiles depend on the size of a sample alone", "[unit]") {
  CHECK(detail::samples_per_tile<float>(Shape{16, {1, 1, 1}, 1000}) == 64);
  CHECK(detail::samples_per_tile<double>(Shape{128, {1, 1, 1}, 1000}) == 32);
  CHECK(detail::samples_per_tile<float>(Shape{32, {14, 14, 1}, 1000}) == 1);
  CHECK(detail::samples_per_tile<float>(Shape{0, {1, 1, 1}, 1000}) == 64);
}

TEST_CASE("an exception of the map reaches the caller", "[unit]") {
  const auto f = [](View<const double>, View<double>) { throw std::runtime_error("no"); };
  CHECK_THROWS_WITH(solve(f, Matrix<double>::Zero(1, 200).eval(), Picard{}), "no");
}

TEST_CASE("options that make no sense are refused", "[unit]") {
  const Matrix<double> start = Matrix<double>::Zero(1, 1);
  const auto with = [&](const Stop& stop) { return solve(half_plus_one, start, Picard{}, stop); };
  CHECK_THROWS_WITH(with({.tolerance = -1}), Catch::StartsWith("tolerance of Stop is -1") &&
                                                 Catch::EndsWith("expected a finite number, 0 or more"));
  CHECK_THROWS_WITH(with({.tolerance = std::nan("")}), Catch::StartsWith("tolerance of Stop is nan"));
  CHECK_THROWS_WITH(with({.max_evaluations = 0}), "max_evaluations of Stop is 0, expected 1 or more");
  CHECK_THROWS_WITH(with({.stall_window = -1}), "stall_window of Stop is -1, expected 0 (never) or more");
  CHECK_THROWS_WITH(with({.stall_factor = 0}), Catch::StartsWith("stall_factor of Stop is 0"));
  CHECK_THROWS_WITH(with({.divergence_factor = 1}), Catch::StartsWith("divergence_factor of Stop is 1"));
  CHECK_THROWS_AS(solve(half_plus_one, start, Picard{.damping = 0}), std::invalid_argument);
  CHECK_THROWS_WITH(solve(half_plus_one, start, Picard{.damping = std::nan("")}),
                    Catch::StartsWith("damping of Picard"));
  CHECK_THROWS_WITH(solve(half_plus_one, start, Anderson<5>{.damping = -1}), Catch::StartsWith("damping of Anderson"));
  CHECK_THROWS_WITH(solve(half_plus_one, start, Anderson<5>{.max_condition = 1}),
                    Catch::StartsWith("max_condition of Anderson is 1"));
  CHECK_THROWS_WITH(solve(half_plus_one, start, Anderson<5>{.ridge = -1}),
                    Catch::StartsWith("ridge of Anderson is -1"));
  CHECK_THROWS_WITH(solve(half_plus_one, start, Broyden<5>{.min_denominator = 0}),
                    Catch::StartsWith("min_denominator of Broyden is 0"));
  CHECK_THROWS_WITH(solve(half_plus_one, start, Broyden<5>{.min_denominator = 1}),
                    Catch::StartsWith("min_denominator of Broyden is 1"));
  State<double> z(Shape{1, {1, 1, 1}, 2});
  std::vector<SampleResult> results(1);
  CHECK_THROWS_WITH(solve_tile(half_plus_one, z.view(), Picard{}, Stop{}, results),
                    "number of results is 1, expected 2");
}
