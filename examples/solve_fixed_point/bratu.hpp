#pragma once

// Bratu's problem: Laplace u + lambda e^u = 0 on the unit square, u = 0 at its border. For each lambda below the fold,
// 6.808 in two dimensions, there are two solutions, which meet there; beyond it there is none.
//
// As a Jacobi step, u <- (sum of neighbours + h^2 lambda e^u) / 4, which needs no solver but converges slowly; and
// through the inverse Laplacian, u <- lambda L^-1 e^u, for the curve of all solutions.
//
// At the fold I - J is singular, and lambda no longer a coordinate. So it becomes an unknown, and the equation that is
// missing says how far from the last solution the next one is, along the direction d of the curve:
//
//   z = (u, lambda),    f(z) = (lambda L^-1 e^u,  lambda - <d, z - z_last> + step)
//
// H. B. Keller 1977, "Numerical solution of bifurcation and nonlinear eigenvalue problems", in Applications of
// Bifurcation Theory: pseudo-arclength continuation.

#include <array>

#include "stencil.hpp"

namespace solve_fixed_point {

[[nodiscard]] inline Equation bratu_by_jacobi(Index n, double lambda, bool preconditioned) {
  const double h2 = 1 / static_cast<double>((n + 1) * (n + 1));
  const auto step = [n](const Numbers& z, const Numbers& source) {
    return Numbers(0.25 * (neighbours(z, n) + source));
  };
  Equation equation{[=](const Numbers& z) { return step(z, h2 * lambda * z.array().exp().matrix()); },
                    [=](const Numbers& z, const Numbers& t) {
                      return step(t, h2 * lambda * (z.array().exp() * t.array()).matrix());
                    }};
  if (preconditioned) {  // I - J is h^2 / 4 (-Laplace - lambda e^u): without its last part
    equation.preconditioner = [h2, inverse = InverseLaplacian(n)](const Numbers& v) {
      return Numbers(4 / h2 * inverse(v));
    };
  }
  return equation;
}

/// The curve of solutions (u, lambda), n^2 + 1 numbers.
class BratuCurve {
 public:
  explicit BratuCurve(Index n) : inverse_(n), size_(n * n) {}

  /// The solution at a distance `step` along `direction` from `last`.
  [[nodiscard]] Solved next(const Numbers& last, const Numbers& direction, double step) const {
    const auto along = [this, direction](const Numbers& t) { return inner(direction, t); };
    const Equation equation{[=, this](const Numbers& z) {
                              Numbers out(size_ + 1);
                              out.head(size_) = z[size_] * inverse_(z.head(size_).array().exp().matrix());
                              out[size_] = z[size_] - along(z - last) + step;
                              return out;
                            },
                            [=, this](const Numbers& z, const Numbers& t) {
                              const auto e = z.head(size_).array().exp();
                              Numbers out(size_ + 1);
                              out.head(size_) = inverse_((e * (z[size_] * t.head(size_).array() + t[size_])).matrix());
                              out[size_] = t[size_] - along(t);
                              return out;
                            }};
    return solved(equation, last + step * direction, newton(), to(1e-10, 400));
  }

  /// Of length one: the mean square of u, and lambda in units of its largest.
  [[nodiscard]] Numbers direction(const Numbers& from, const Numbers& towards) const {
    const Numbers difference = towards - from;
    return difference / std::sqrt(inner(difference, difference));
  }

  [[nodiscard]] Numbers start() const { return Numbers::Zero(size_ + 1); }  // lambda = 0, u = 0
  [[nodiscard]] double lambda(const Numbers& z) const { return z[size_]; }
  [[nodiscard]] double top(const Numbers& z) const { return z.head(size_).maxCoeff(); }

 private:
  [[nodiscard]] double inner(const Numbers& a, const Numbers& b) const {
    return a.head(size_).dot(b.head(size_)) / static_cast<double>(size_) + a[size_] * b[size_] / 49;
  }

  InverseLaplacian inverse_;
  Index size_;
};

/// The largest lambda on the curve: the vertex of the parabola through three steps from `last`, again and again.
struct Fold {
  double lambda = 0, top = 0;
  int evaluations = 0;
  bool converged = true;
};
[[nodiscard]] inline Fold fold_of(const BratuCurve& curve, const Numbers& last, const Numbers& direction, double step) {
  Fold fold;
  const auto at = [&](double s) {
    const Solved point = curve.next(last, direction, s);
    fold.evaluations += point.result.evaluations;
    fold.converged = fold.converged && point.converged();
    if (curve.lambda(point.value) > fold.lambda) {
      fold.lambda = curve.lambda(point.value);
      fold.top = curve.top(point.value);
    }
    return std::pair(s, curve.lambda(point.value));
  };
  std::array points{at(0.5 * step), at(step), at(1.5 * step)};
  for (int i = 0; i < 6; ++i) {
    const auto [a, fa] = points[0];
    const auto [b, fb] = points[1];
    const auto [c, fc] = points[2];
    const double ab = (b - a) * (fb - fc), cb = (b - c) * (fb - fa);
    if (!(std::abs(ab - cb) > 1e-14)) break;  // the three are all but level
    points = {points[1], points[2], at(b - 0.5 * ((b - a) * ab - (b - c) * cb) / (ab - cb))};
  }
  return fold;
}

inline void run_bratu(Index n, double lambda, Results& results) {
  const Equation plain = bratu_by_jacobi(n, lambda, false), helped = bratu_by_jacobi(n, lambda, true);
  const Numbers zero = Numbers::Zero(n * n);
  const basin::Stop stop = to(1e-10 * plain.residual(zero), 3000);
  Comparison comparison("bratu");
  comparison.add("Picard", solved(plain, zero, basin::Picard{}, stop));
  comparison.add("Anderson<10>", solved(plain, zero, basin::Anderson<10>{}, stop));
  comparison.add("Broyden<60>", solved(plain, zero, basin::Broyden<60>{}, stop));
  comparison.add("Newton-Krylov", solved(plain, zero, newton(), stop));
  comparison.add("Newton-Krylov without recycling", solved(plain, zero, newton(false), stop));
  const Solved& found = comparison.add("Newton-Krylov with L^-1", solved(helped, zero, newton(), stop));
  basin::OrderedJson& json = results.take("bratu", comparison, 1500);
  json["points"] = n;
  json["lambda"] = lambda;
  json["largest_u"] = found.value.maxCoeff();

  // The curve: up to the fold, over it, and back down to half of lambda's largest.
  const BratuCurve curve(n);
  Numbers last = curve.start(), direction = curve.start();
  direction[direction.size() - 1] = 7;  // towards larger lambda
  double step = 0.1, highest = 0;
  int evaluations = 0, halved = 0, points = 0;
  std::string csv = "lambda,largest_u,evaluations\n0,0,0\n";
  basin::examples::Series series{"largest u", {0}, {0}};
  Numbers before_fold = last, direction_there = direction;
  double step_there = step;
  while (points < 200 && (curve.lambda(last) > 0.5 * highest || points == 0)) {
    const Solved point = curve.next(last, direction, step);
    evaluations += point.result.evaluations;
    if (!point.converged()) {
      step *= 0.5;
      if (++halved > 20) break;
      continue;
    }
    ++points;
    if (curve.lambda(point.value) > highest) {  // the fold comes within the next two steps
      highest = curve.lambda(point.value);
      before_fold = last;
      direction_there = direction;
      step_there = step;
    }
    direction = curve.direction(last, point.value);
    last = point.value;
    std::array<char, 80> line{};
    std::snprintf(line.data(), line.size(), "%.10g,%.10g,%d\n", curve.lambda(last), curve.top(last),
                  point.result.evaluations);
    csv += line.data();
    series.x.push_back(curve.lambda(last));
    series.y.push_back(curve.top(last));
  }
  const Fold fold = fold_of(curve, before_fold, direction_there, step_there);
  std::printf("  fold at lambda = %.7f, largest u %.5f%s; %d points of the curve, %.1f evaluations each\n\n",
              fold.lambda, fold.top, fold.converged ? "" : " (not converged)", points,
              evaluations / static_cast<double>(points));
  basin::write_file(results.folder + "/bratu_curve.csv", csv);
  basin::examples::write_png_and_svg(
      results.folder + "/bratu_curve.png",
      basin::examples::line_chart({series}, {.title = "Bratu's problem: the solutions of each lambda",
                                             .x = {.label = "lambda"},
                                             .y = {.label = "largest value of the solution"}}));
  json["fold"] = {{"lambda", fold.lambda},       {"largest_u", fold.top},
                  {"converged", fold.converged}, {"points_of_curve", points},
                  {"steps_halved", halved},      {"evaluations", evaluations + fold.evaluations}};
}

}  // namespace solve_fixed_point
