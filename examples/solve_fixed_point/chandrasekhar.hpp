#pragma once

// Chandrasekhar's H equation, of light that an atmosphere scatters, by the midpoint rule with n = 10 and 100 nodes:
//
//   h_i = 1 / (1 - c / (2 n) sum_j mu_i h_j / (mu_i + mu_j)),    mu_i = i / n
//
// As c -> 1 its two solutions meet and I - J becomes singular. What the mean of h is can be said beforehand: summed
// over i, each pair of terms makes 1, so that mean = 1 + c / 4 mean^2, and mean = 2 (1 - sqrt(1 - c)) / c.

#include "equation.hpp"

namespace solve_fixed_point {

[[nodiscard]] inline Equation chandrasekhar(Index n, double c) {
  Grid kernel(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      kernel(i, j) = c / static_cast<double>(2 * n) * static_cast<double>(i + 1) / static_cast<double>(i + j + 2);
    }
  }
  return {[kernel](const Numbers& h) { return Numbers((1 - (kernel * h).array()).inverse().matrix()); },
          [kernel](const Numbers& h, const Numbers& t) {
            return Numbers((kernel * t).array() / (1 - (kernel * h).array()).square());
          }};
}

inline void run_chandrasekhar(double c, Results& results) {
  const basin::Stop stop = to(1e-8, 1000);
  basin::OrderedJson values;
  Comparison comparison("chandrasekhar");
  for (const Index n : {10, 100}) {
    const Equation equation = chandrasekhar(n, c);
    const Numbers ones = Numbers::Ones(n);
    const std::string with = "n = " + std::to_string(n) + ": ";
    comparison.add(with + "Picard", solved(equation, ones, basin::Picard{}, stop));
    comparison.add(with + "Anderson<10>", solved(equation, ones, basin::Anderson<10>{}, stop));
    comparison.add(with + "Broyden<60>", solved(equation, ones, basin::Broyden<60>{}, stop));
    const Solved& found = comparison.add(with + "Newton-Krylov", solved(equation, ones, newton(), stop));
    const double mean = found.value.mean(), known = 2 * (1 - std::sqrt(1 - c)) / c;
    std::printf("  h_n = %.7f, mean %.8f; the mean is known to be %.8f\n", found.value[n - 1], mean, known);
    values["n = " + std::to_string(n)] = {{"h_n", found.value[n - 1]}, {"mean", mean}, {"mean_known", known}};
  }
  std::printf("\n");
  basin::OrderedJson& json = results.take("chandrasekhar", comparison, 80);
  json["c"] = c;
  json["solutions"] = values;
}

}  // namespace solve_fixed_point
