#include "basin/fixed_point/anderson.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "basin/fixed_point/mixing.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"

using namespace basin;

namespace {

Matrix<double> gaussian(Index rows, Index columns, unsigned seed) {
  std::mt19937 bits(seed);
  std::normal_distribution<double> normal;
  Matrix<double> m(rows, columns);
  for (double& entry : m.reshaped()) entry = normal(bits);
  return m;
}

// The mixing problem of residuals g (oldest first), with Q from a dense decomposition.
template <int window>
detail::MixingProblem<window> mixing_of(const Matrix<double>& g) {
  const Index k = g.cols() - 1;
  const Matrix<double> d = g.rightCols(k) - g.leftCols(k);
  const Eigen::HouseholderQR<Matrix<double>> qr(d);
  const Matrix<double> r = Matrix<double>(qr.matrixQR().topRows(k)).triangularView<Eigen::Upper>();
  const Vector<double> c = (qr.householderQ().transpose() * g.col(k)).head(k);
  detail::MixingProblem<window> problem;
  for (Index j = 0; j < k; ++j) {
    std::array<double, window> column{};
    for (Index i = 0; i < j; ++i) column[static_cast<std::size_t>(i)] = r(i, j);
    problem.append(column, r(j, j), c[j], g.col(j).squaredNorm());
  }
  problem.set_newest(g.col(k).squaredNorm());
  return problem;
}

template <std::size_t window>
Vector<double> alpha_of(const std::array<double, window>& gamma, Index k) {
  Vector<double> alpha(k + 1);
  for (Index i = 0; i <= k; ++i) {
    alpha[i] = (i < k ? gamma[static_cast<std::size_t>(i)] : 1) - (i > 0 ? gamma[static_cast<std::size_t>(i - 1)] : 0);
  }
  return alpha;
}

}  // namespace

TEST_CASE("exam 7: the mixing coefficients sum to one and are stationary", "[exam]") {
  const Matrix<double> g = gaussian(20, 10, 1);
  const auto problem = mixing_of<9>(g);
  const double mean_square = g.squaredNorm() / 10;
  for (const double ridge : {0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0}) {
    INFO("ridge " << ridge);
    const Vector<double> alpha = alpha_of(problem.solve(ridge), 9);
    CHECK(std::abs(alpha.sum() - 1) < 1e-12);
    // The gradient of |G alpha|^2 + ridge T |alpha|^2 is along (1, ..., 1).
    const Vector<double> gradient = g.transpose() * (g * alpha) + ridge * mean_square * alpha;
    CHECK((gradient.array() - gradient.mean()).abs().maxCoeff() < 1e-10 * gradient.cwiseAbs().maxCoeff());
  }
  // A ridge without end averages.
  CHECK((alpha_of(problem.solve(1e12), 9).array() - 0.1).abs().maxCoeff() < 1e-9);
}

TEST_CASE("dropping the oldest difference leaves the factorisation of the rest", "[unit]") {
  const Matrix<double> g = gaussian(12, 6, 2);
  auto problem = mixing_of<5>(g);
  problem.drop_oldest();
  CHECK(problem.columns() == 4);
  const auto expected = mixing_of<5>(Matrix<double>(g.rightCols(5)));
  for (const double ridge : {0.0, 1e-3}) {
    const auto gamma = problem.solve(ridge), fresh = expected.solve(ridge);
    for (std::size_t i = 0; i < 4; ++i) CHECK(gamma[i] == Approx(fresh[i]).epsilon(1e-12));
  }
  CHECK(problem.condition() == Approx(expected.condition()).epsilon(1e-12));
}

TEST_CASE("the condition number ignores how long the differences are, not how they lie", "[unit]") {
  detail::MixingProblem<2> problem;
  problem.append({}, 1e6, 0, 1);
  CHECK(problem.condition() == Approx(1));
  problem.append({}, 1e-6, 0, 1);  // orthogonal to the first
  CHECK(problem.condition() == Approx(1));
  problem.clear();
  problem.append({}, 1, 0, 1);
  problem.append({1, 0}, 1e-3, 0, 1);  // a thousandth from parallel
  CHECK(problem.condition() > 1e3);
  CHECK(problem.condition() < 1e4);
  problem.clear();
  problem.append({}, 1, 0, 1);
  problem.append({1, 0}, 0, 0, 1);
  CHECK(problem.condition() == std::numeric_limits<double>::infinity());
}

TEST_CASE("Anderson's iterates are those of the least-squares problem solved afresh", "[unit]") {
  // Against a dense decomposition of the differences themselves, with the window full and not, damped and not.
  const Index n = 15;
  const Matrix<double> m = gaussian(n, n, 3) * 0.2;
  const Vector<double> b = gaussian(n, 1, 4);
  const auto f = [&](const Vector<double>& z) { return Vector<double>(m * z.array().sin().matrix() + b); };
  for (const double damping : {1.0, 0.6}) {
    std::vector<Vector<double>> z{Vector<double>::Zero(n)}, r;
    for (int k = 0; k < 12; ++k) {
      r.push_back(f(z.back()) - z.back());
      const Index held = std::min<Index>(k, 4);
      Matrix<double> dr(n, held), dz(n, held);
      for (Index j = 0; j < held; ++j) {
        const auto i = static_cast<std::size_t>(k - held + j);
        dr.col(j) = r[i + 1] - r[i];
        dz.col(j) = z[i + 1] - z[i];
      }
      const Vector<double> gamma =
          held > 0 ? Vector<double>(dr.colPivHouseholderQr().solve(r.back())) : Vector<double>(held);
      z.push_back(z.back() + damping * r.back() - (dz + damping * dr) * gamma);
    }
    std::size_t seen = 0;
    const auto solution = solve([&](View<const double> at, View<double> out) { out.vector() = f(at.vector()); },
                                Matrix<double>::Zero(n, 1).eval(), Anderson<4>{.damping = damping},
                                {.tolerance = 0, .max_evaluations = 12},
                                [&](const Iterate<double>& iterate) {
                                  INFO("iterate " << seen << ", damping " << damping);
                                  CHECK((iterate.z.vector() - z[seen]).norm() <= 1e-9 * z[seen].norm());
                                  ++seen;
                                });
    CHECK(solution.samples[0].evaluations == 12);
    CHECK(seen == 12);
  }
}

TEST_CASE("a window larger than the problem does no harm", "[unit]") {
  const auto f = [](View<const double> z, View<double> out) {
    out.vector() << std::cos(z.data()[1]), 0.5 * std::sin(z.data()[0]) + 0.1;
  };
  const auto solution = solve(f, Matrix<double>::Zero(2, 1).eval(), Anderson<10>{}, {.tolerance = 1e-13});
  CHECK(solution.converged());
  CHECK(solution.samples[0].evaluations < 12);
}

TEST_CASE("differences that depend on each other do no harm", "[unit]") {
  // All numbers of the state are the same, so every difference is a multiple of the first.
  const auto f = [](View<const double> z, View<double> out) { out.array() = z.array().cos(); };
  for (const double ridge : {0.0, 1e-8}) {
    const auto solution =
        solve(f, Matrix<double>::Zero(100, 1).eval(), Anderson<5>{.ridge = ridge}, {.tolerance = 1e-13});
    CHECK(solution.converged());
    CHECK(solution.value.values[50] == Approx(0.7390851332151607).epsilon(1e-12));
  }
}

TEST_CASE("a map that does not move gives no difference to learn from", "[unit]") {
  // r is the same at every z: no fixed point, and nothing but zeros to divide by.
  const auto f = [](View<const double> z, View<double> out) { out.array() = z.array() + 1; };
  const auto solution = solve(f, Matrix<double>::Zero(4, 1).eval(), Anderson<3>{},
                              {.tolerance = 0, .absolute_tolerance = 1e-6, .max_evaluations = 200});
  CHECK(solution.samples[0].status == Status::stalled);
  CHECK(solution.samples[0].residual == 2);
}

TEST_CASE("Anderson in float goes as far as float can tell", "[unit]") {
  const Index n = 2000;
  const Vector<float> rates = Vector<float>::LinSpaced(n, -0.95f, 0.95f);
  const auto f = [&](View<const float> z, View<float> out) { out.array() = rates.array() * z.array() + 1; };
  const auto solution =
      solve(f, Matrix<float>::Zero(n, 1).eval(), Anderson<5>{}, {.tolerance = 1e-6, .max_evaluations = 300});
  CHECK(solution.converged());
  const Vector<float> exact = (1 - rates.array()).inverse();
  CHECK((solution.value.values - exact).norm() < 2e-5f * exact.norm());  // 1e-6 over 1 - .95
}

TEST_CASE("tiny and huge floats are no trouble", "[unit]") {
  // Squares of these underflow and overflow in float.
  for (const float scale : {1e-25f, 1e25f}) {
    const Vector<float> rates = Vector<float>::LinSpaced(50, -0.8f, 0.8f);
    const auto f = [&](View<const float> z, View<float> out) { out.array() = rates.array() * z.array() + scale; };
    const auto solution = solve(f, Matrix<float>::Zero(50, 1).eval(), Anderson<5>{},
                                {.tolerance = 1e-5, .absolute_tolerance = 0, .max_evaluations = 100});
    INFO("scale " << scale << ", " << name(solution.samples[0].status));
    CHECK(solution.converged());
    const Vector<float> exact = scale * (1 - rates.array()).inverse();
    CHECK((solution.value.values / scale - exact / scale).norm() < 1e-3f * (exact / scale).norm());
  }
}

TEST_CASE("a relative ridge helps on slow problems, at tight tolerances too", "[unit]") {
  const Index n = 100;
  const Vector<double> rates = Vector<double>::LinSpaced(n, -0.99, 0.99);
  const auto f = [&](View<const double> z, View<double> out) { out.array() = rates.array() * z.array() + 1; };
  const auto evaluations = [&](double ridge, double tolerance) {
    return solve(f, Matrix<double>::Zero(n, 1).eval(), Anderson<6>{.ridge = ridge},
                 {.tolerance = 0, .absolute_tolerance = tolerance, .max_evaluations = 2000})
        .samples[0]
        .evaluations;
  };
  // An absolute one of 1e-4 takes ten times the evaluations here: it turns mixing into averaging.
  for (const double tolerance : {1e-3, 1e-6, 1e-10}) {
    CHECK(evaluations(1e-8, tolerance) < 1.1 * evaluations(0, tolerance));
    CHECK(evaluations(1e-2, tolerance) < 0.7 * evaluations(0, tolerance));
  }
}

namespace {

// As a program writes a method that it chooses when it runs: it hands on start and step.
struct Wrapped {
  Anderson<3> inner{};
  template <class S>
  [[nodiscard]] auto start(Index size, Scratch& scratch) const {
    return inner.start<S>(size, scratch);
  }
  template <class S>
  void step(Anderson<3>::Memory<S>& memory, std::span<S> z, std::type_identity_t<std::span<const S>> f) const {
    inner.step(memory, z, f);
  }
};

}  // namespace

TEST_CASE("Anderson's step alone is the same as with take_in before it", "[unit]") {
  const Index size = 50;
  const Matrix<double> a = 0.9 * gaussian(size, size, 3) / std::sqrt(2.0 * size);
  const auto f = [&](View<const double> z, View<double> out) {
    out.matrix().noalias() = a * z.matrix();
    out.matrix().array() += 1.0;
  };
  const State<double> start(Shape{static_cast<int>(size), {1, 1, 1}, 2});
  const Stop stop{.tolerance = 1e-9, .max_evaluations = 200};
  const auto whole = solve(f, start, Anderson<3>{}, stop), by_steps = solve(f, start, Wrapped{}, stop);
  CHECK(whole.samples[0].status == Status::converged);
  CHECK(whole.samples[0].evaluations == by_steps.samples[0].evaluations);
  CHECK(whole.value.values == by_steps.value.values);
}

TEST_CASE("a residual that stays the same says nothing, and the newest point takes the place of the last", "[unit]") {
  // r is 1 up to 1, and then falls in a line to 0 at 3: the secant through 1 and 2 finds it, that through 0 and 2 does
  // not.
  std::vector<double> tried;
  const auto f = [&](View<const double> z, View<double> out) {
    tried.push_back(z.data()[0]);
    out.data()[0] = z.data()[0] + std::min(1.0, (3 - z.data()[0]) / 2);
  };
  const Vector<double> start = Vector<double>::Zero(1);
  CHECK(solve(f, start, Anderson<2>{}, {.tolerance = 1e-12}).samples[0].status == Status::converged);
  CHECK(tried == std::vector<double>{0, 1, 2, 3});
}

TEST_CASE("what is older stays where the newest point takes the place of the last", "[unit]") {
  // Residuals at right angles, the second one twice: weights are as 1 / |r|^2, of the points that are left.
  const std::vector<Vector<double>> r{Vector<double>{{4, 0, 0}}, Vector<double>{{0, 2, 0}}, Vector<double>{{0, 2, 0}},
                                      Vector<double>{{0, 0, 1}}, Vector<double>{{0, 0, 1}}};
  std::vector<Vector<double>> tried;
  const auto f = [&](View<const double> z, View<double> out) {
    tried.emplace_back(z.vector());
    out.vector() = z.vector() + r[tried.size() - 1];
  };
  (void)solve(f, Vector<double>::Zero(3).eval(), Anderson<3>{}, {.tolerance = 1e-12, .max_evaluations = 5});
  REQUIRE(tried.size() == 5);
  const Vector<double> mixed =
      ((tried[0] + r[0]) / 16 + (tried[2] + r[2]) / 4 + (tried[3] + r[3])) / (1.0 / 16 + 1.0 / 4 + 1);
  CHECK((tried[4] - mixed).norm() < 1e-12 * mixed.norm());
}

namespace {

struct Sines {
  Matrix<double> m;
  Vector<double> b;
  void operator()(View<const double> z, View<double> out) const { out.vector() = m * z.array().sin().matrix() + b; }
};

/// The iterates of a solve on m sin(z) + b, 15 numbers, by one compiled loop.
std::vector<Vector<double>> sine_iterates(const Anderson<4>& method, int evaluations, double factor = 0.2) {
  const Sines f{gaussian(15, 15, 3) * factor, gaussian(15, 1, 4)};
  std::vector<Vector<double>> all;
  (void)solve(f, Matrix<double>::Zero(15, 1).eval(), method, {.tolerance = 0, .max_evaluations = evaluations},
              [&](const Iterate<double>& iterate) { all.emplace_back(iterate.z.vector()); });
  return all;
}

Vector<double> sine_map(const Vector<double>& z, double factor = 0.2) {
  return gaussian(15, 15, 3) * factor * z.array().sin().matrix() + gaussian(15, 1, 4);
}

}  // namespace

TEST_CASE("a depth that is chosen when the program runs gives the bits of that window", "[unit]") {
  const auto by_depth = sine_iterates({.depth = 3}, 12);
  const auto by_choice =
      sine_iterates({.choose_depth = [](const AndersonMix& mix) { return std::min(mix.differences, 3); }}, 12);
  const Sines f{gaussian(15, 15, 3) * 0.2, gaussian(15, 1, 4)};
  std::vector<Vector<double>> by_window;
  (void)solve(f, Matrix<double>::Zero(15, 1).eval(), Anderson<3>{}, {.tolerance = 0, .max_evaluations = 12},
              [&](const Iterate<double>& iterate) { by_window.emplace_back(iterate.z.vector()); });
  CHECK(by_depth == by_window);
  REQUIRE(by_choice.size() == by_window.size());
  for (std::size_t k = 0; k < 12; ++k) CHECK((by_choice[k] - by_window[k]).norm() < 1e-9);
}

TEST_CASE("Anderson's delay is so many Picard steps, after which the history begins", "[unit]") {
  const auto late = sine_iterates({.delay = 4}, 12);
  Vector<double> z = Vector<double>::Zero(15);
  for (std::size_t k = 1; k <= 5; ++k) {  // the fifth step has no difference yet
    z = sine_map(z);
    CHECK((late[k] - z).norm() < 1e-13);
  }
  CHECK((late[6] - sine_map(z)).norm() > 1e-3);
  const auto plain = sine_iterates({.choose_depth = [](const AndersonMix&) { return 0; }}, 8);
  CHECK((plain[7] - sine_map(plain[6])).norm() < 1e-13);
}

TEST_CASE("Anderson's damping of a step is what was chosen from its gain", "[unit]") {
  // A constant choice gives the iterates of that damping, whatever damping the history was kept with.
  const auto chosen = sine_iterates({.choose_damping = [](const AndersonMix&) { return 0.6; }}, 12);
  const auto fixed = sine_iterates({.damping = 0.6}, 12);
  for (std::size_t k = 0; k < 12; ++k) CHECK((chosen[k] - fixed[k]).norm() < 1e-9);

  std::vector<AndersonMix> seen;
  const auto watched = sine_iterates({.depth = 2,
                                      .choose_damping =
                                          [&](const AndersonMix& mix) {
                                            seen.push_back(mix);
                                            return 1.0;
                                          }},
                                     6);
  REQUIRE(seen.size() == 5);
  CHECK(seen[0].gain == 1);
  CHECK(seen[0].differences == 0);
  for (std::size_t k = 2; k < 5; ++k) {
    CHECK(seen[k].steps == static_cast<int>(k));
    CHECK(seen[k].differences == 2);
    // The least of |r - D gamma| by a dense decomposition.
    Matrix<double> r(15, 3);
    for (Index j = 0; j < 3; ++j) {
      const Vector<double>& z = watched[k - 2 + static_cast<std::size_t>(j)];
      r.col(j) = sine_map(z) - z;
    }
    const Matrix<double> d = r.rightCols(2) - r.leftCols(2);
    const Vector<double> newest = r.col(2);
    const Vector<double> gamma = d.colPivHouseholderQr().solve(newest), rest = newest - d * gamma;
    CHECK(seen[k].residual == Approx(r.col(2).norm()));
    CHECK(seen[k].last_residual == Approx(r.col(1).norm()));
    CHECK(seen[k].gain == Approx(rest.norm() / r.col(2).norm()).epsilon(1e-6));
  }
  CHECK(damping_by_gain({0, 2, 1, 1, 0.4}) == Approx(0.7));
}

TEST_CASE("the safeguard takes f(z) in place of a mix that made the residual rise", "[unit]") {
  // 1.6 of a random matrix: mixing overshoots.
  const double factor = 0.45;
  const auto free = sine_iterates({.depth = 2}, 30, factor);
  const auto guarded = sine_iterates({.depth = 2, .max_rise = 1}, 30, factor);
  const auto residual = [&](const Vector<double>& z) { return (sine_map(z, factor) - z).norm(); };
  int undone = 0;
  for (std::size_t k = 2; k + 1 < guarded.size(); ++k) {
    const bool rose = residual(guarded[k]) > residual(guarded[k - 1]);
    const bool was_mix = (guarded[k] - sine_map(guarded[k - 1], factor)).norm() > 1e-12;
    const bool back = (guarded[k + 1] - sine_map(guarded[k - 1], factor)).norm() < 1e-12;
    if (rose && was_mix && undone == 0) {
      CHECK(back);
      for (std::size_t i = 0; i <= k; ++i) CHECK(free[i] == guarded[i]);
    }
    undone += rose && was_mix && back;
  }
  CHECK(undone > 0);
}

TEST_CASE("options of Anderson that make no sense are refused", "[unit]") {
  CHECK_THROWS_WITH(sine_iterates({.depth = 0}, 3), "depth of Anderson is 0, expected 1 or more");
  CHECK_THROWS_WITH(sine_iterates({.depth = 5}, 3), "depth of Anderson is 5, expected at most its window");
  CHECK_THROWS_WITH(sine_iterates({.delay = -1}, 3), "delay of Anderson is -1, expected 0 or more");
  CHECK_THROWS_WITH(sine_iterates({.max_rise = 0}, 3), "max_rise of Anderson is 0, expected a number above 0");
  CHECK_THROWS_WITH(sine_iterates({.choose_depth = [](const AndersonMix&) { return -1; }}, 3),
                    Catch::StartsWith("depth that Anderson's choose_depth chose is -1"));
  CHECK_THROWS_WITH(sine_iterates({.choose_damping = [](const AndersonMix&) { return 0.0; }}, 3),
                    Catch::StartsWith("damping that Anderson's choose_damping chose is 0"));
}
