// What may call itself converged, and what may end a solve.

#include <Eigen/LU>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "basin/fixed_point/picard.hpp"
#include "fixed_point/written_map.hpp"

using namespace basin;

namespace {

/// All methods as one type, so that what loops over them is compiled once; and one type for all maps.
using Method =
    AnyMethod<Picard, Anderson<5>, Broyden<>, BroydenBad<>, Klement, NewtonGmres<>, Chord<>, PseudoTransient<>>;

template <class Body>
void for_each_method(const Body& body) {
  const auto with = [&](const char* name, const Method& method) { body(name, method); };
  with("Picard", Picard{});
  with("Anderson<1>", Anderson<5>{.depth = 1});
  with("Anderson<2>", Anderson<5>{.depth = 2});
  with("Anderson<5>", Anderson<5>{});
  with("Anderson guarded", Anderson<5>{.delay = 3, .max_rise = 1, .choose_damping = damping_by_gain});
  with("Broyden", Broyden<>{});
  with("Broyden bad", BroydenBad<>{});
  with("Klement", Klement{});
  with("Newton-GMRES", NewtonGmres<>{});
  with("Newton-GMRES, line search", NewtonGmres<>{.globalization = Globalization::line_search});
  with("Chord", Chord<>{});
  with("pseudo-transient", PseudoTransient<>{});
}

/// One type for all maps. In float it is the map of double, rounded.
struct Written {
  std::function<void(View<const double>, View<double>)> f;

  template <class F>
  Written(F map) : f(std::move(map)) {}
  void operator()(View<const double> z, View<double> out) const { f(z, out); }
  void operator()(View<const float> z, View<float> out) const {
    const Vector<double> wide = z.vector().cast<double>();
    Vector<double> value(z.size());
    f(View<const double>(wide.data(), z.shape()), View<double>(value.data(), z.shape()));
    out.vector() = value.cast<float>();
  }
};

/// Each number by itself.
Written on_numbers(std::function<double(double)> f) {
  return [f = std::move(f)](View<const double> z, View<double> out) {
    for (Index i = 0; i < z.size(); ++i) out.data()[i] = f(z.data()[i]);
  };
}

Matrix<double> constant(double value, Index size = 1) { return Matrix<double>::Constant(size, 1, value); }

}  // namespace

TEST_CASE("an escape to infinity is no convergence", "[unit]") {
  const auto minus_atan = on_numbers([](auto z) { return z - std::atan(z); });
  const auto minus_tanh = on_numbers([](auto z) { return z - std::tanh(z); });
  const auto plus_one = on_numbers([](auto z) { return z + 1; });
  const std::vector<Stop> stops{{.max_evaluations = 1000},
                                {.tolerance = 1e-10, .max_evaluations = 200},
                                {.tolerance = 0, .absolute_tolerance = 1e-10, .max_evaluations = 200},
                                {.tolerance = 0,
                                 .absolute_tolerance = 1e-10,
                                 .max_evaluations = 1000,
                                 .stall_window = 0,
                                 .divergence_factor = std::numeric_limits<double>::infinity()}};
  for (const Stop& stop : stops) {
    for_each_method([&](const char* method_name, const Method& method) {
      INFO(method_name << ", tolerance " << stop.tolerance);
      for (const double start : {0.0, 3.0, -20.0}) {
        const auto never = solve(plus_one, constant(start), method, stop);
        CHECK(never.samples[0].status != Status::converged);
        CHECK(std::abs(never.value.values[0]) < 1e12);  // 1e16 + 1 - 1e16 is 0: no residual
        const auto single =
            solve(plus_one, Matrix<float>::Constant(1, 1, static_cast<float>(start)).eval(), method, stop);
        CHECK(single.samples[0].status != Status::converged);
        // With a fixed point at 0 they either find it or say that they did not.
        const auto by_atan = solve(minus_atan, constant(start), method, stop);
        const auto by_tanh = solve(minus_tanh, constant(start), method, stop);
        for (const auto& solution : {by_atan, by_tanh}) {
          if (solution.samples[0].status == Status::converged) CHECK(std::abs(solution.value.values[0]) < 0.2);
        }
      }
    });
  }
  // Picard does find it.
  CHECK(solve(minus_atan, constant(3), Picard{}, stops[2]).converged());
  // The default of an equilibrium: 40 evaluations from 0.
  const auto equilibrium = solve(plus_one, constant(0), Anderson<>{});
  CHECK(equilibrium.samples[0].status != Status::converged);
  CHECK(equilibrium.samples[0].residual > 0.9);  // 1 beside a state of 10101 is not small
}

TEST_CASE("a start near the scale where a residual would pass is no convergence either", "[unit]") {
  // 1 is a thousandth of 1000: the start fails the test, and a z that grows does not make up for it.
  const auto plus_one = on_numbers([](auto z) { return z + 1; });
  for_each_method([&](const char* method_name, const Method& method) {
    INFO(method_name);
    for (const double start : {200.0, 500.0, 990.0}) {
      for (const int evaluations : {40, 2000}) {
        const auto solution = solve(plus_one, constant(start), method, {.max_evaluations = evaluations});
        CHECK(solution.samples[0].status != Status::converged);
        CHECK(solution.samples[0].residual > 1e-3);
      }
    }
    // Where the start passes it, that is all the tolerance asks for.
    const auto at_once = solve(plus_one, constant(1000), method);
    CHECK(at_once.converged());
    CHECK(at_once.samples[0].evaluations == 1);
  });
}

TEST_CASE("a residual that rounding swallows at the start is none", "[unit]") {
  const auto plus_one = on_numbers([](auto z) { return z + 1; });
  const auto minus_atan = on_numbers([](auto z) { return z - std::atan(z); });
  const auto cosine = on_numbers([](auto z) { return std::cos(z); });
  const Stop stop{.tolerance = 0, .absolute_tolerance = 1e-10};
  for_each_method([&](const char* method_name, const Method& method) {
    INFO(method_name);
    for (const auto& solution :
         {solve(plus_one, constant(1e17), method, stop), solve(minus_atan, constant(3e16), method, stop)}) {
      CHECK(solution.samples[0].status == Status::stalled);
      CHECK(solution.samples[0].evaluations == 1);
      CHECK(solution.samples[0].residual > 1);  // what rounding leaves
    }
    // Never stalled: until the evaluations are used up.
    Stop on = stop;
    on.stall_window = 0;
    CHECK(solve(plus_one, constant(1e17), method, on).samples[0].status == Status::max_iterations);

    // A start at a fixed point of ordinary size: 1e-10 is above rounding, and 0 means to the last bit.
    const double fixed = 0.7390851332151607;
    REQUIRE(std::cos(fixed) == fixed);
    for (const double tolerance : {1e-10, 0.0}) {
      const auto there = solve(cosine, constant(fixed), method, {.tolerance = 0, .absolute_tolerance = tolerance});
      CHECK(there.converged());
      CHECK(there.samples[0].evaluations == 1);
    }
    // A residual that was measured and then fell to nothing is evidence below rounding too.
    const auto still = on_numbers([](auto) { return 1e6; });
    CHECK(solve(still, constant(0), method, {.tolerance = 0, .absolute_tolerance = 1e-12}).converged());
    // From there nothing can be measured.
    CHECK(solve(still, constant(1e6), method, {.tolerance = 0, .absolute_tolerance = 1e-12}).samples[0].status ==
          Status::stalled);
  });
}

TEST_CASE("an equation without a solution, relative to its right side, does not converge", "[unit]") {
  // w <- w + g, as the adjoint of a map whose Jacobian is the identity.
  for_each_method([](const char* method_name, const Method& method) {
    for (const double size : {1.0, 1e-170, 1e150}) {
      INFO(method_name << ", " << size);
      const Written f = [size](View<const double> w, View<double> out) { out.array() = w.array() + size; };
      State<double> w(Shape{2});
      w.values.setConstant(size);
      const double reference = size * std::sqrt(2.0);
      SampleResult result;
      solve_tile(f, w.view(), method, {.tolerance = 1e-4, .max_evaluations = 200}, std::span<SampleResult>(&result, 1),
                 &reference);
      CHECK(result.status != Status::converged);
      CHECK(result.residual > 0.9);
      // And one with: w = 2 g, to the tolerance, however small g is.
      const Written solvable = [size](View<const double> v, View<double> out) { out.array() = 0.5 * v.array() + size; };
      w.values.setConstant(size);
      solve_tile(solvable, w.view(), method, {.tolerance = 1e-6}, std::span<SampleResult>(&result, 1), &reference);
      CHECK(result.status == Status::converged);
      CHECK(w.values[0] / size == Approx(2).epsilon(1e-5));
    }
  });
}

TEST_CASE("a state may grow far from its start and converge", "[unit]") {
  // 0.999 z + 1e-3 from 0 reaches 1, a thousand times f(0); and its first iterates look converged beside it.
  const auto slow = on_numbers([](auto z) { return 0.999 * z + 1e-3; });
  const auto solution =
      solve(slow, constant(0), Picard{}, {.tolerance = 1e-3, .absolute_tolerance = 0, .max_evaluations = 20000});
  CHECK(solution.converged());
  CHECK(solution.value.values[0] > 0.9);
  CHECK(solve(slow, constant(0), Anderson<>{}, {.tolerance = 1e-8}).value.values[0] == Approx(1));
}

TEST_CASE("numbers whose squares underflow or overflow in double are solved too", "[unit]") {
  for (const double scale : {1e-170, 1e-300, 1e170, 1e300}) {
    const auto f = on_numbers([scale](auto z) { return z / 2 + scale; });
    for_each_method([&](const char* method_name, const Method& method) {
      INFO(method_name << ", " << scale);
      const auto solution =
          solve(f, constant(0, 3), method, {.tolerance = 1e-8, .absolute_tolerance = 0, .max_evaluations = 60});
      CHECK(solution.samples[0].status == Status::converged);
      CHECK(solution.value.values[1] / scale == Approx(2).epsilon(1e-6));
    });
  }
  // With the absolute part of the defaults, 1e-170 is nothing, and says so at once.
  const auto nothing = solve(on_numbers([](auto z) { return z / 2 + 1e-170; }), constant(0), Picard{});
  CHECK(nothing.converged());
  CHECK(nothing.samples[0].evaluations == 1);
}

TEST_CASE("the defaults solve maps whose fixed point is 0", "[unit]") {
  const auto half = on_numbers([](auto z) { return z / 2; });
  const auto squashed = on_numbers([](auto z) { return std::tanh(z / 2); });
  const Written diagonal = [](View<const double> z, View<double> out) {
    out.vector() = Vector<double>{{0.9, 0.5, 0.1}}.cwiseProduct(z.vector());
  };
  for_each_method([&](const char* method_name, const Method& method) {
    INFO(method_name);
    for (const double start : {1.0, 3.0}) {
      for (const auto& solution : {solve(half, constant(start), method), solve(squashed, constant(start), method)}) {
        CHECK(solution.converged());
        CHECK(std::abs(solution.value.values[0]) < 1e-5);
      }
    }
    const auto three = solve(diagonal, constant(1, 3), method, {.max_evaluations = 200});
    CHECK(three.converged());
    CHECK(three.value.values.norm() < 1e-4);
  });
  CHECK(solve(diagonal, constant(1, 3), Anderson<>{}).converged());
  // Without an absolute part nothing converges to 0, but what comes back is not the start.
  const auto relative = solve(half, constant(1), Picard{}, {.absolute_tolerance = 0});
  CHECK(relative.samples[0].status == Status::max_iterations);
  CHECK(relative.value.values[0] < 1e-11);
}

TEST_CASE("a point where f is not finite does not end a solve", "[unit]") {
  // Defined for n > 1, with the fixed point 1.3; what accelerates steps to the left of 1.
  const auto f = on_numbers([](auto n) { return std::log(3 / n) / std::log(3.7477525683 * n / (n - 1)) + 1; });
  const Stop stop{.tolerance = 1e-8};
  const auto check_found = [&](const char* method_name, const Method& method, bool fails) {
    INFO(method_name);
    const auto solution = solve(f, constant(1.001), method, stop);
    CHECK(solution.samples[0].status == Status::converged);
    CHECK(solution.value.values[0] == Approx(1.3).epsilon(1e-6));
    CHECK((solution.samples[0].retries > 0) == fails);
  };
  check_found("Picard", Picard{}, false);
  check_found("Anderson", Anderson<5>{}, true);
  check_found("Broyden", Broyden<>{}, true);

  // Newton's line search shortens its step where f is not finite, and says so.
  int failed = 0;
  const Written counted = [&](View<const double> z, View<double> out) {
    f(z, out);
    if (!std::isfinite(out.data()[0])) ++failed;
  };
  const NewtonGmres<> by_search{.globalization = Globalization::line_search};
  const auto newton = solve(counted, constant(1.001), by_search, stop);
  CHECK(failed > 0);
  CHECK(newton.samples[0].retries == failed);
  CHECK(solve(f, constant(1.001), NewtonGmres<>{}, stop).samples[0].retries > 0);

  // Picard's own step fails: from 1.2 it comes to where the root of a negative number is asked for.
  const auto root = on_numbers([](auto z) { return z < 0 ? std::sqrt(z) : z * z - 2; });
  const auto shortened = solve(root, constant(1.2), Picard{}, {.max_evaluations = 30});
  CHECK(shortened.samples[0].retries > 0);
  CHECK(shortened.samples[0].evaluations <= 30);
  CHECK(std::isfinite(shortened.value.values[0]));

  // First from the best point by the map's own step, and where that fails too half of the way back to it.
  std::vector<double> tried;
  const Written far_off = [&](View<const double> z, View<double> out) {
    tried.push_back(z.data()[0]);
    out.data()[0] = z.data()[0] > 2 ? std::sqrt(-z.data()[0]) : z.data()[0] + 4;
  };
  (void)solve(far_off, constant(0), Picard{}, {.max_evaluations = 6, .max_retries = 4});
  CHECK(tried == std::vector<double>{0, 4, 0, 4, 2, 6});
  // Failures that others lie between are each the first.
  tried.clear();
  const Written at_first = [&](View<const double> z, View<double> out) {
    const double at = z.data()[0];
    const bool again = std::find(tried.begin(), tried.end(), at) != tried.end();
    tried.push_back(at);
    out.data()[0] = (at == 4 && !again) || at == 20 ? std::nan("") : at == 0 ? 4 : at == 4 ? 5 : 20;
  };
  (void)solve(at_first, constant(0), Picard{}, {.max_evaluations = 7});
  CHECK(tried == std::vector<double>{0, 4, 0, 4, 5, 20, 4});

  // In a batch the others do not notice.
  const auto batch = [&](View<const double> z, View<double> out, std::span<const Index> samples) {
    f(z, out);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (samples[i] != 1) out.data()[i] = std::cos(z.data()[i]);
    }
  };
  Matrix<double> start(1, 3);
  start << 0.2, 1.001, 0.4;
  const auto three = solve(batch, start, Anderson<5>{}, stop);
  CHECK(three.converged());
  CHECK(three.samples[0].retries == 0);
  CHECK(three.samples[1].retries > 0);
  CHECK(three.value.values[2] ==
        solve(on_numbers([](auto z) { return std::cos(z); }), constant(0.4), Anderson<5>{}, stop).value.values[0]);
}

TEST_CASE("a method that wanders or comes back from far is left alone", "[unit]") {
  // Wood's function as x - J^-1 F, with the Jacobian of the start.
  const auto wood = [](const Vector<double>& x) {
    const double a = x[1] - x[0] * x[0], b = x[3] - x[2] * x[2];
    return Vector<double>{{-200 * x[0] * a - (1 - x[0]), 200 * a + 20.2 * (x[1] - 1) + 19.8 * (x[3] - 1),
                           -180 * x[2] * b - (1 - x[2]), 180 * b + 20.2 * (x[3] - 1) + 19.8 * (x[1] - 1)}};
  };
  const Vector<double> start{{-3, -1, -3, -1}};
  Matrix<double> jacobian(4, 4);
  for (Index i = 0; i < 4; ++i) {
    Vector<double> up = start, down = start;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    jacobian.col(i) = (wood(up) - wood(down)) / 2e-5;
  }
  const Matrix<double> inverse = jacobian.inverse();
  const Written f = [&](View<const double> z, View<double> out) {
    out.vector() = z.vector() - inverse * wood(z.vector());
  };
  Stop stop{.tolerance = 1e-8, .max_evaluations = 500};
  const auto with = solve(f, start, Anderson<5>{}, stop);
  stop.stall_window = 0;
  stop.divergence_factor = std::numeric_limits<double>::infinity();
  const auto without = solve(f, start, Anderson<5>{}, stop);
  CHECK(with.samples[0].status == Status::converged);
  CHECK(with.samples[0].evaluations == without.samples[0].evaluations);
  CHECK(with.samples[0].evaluations > 50);
}

TEST_CASE("a largest number that stays is no stall while others fall", "[unit]") {
  // Heat in a rod of 201 places: what the ends hold needs a hundred steps to reach the middle, whose residual is the
  // source until then.
  const Written rod = [](View<const double> z, View<double> out) {
    const Index n = z.size();
    for (Index i = 0; i < n; ++i) {
      out.data()[i] = 0.5 * ((i > 0 ? z.data()[i - 1] : 0) + (i + 1 < n ? z.data()[i + 1] : 0)) + 1;
    }
  };
  const Vector<double> zero = Vector<double>::Zero(201);
  Stop stop{.tolerance = 0, .absolute_tolerance = 1e-9, .norm = Norm::maximum, .max_evaluations = 95};
  const auto early = solve(rod, zero, Picard{}, stop);
  CHECK(early.samples[0].status == Status::max_iterations);
  CHECK(early.samples[0].residual == 1);
  stop.max_evaluations = 3000;
  CHECK(solve(rod, zero, Anderson<5>{}, stop).samples[0].evaluations > 95);
  // And where nothing moves it is one.
  const Written apart = [](View<const double> z, View<double> out) { out.array() = -z.array(); };
  CHECK(solve(apart, Vector<double>::Ones(201).eval(), Picard{}, stop).samples[0].status == Status::stalled);
}

TEST_CASE("each norm and its weights decide what has converged", "[unit]") {
  // 1e-12 (1 + error) beside 1e12: the large one is there at once, the small one falls by half.
  const Written f = [](View<const double> z, View<double> out) { out.vector() << 0.5 * z.data()[0] + 0.5e-12, 1e12; };
  Matrix<double> start(2, 1);
  start << 0, 1e12;
  Stop stop{.tolerance = 1e-10, .absolute_tolerance = 0, .max_evaluations = 100};
  const auto blind = solve(f, start, Picard{}, stop);
  CHECK(blind.samples[0].evaluations == 1);
  const std::vector<double> weights{1e12, 1e-12};
  stop.weights = weights;
  for (const Norm norm : {Norm::euclidean, Norm::root_mean_square, Norm::maximum}) {
    stop.norm = norm;
    for_each_method([&](const char* method_name, const Method& method) {
      INFO(method_name);
      const auto solution = solve(f, start, method, stop);
      CHECK(solution.converged());
      CHECK(solution.value.values[0] * 1e12 == Approx(1).epsilon(1e-9));
    });
  }

  // 10,000 numbers with a residual of 1e-3 each, beside f = 1: 0.1, 1e-3 and 1e-3.
  const auto off = on_numbers([](auto) { return 1.0; });
  const Matrix<double> near = constant(1 - 1e-3, 10000);
  const auto residual = [&](const Stop& with) { return solve(off, near, Picard{}, with).samples[0].residual; };
  Stop one{.tolerance = 0, .absolute_tolerance = 1e-9, .max_evaluations = 1};
  CHECK(residual(one) == Approx(0.1));
  one.norm = Norm::root_mean_square;
  CHECK(residual(one) == Approx(1e-3));
  one.norm = Norm::maximum;
  CHECK(residual(one) == Approx(1e-3));
  const std::vector<double> doubled(10000, 2.0);
  one.weights = doubled;
  CHECK(residual(one) == Approx(2e-3));
  one.norm = Norm::root_mean_square;
  CHECK(residual(one) == Approx(2e-3));
  one.norm = Norm::euclidean;
  CHECK(residual(one) == Approx(0.2));
  // A number of weight 0 is not looked at.
  std::vector<double> none(2, 0.0);
  none[1] = 1;
  CHECK(solve(f, start, Picard{}, {.tolerance = 1e-10, .absolute_tolerance = 0, .weights = none})
            .samples[0]
            .evaluations == 1);

  const auto three = constant(0, 3);
  CHECK_THROWS_WITH(solve(off, three, Picard{}, {.weights = weights}), "number of weights of Stop is 2, expected 3");
  const std::vector<double> negative{1, -1, 1};
  CHECK_THROWS_WITH(solve(off, three, Picard{}, {.weights = negative}),
                    "a weight of Stop is -1, expected a finite number, 0 or more");
  CHECK_THROWS_WITH(solve(off, three, Picard{}, {.absolute_tolerance = -1}),
                    Catch::StartsWith("absolute_tolerance of Stop is -1"));
  CHECK_THROWS_WITH(solve(off, three, Picard{}, {.max_retries = -1}), Catch::StartsWith("max_retries of Stop is -1"));
}

TEST_CASE("the residual is what is compared with the tolerance", "[unit]") {
  // 16 / 2^k while f nears 32; |f - z| / (|f| + absolute / tolerance).
  const auto f = on_numbers([](auto z) { return 0.5 * z + 16; });
  const auto solution =
      solve(f, constant(0), Picard{}, {.tolerance = 1e-3, .absolute_tolerance = 0.01, .max_evaluations = 100});
  CHECK(solution.samples[0].evaluations == 10);  // 16/512 = 0.031 <= 0.01 + 0.032
  CHECK(solution.samples[0].residual == Approx(16.0 / 512 / (32 - 16.0 / 512 + 10)));
  const auto absolute =
      solve(f, constant(0), Picard{}, {.tolerance = 0, .absolute_tolerance = 0.01, .max_evaluations = 100});
  CHECK(absolute.samples[0].evaluations == 12);
  CHECK(absolute.samples[0].residual == 16.0 / 2048);
}
