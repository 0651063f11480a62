#pragma once

// Ten fixed points z = f(z) on which solvers are compared, each with its derivative, a start and a residual to reach.
// All solvers evaluate f by this one piece of code: basin (ten.cpp), KINSOL (ten_kinsol.cpp), and SciPy by way of a
// shared library (ten_library.cpp).
//
// Everyone ends at the first iterate with max |f(z) - z| <= 1e-8 max |f(z0) - z0|, in double.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/state.hpp"
#include "measuring.hpp"

namespace basin::benchmarks {

inline constexpr double ten_tolerance = 1e-8;
inline constexpr int ten_most = 1500;  ///< evaluations that a solve may make

/// Vectors as Eigen sees the memory of whoever calls.
using FromVector = Eigen::Map<const Vector<double>>;
using ToVector = Eigen::Map<Vector<double>>;

struct TenProblem {
  std::string name;
  double length;  ///< |z| of the solution: some have another one, which is not what is asked for
  Vector<double> start;
  std::function<void(const FromVector& z, ToVector& out)> f;
  /// J t with J = df/dz; d is what `slopes` made of z.
  std::function<void(const FromVector& d, const FromVector& t, ToVector& out)> product;
  /// What of z a product needs, made once for each z: as many numbers as z has.
  std::function<void(const FromVector& z, ToVector& d)> slopes;

  [[nodiscard]] Index size() const { return start.size(); }
  void evaluate(const double* z, double* out) const {
    const FromVector from(z, size());
    ToVector to(out, size());
    f(from, to);
  }
  /// max |f(z) - z|.
  [[nodiscard]] double residual(const double* z) const {
    Vector<double> value(size());
    evaluate(z, value.data());
    return (value - FromVector(z, size())).lpNorm<Eigen::Infinity>();
  }
  [[nodiscard]] bool is_solution(double found) const { return std::abs(found - length) <= 1e-4 * length; }
  [[nodiscard]] double target() const { return ten_tolerance * residual(start.data()); }
};

inline Matrix<double> uniform_doubles(Index rows, Index columns, std::uint32_t seed, double bound) {
  Matrix<double> m(rows, columns);
  for (Index i = 0; i < m.size(); ++i) m.data()[i] = uniform_number(seed, static_cast<std::uint32_t>(i), -bound, bound);
  return m;
}

/// KINSOL's own example of a fixed point, kinAnalytic_fp: three equations.
inline TenProblem analytic_problem() {
  return {"KINSOL's analytic system, n = 3",
          1.234567,
          Vector<double>{{0.1, 0.1, -0.1}},
          [](const FromVector& v, ToVector& out) {
            const double x = v[0], y = v[1], z = v[2];
            out[0] = std::cos((y - 1) * z) / 3 + 1.0 / 6;
            out[1] = std::sqrt(x * x + std::sin(z) + 1.06) / 9 + 0.9;
            out[2] = -std::exp(-x * (y - 1)) / 20 - (10 * std::numbers::pi - 3) / 60;
          },
          [](const FromVector& v, const FromVector& t, ToVector& out) {
            const double x = v[0], y = v[1], z = v[2], s = std::sin((y - 1) * z), e = std::exp(-x * (y - 1));
            const double root = std::sqrt(x * x + std::sin(z) + 1.06);
            out[0] = -s / 3 * (z * t[1] + (y - 1) * t[2]);
            out[1] = (x * t[0] + 0.5 * std::cos(z) * t[2]) / (9 * root);
            out[2] = e / 20 * ((y - 1) * t[0] + x * t[1]);
          },
          [](const FromVector& z, ToVector& d) { d = z; }};
}

/// z = tanh(W z + b) with W of random numbers and a spectral radius of about 0.95.
inline TenProblem tanh_problem(Index n, double length) {
  const auto bound = [](Index columns) { return 0.95 * std::sqrt(3.0 / static_cast<double>(columns)); };
  const Vector<double> b = uniform_doubles(n, 1, 2, 0.2);
  const std::string name = "tanh(W z + b), n = " + std::to_string(n);
  const auto slopes = [](const auto& linear) {
    return [linear, value = Vector<double>()](const FromVector& z, ToVector& d) mutable {
      linear(z, d);
      d = 1 - d.array().square();
    };
  };
  if (n > 2000) {  // of rank 64: W = U V^T with V^T U as above
    const Index rank = 64;
    const Matrix<double> u = uniform_doubles(n, rank, 3, std::sqrt(3.0 / static_cast<double>(n)));
    const Matrix<double> vt = uniform_doubles(rank, rank, 4, bound(rank)) * u.transpose();
    const auto times = [=](const FromVector& z, ToVector& out) {
      const Eigen::Matrix<double, 64, 1> middle = vt * z;
      out.noalias() = u * middle;
    };
    const auto value = [=](const FromVector& z, ToVector& out) {
      times(z, out);
      out = (out + b).array().tanh();
    };
    return {name,
            length,
            Vector<double>::Zero(n),
            value,
            [=](const FromVector& d, const FromVector& t, ToVector& out) {
              times(t, out);
              out.array() *= d.array();
            },
            slopes(value)};
  }
  const Matrix<double> w = uniform_doubles(n, n, 1, bound(n));
  const auto value = [=](const FromVector& z, ToVector& out) {
    out.noalias() = w * z;
    out = (out + b).array().tanh();
  };
  return {name,
          length,
          Vector<double>::Zero(n),
          value,
          [=](const FromVector& d, const FromVector& t, ToVector& out) {
            out.noalias() = w * t;
            out.array() *= d.array();
          },
          slopes(value)};
}

/// out = (the sum of the neighbours of z on an n x n grid, with zeros beyond its border, + source) / 4, where source is
/// in out.
inline void add_neighbours(const FromVector& z, ToVector& out, Index n) {
  for (Index j = 0; j < n; ++j) {
    const double* const column = z.data() + j * n;
    double* const to = out.data() + j * n;
    const auto at = [&](Index i) {
      return (i > 0 ? column[i - 1] : 0) + (i + 1 < n ? column[i + 1] : 0) + (j > 0 ? column[i - n] : 0) +
             (j + 1 < n ? column[i + n] : 0);
    };
    to[0] = 0.25 * (to[0] + at(0));
    if (j > 0 && j + 1 < n) {
      for (Index i = 1; i + 1 < n; ++i) {
        to[i] = 0.25 * (to[i] + column[i - 1] + column[i + 1] + column[i - n] + column[i + n]);
      }
    } else {
      for (Index i = 1; i + 1 < n; ++i) to[i] = 0.25 * (to[i] + at(i));
    }
    to[n - 1] = 0.25 * (to[n - 1] + at(n - 1));
  }
}

/// Laplace u + source(u) = 0 on n x n points of the unit square, u = 0 at its border, as a Jacobi step.
template <class Source, class Slope>
TenProblem grid_problem(const std::string& name, double length, Index n, const Source& source, const Slope& slope) {
  const double h2 = 1 / static_cast<double>((n + 1) * (n + 1));
  return {name,
          length,
          Vector<double>::Zero(n * n),
          [=](const FromVector& u, ToVector& out) {
            out = h2 * source(u.array());
            add_neighbours(u, out, n);
          },
          [=](const FromVector& d, const FromVector& t, ToVector& out) {
            out = d.cwiseProduct(t);
            add_neighbours(t, out, n);
          },
          [=](const FromVector& u, ToVector& d) { d = h2 * slope(u.array()); }};
}

inline TenProblem reaction_problem() {
  return grid_problem(
      "Laplace u = u^3 - u - 2, 31 x 31", 2.776258, 31, [](const auto& u) { return (2 + u - u.cube()).matrix(); },
      [](const auto& u) { return (1 - 3 * u.square()).matrix(); });
}

inline TenProblem bratu_problem(double lambda, double length) {
  return grid_problem(
      "Bratu, 63 x 63, lambda = " + std::string(lambda == 6 ? "6" : "6.8"), length, 63,
      [=](const auto& u) { return (lambda * u.exp()).matrix(); },
      [=](const auto& u) { return (lambda * u.exp()).matrix(); });
}

/// Laplace P + 5 mean(cosh P)^2 = 0 on 75 x 75 points, P = 1 at one edge and 0 at the others: the example in SciPy's
/// page of newton_krylov.
inline TenProblem cosh_problem() {
  constexpr Index n = 75;
  constexpr double h2 = 1.0 / ((n - 1) * (n - 1));
  return {"Laplace P + 5 mean(cosh P)^2 = 0, 75 x 75",
          45.213685,
          Vector<double>::Zero(n * n),
          [](const FromVector& p, ToVector& out) {
            const double mean = p.array().cosh().mean();
            out.setConstant(h2 * 5 * mean * mean);
            out.tail(n).array() += 1;
            add_neighbours(p, out, n);
          },
          [](const FromVector& d, const FromVector& t, ToVector& out) {
            out.setConstant(d.dot(t));
            add_neighbours(t, out, n);
          },
          [](const FromVector& p, ToVector& d) {
            d = (h2 * 10 * p.array().cosh().mean() / static_cast<double>(n * n) * p.array().sinh()).matrix();
          }};
}

/// Chandrasekhar's H equation; its second solution is far.
inline TenProblem chandrasekhar_problem() {
  constexpr Index n = 100;
  Matrix<double> kernel(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      kernel(i, j) = 0.99 / (2 * n) * static_cast<double>(i + 1) / static_cast<double>(i + j + 2);
    }
  }
  return {"Chandrasekhar H, n = 100, c = 0.99",
          18.630525,
          Vector<double>::Ones(n),
          [=](const FromVector& h, ToVector& out) {
            out.noalias() = kernel * h;
            out = (1 - out.array()).inverse();
          },
          [=](const FromVector& d, const FromVector& t, ToVector& out) {
            out.noalias() = kernel * t;
            out.array() *= d.array();
          },
          [=](const FromVector& h, ToVector& d) {
            d.noalias() = kernel * h;
            d = (1 - d.array()).square().inverse();
          }};
}

/// More, Garbow and Hillstrom 1981, number 30, as x - F(x) / 6.
inline TenProblem tridiagonal_problem() {
  constexpr Index n = 1000;
  const auto neighbours = [](const FromVector& x, ToVector& out) {  // out += left + 2 right
    out.tail(n - 1) += x.head(n - 1);
    out.head(n - 1) += 2 * x.tail(n - 1);
  };
  return {"Broyden tridiagonal, n = 1000",
          22.343255,
          Vector<double>::Constant(n, -1),
          [=](const FromVector& x, ToVector& out) {
            out = (3 * x.array() + 2 * x.array().square() - 1).matrix();
            neighbours(x, out);
            out /= 6;
          },
          [=](const FromVector& d, const FromVector& t, ToVector& out) {
            out = d.cwiseProduct(t);
            neighbours(t, out);
            out /= 6;
          },
          [](const FromVector& x, ToVector& d) { d = (3 + 4 * x.array()).matrix(); }};
}

inline std::vector<TenProblem> ten_problems() {
  std::vector<TenProblem> all;
  all.push_back(analytic_problem());
  all.push_back(tanh_problem(100, 1.800151));
  all.push_back(tanh_problem(1000, 8.260848));
  all.push_back(tanh_problem(10000, 13.358387));
  all.push_back(chandrasekhar_problem());
  all.push_back(tridiagonal_problem());
  all.push_back(reaction_problem());
  all.push_back(bratu_problem(6, 27.056973));
  all.push_back(bratu_problem(6.8, 43.303995));
  all.push_back(cosh_problem());
  return all;
}

/// What one solver made of one problem with one setting.
struct TenRun {
  int evaluations = 0;  ///< of f, with products by its derivative
  double seconds = 0;
  Vector<double> z{};
};

/// Of one solve; compare.py takes the least of its rounds. One that takes long is not repeated.
template <class Work>
double ten_seconds(const Options& options, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const double once = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return options.smoke || once > 0.05 ? once : median_seconds(work, 3, 0.02);
}

/// Prints the result of one solver: of all settings that reached the target, the fewest evaluations and the least time.
/// run(setting) gives a TenRun; its z is checked here, as for everyone.
template <class Run>
void report_ten(const TenProblem& problem, const std::string& solver, const std::vector<std::string>& settings,
                const Run& run) {
  int fewest = 0, reached = 0;
  double least = std::numeric_limits<double>::infinity(), check = 0;
  std::string by_evaluations, by_time;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const TenRun result = run(i);
    const double residual = result.z.size() == 0 ? 1 : problem.residual(result.z.data());
    if (!(residual <= 1.001 * problem.target())) continue;  // rounded another way, perhaps
    if (!problem.is_solution(length_of(result.z))) continue;
    ++reached;
    if (fewest == 0 || result.evaluations < fewest) {
      fewest = result.evaluations;
      by_evaluations = settings[i];
      check = length_of(result.z);
    }
    if (result.seconds < least) {
      least = result.seconds;
      by_time = settings[i];
    }
  }
  std::printf(R"({"work": "ten: %s", "variant": "%s", "unit": "us", "value": %s, "evaluations": %d, "check": %.12g, )"
              R"("reached": %d, "settings": %d, "fewest_by": "%s", "fastest_by": "%s"})"
              "\n",
              problem.name.c_str(), solver.c_str(), reached > 0 ? std::to_string(1e6 * least).c_str() : "null", fewest,
              check, reached, static_cast<int>(settings.size()), by_evaluations.c_str(), by_time.c_str());
  std::fflush(stdout);
}

}  // namespace basin::benchmarks
