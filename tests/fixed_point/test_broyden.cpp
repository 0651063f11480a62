#include "basin/fixed_point/broyden.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "basin/fixed_point/solve.hpp"

using namespace basin;

namespace {

Matrix<double> entries(Index rows, Index columns, double phase) {
  Matrix<double> m(rows, columns);
  for (Index j = 0; j < columns; ++j) {
    for (Index i = 0; i < rows; ++i) m(i, j) = std::sin(phase + static_cast<double>(i * i + 3 * j + i * j));
  }
  return m;
}

}  // namespace

TEST_CASE("Broyden's iterates are those of the method with a dense matrix", "[unit]") {
  const Index n = 10;
  const Matrix<double> m = 0.25 * entries(n, n, 1);
  const Vector<double> b = entries(n, 1, 2);
  const auto f = [&](const Vector<double>& z) { return Vector<double>(m * z.array().sin().matrix() + b); };
  constexpr int memory = 4;  // so that it starts again twice
  std::vector<Vector<double>> z{Vector<double>::Zero(n)};
  Matrix<double> jacobian;
  Vector<double> g, step;
  for (int k = 0; k < 12; ++k) {
    const Vector<double> now = f(z.back()) - z.back();
    if (k % (memory + 1) == 0) {
      jacobian = -Matrix<double>::Identity(n, n);
    } else {
      jacobian += (now - g - jacobian * step) * step.transpose() / step.squaredNorm();
    }
    g = now;
    step = -jacobian.partialPivLu().solve(g);
    z.push_back(z.back() + step);
  }
  std::size_t seen = 0;
  const auto solution =
      solve([&](View<const double> at, View<double> out) { out.vector() = f(at.vector()); },
            Matrix<double>::Zero(n, 1).eval(), Broyden<memory>{}, {.tolerance = 0, .max_evaluations = 12},
            [&](const Iterate<double>& iterate) {
              INFO("iterate " << seen);
              CHECK((iterate.z.vector() - z[seen]).norm() < 1e-10 * (1 + z[seen].norm()));
              ++seen;
            });
  CHECK(solution.samples[0].evaluations == 12);
  CHECK(seen == 12);
}

TEST_CASE("in one dimension Broyden's method is the secant method", "[unit]") {
  const auto f = [](View<const double> z, View<double> out) { out.array() = z.array().cos(); };
  std::vector<double> z;
  const auto solution = solve(f, Matrix<double>::Zero(1, 1).eval(), Broyden<20>{}, {.tolerance = 1e-14},
                              [&](const Iterate<double>& iterate) { z.push_back(iterate.z.data()[0]); });
  CHECK(solution.converged());
  REQUIRE(z.size() > 4);
  const auto g = [](double x) { return std::cos(x) - x; };
  CHECK(z[1] == 1);
  for (std::size_t k = 2; k < 5; ++k) {
    const double secant = z[k - 1] - g(z[k - 1]) * (z[k - 1] - z[k - 2]) / (g(z[k - 1]) - g(z[k - 2]));
    CHECK(z[k] == Approx(secant).epsilon(1e-12));
  }
}

TEST_CASE("a denominator next to zero is kept away from it", "[unit]") {
  // f(z) = z + 1: g never changes, so the secant's slope is zero.
  const auto f = [](View<const double> z, View<double> out) { out.array() = z.array() + 1; };
  std::vector<double> z;
  const auto solution = solve(f, Matrix<double>::Zero(1, 1).eval(), Broyden<20>{.min_denominator = 0.01},
                              {.tolerance = 0, .absolute_tolerance = 1e-6, .max_evaluations = 3},
                              [&](const Iterate<double>& iterate) { z.push_back(iterate.z.data()[0]); });
  CHECK(solution.samples[0].status == Status::max_iterations);
  REQUIRE(z.size() == 3);
  CHECK(z[1] == 1);
  CHECK(z[2] == Approx(101));  // a hundred times the step without an update, and no more
}

TEST_CASE("a memory that is full starts again and still arrives", "[unit]") {
  // Rate .99 to 1e-6. (A ring of updates that are overwritten one by one blows up here.)
  const Index n = 100;
  const Vector<double> rates = Vector<double>::LinSpaced(n, -0.99, 0.99);
  const auto f = [&](View<const double> z, View<double> out) { out.array() = rates.array() * z.array() + 1; };
  const Stop stop{.tolerance = 0, .absolute_tolerance = 1e-6, .max_evaluations = 1000};
  const auto small = solve(f, Matrix<double>::Zero(n, 1).eval(), Broyden<20>{}, stop);
  const auto large = solve(f, Matrix<double>::Zero(n, 1).eval(), Broyden<100>{}, stop);
  CHECK(small.converged());
  CHECK(large.converged());
  CHECK(large.samples[0].evaluations < 100);
  CHECK(large.samples[0].evaluations < small.samples[0].evaluations);
}

TEST_CASE("Broyden with floats whose squares underflow or overflow", "[unit]") {
  for (const float scale : {1e-25f, 1e25f}) {
    const Vector<float> rates = Vector<float>::LinSpaced(50, -0.8f, 0.8f);
    const auto f = [&](View<const float> z, View<float> out) { out.array() = rates.array() * z.array() + scale; };
    const auto solution = solve(f, Matrix<float>::Zero(50, 1).eval(), Broyden<20>{},
                                {.tolerance = 1e-5, .absolute_tolerance = 0, .max_evaluations = 100});
    INFO("scale " << scale << ", " << name(solution.samples[0].status));
    CHECK(solution.converged());
  }
}

TEST_CASE("Broyden starts again where a step cannot be measured", "[unit]") {
  const Broyden<5> method;
  Scratch scratch;
  for (const float step :
       {1e-40f, 0.0f, std::numeric_limits<float>::infinity()}) {  // no normal number, nothing, too much
    auto memory = method.start<float>(2, scratch);
    std::vector<float> z{0, 0}, f{0.5f, 0.25f};
    method.step(memory, std::span(z), f);
    REQUIRE(memory.count == 1);
    z = {0, 1};
    f = {step, 1};
    memory.count = 0;
    method.step(memory, std::span(z), f);
    CHECK(memory.count == 0);
    CHECK(z == f);
  }
}
