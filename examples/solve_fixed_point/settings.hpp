#pragma once

// What the user of solve_fixed_point can choose.

#include <string>

#include "../support/command_line.hpp"

namespace solve_fixed_point {

struct Settings {
  std::string problem = "all";
  std::string out = "solve_fixed_point_out";
  int points = 63;
  double lambda = 6;
  double c = 0.9999;
  int grid = 64;
  double noise = 0.01;
};

inline constexpr const char* description =
    R"(Solves nonlinear equations with basin as a plain solver: nothing is learned.

Each problem is written as a fixed point z = f(z) with its derivative, and solved by several methods; what each needed,
and what came out, is printed. Statuses are the solver's own: a method that does not get there says so.)";

inline constexpr const char* footer = R"(
Problems:
  bratu          Laplace u + lambda e^u = 0, and its curve of solutions up to the fold and beyond, by pseudo-arclength
  reaction       Laplace u = u^3 - u - 2 on 31 x 31 points, the same equation as two maps
  chandrasekhar  the H equation of radiative transfer, close to where its two solutions meet
  gray_scott     a pattern that stands still, by Newton-Krylov with a multigrid preconditioner of the program's own
  inverse        a coefficient of an equation from its solution, through the implicit gradient

In the output folder: metrics.json, history.csv (the residual at every iterate), a chart of them for each problem, and
what was found: bratu_curve.csv and .png, gray_scott.csv and gray_scott_pattern.png, inverse.csv and
inverse_coefficient.png. Charts are written as .svg too.)";

inline void describe(Settings& s, basin::examples::CommandLine& options) {
  options.add("problem", s.problem, "Which one, or all",
              {"all", "bratu", "reaction", "chandrasekhar", "gray_scott", "inverse"});
  options.add_out(s.out);
  options.add("points", s.points, "Of bratu, along an edge, without the border", {3, 127});
  options.add("lambda", s.lambda, "Of bratu, where methods are compared; the fold is at 6.808", {1e-3, 6.808});
  options.add("c", s.c, "Of chandrasekhar: the albedo", {1e-3, 1.0});
  options.add("grid", s.grid, "Of gray_scott, points along an edge: a multiple of 16", {16, 256});
  options.add("noise", s.noise, "Of inverse: of what is measured, relative; solved without noise as well", {0.0, 1.0});
}

}  // namespace solve_fixed_point
