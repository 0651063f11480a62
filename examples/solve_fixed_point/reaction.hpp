#pragma once

// Laplace u = u^3 - u - 2 on 31 x 31 inner points of the unit square, u = 0 at its border, as two maps that have the
// same solution: a Jacobi step, whose rate is 0.995, and through the inverse Laplacian, whose rate is 0.05. The form in
// which an equation is written decides more than the method.

#include "stencil.hpp"

namespace solve_fixed_point {

inline void run_reaction(Results& results) {
  constexpr Index n = 31;
  constexpr double h2 = 1.0 / ((n + 1) * (n + 1));
  const auto rate = [](const Numbers& u) { return Numbers(2 + u.array() - u.array().cube()); };
  const auto slope = [](const Numbers& u, const Numbers& t) {
    return Numbers((1 - 3 * u.array().square()) * t.array());
  };
  const Equation jacobi{
      [=](const Numbers& u) { return Numbers(0.25 * (neighbours(u, n) + h2 * rate(u))); },
      [=](const Numbers& u, const Numbers& t) { return Numbers(0.25 * (neighbours(t, n) + h2 * slope(u, t))); }};
  const InverseLaplacian inverse(n);
  const Equation inverted{[=](const Numbers& u) { return inverse(rate(u)); },
                          [=](const Numbers& u, const Numbers& t) { return inverse(slope(u, t)); }};
  const Numbers zero = Numbers::Zero(n * n);
  const basin::Stop stop = to(1e-12, 6000);
  Comparison comparison("reaction");
  comparison.add("Jacobi: Picard", solved(jacobi, zero, basin::Picard{}, stop));
  comparison.add("Jacobi: Anderson<10>", solved(jacobi, zero, basin::Anderson<10>{}, stop));
  comparison.add("Jacobi: Broyden<60>", solved(jacobi, zero, basin::Broyden<60>{}, stop));
  comparison.add("Jacobi: Newton-Krylov", solved(jacobi, zero, newton(), stop));
  comparison.add("inverse: Picard", solved(inverted, zero, basin::Picard{}, stop));
  const Numbers u = comparison.add("inverse: Anderson<10>", solved(inverted, zero, basin::Anderson<10>{}, stop)).value;
  std::printf("  u = %.7f in the middle, %.7f next to a corner\n\n", u[n * n / 2], u[0]);
  basin::OrderedJson& json = results.take("reaction", comparison, 1200);
  json["u_in_the_middle"] = u[n * n / 2];
  json["u_next_to_a_corner"] = u[0];
}

}  // namespace solve_fixed_point
