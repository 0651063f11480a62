#pragma once

// Patterns of Gray and Scott's reaction that stand still, on a square that nothing leaves:
//
//   du/dt = D_u Laplace u - u v^2 + F (1 - u)          D_u = 0.16, F = 0.037
//   dv/dt = D_v Laplace v + u v^2 - (F + k) v          D_v = 0.08, k = 0.06
//
// f(z) = z + tau dz/dt: its Picard iteration is Euler's method in time, and a fixed point a steady state. Time brings a
// pattern up on a coarse grid, and Newton-Krylov takes it to rest, then on finer and finer grids, with and without a
// preconditioner: what GMRES needs without grows with the grid.
//
// P. Gray and S. K. Scott 1984, Chem. Eng. Sci. 39(6); the patterns: J. E. Pearson 1993, Science 261.

#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "multigrid.hpp"

namespace solve_fixed_point {

struct GrayScott {
  static constexpr double feed = 0.037, kill = 0.06, spread_u = 0.16, spread_v = 0.08, side = 30;

  Index n;
  double h = side / static_cast<double>(n);
  double tau = 0.2 * h * h / spread_u;  ///< Euler's method is stable up to 0.25

  [[nodiscard]] Index cells() const { return n * n; }

  /// The start of a pattern: a few squares of v in u = 1.
  [[nodiscard]] Numbers seeded() const {
    Numbers z(2 * cells());
    z << Numbers::Ones(cells()), Numbers::Zero(cells());
    for (const auto& [x, y] : {std::pair(0.3, 0.35), std::pair(0.7, 0.25), std::pair(0.55, 0.7)}) {
      for (Index j = 0; j < n; ++j) {
        for (Index i = 0; i < n; ++i) {
          const double far = std::max(std::abs((static_cast<double>(i) + 0.5) / static_cast<double>(n) - x),
                                      std::abs((static_cast<double>(j) + 0.5) / static_cast<double>(n) - y));
          if (far > 0.08) continue;
          z[i + n * j] = 0.5;
          z[cells() + i + n * j] = 0.25;
        }
      }
    }
    return z;
  }

  [[nodiscard]] Equation equation(bool preconditioned) const {
    const auto spread = [n = n, h = h](const Numbers& z, double factor) {
      return (factor * laplacian_of_cells(z, n, h)).array().eval();
    };
    const Index m = cells();
    Equation all{[=, tau = tau](const Numbers& z) {
                   const auto u = z.head(m).array(), v = z.tail(m).array();
                   const auto reacted = (u * v.square()).eval();
                   Numbers out(2 * m);
                   out.head(m) = u + tau * (spread(z.head(m), spread_u) - reacted + feed * (1 - u));
                   out.tail(m) = v + tau * (spread(z.tail(m), spread_v) + reacted - (feed + kill) * v);
                   return out;
                 },
                 [=, tau = tau](const Numbers& z, const Numbers& t) {
                   const auto u = z.head(m).array(), v = z.tail(m).array(), s = t.head(m).array(),
                              w = t.tail(m).array();
                   const auto reacted = (s * v.square() + 2 * u * v * w).eval();
                   Numbers out(2 * m);
                   out.head(m) = s + tau * (spread(t.head(m), spread_u) - reacted - feed * s);
                   out.tail(m) = w + tau * (spread(t.tail(m), spread_v) + reacted - (feed + kill) * w);
                   return out;
                 }};
    if (preconditioned) {  // I - J is tau (feed - D Laplace + what reacts): without what reacts
      all.preconditioner = [=, n = n, tau = tau, of_u = Multigrid{feed, spread_u, h},
                            of_v = Multigrid{feed + kill, spread_v, h}](const Numbers& t) {
        Numbers out(2 * m);
        out << of_u(t.head(m), n) / tau, of_v(t.tail(m), n) / tau;
        return out;
      };
    }
    return all;
  }

  /// max |dz/dt|.
  [[nodiscard]] double rate(const Numbers& z) const { return (equation(false).f(z) - z).cwiseAbs().maxCoeff() / tau; }
};

inline void run_gray_scott(Index finest, Results& results) {
  Comparison comparison("gray_scott");
  GrayScott grid{finest};
  while (grid.n % 2 == 0 && grid.n > 32) grid = GrayScott{grid.n / 2};
  const auto name = [&](const std::string& method) { return std::to_string(grid.n) + ": " + method; };
  constexpr double duration = 6000;
  basin::Stop in_time = to(1e-10, static_cast<int>(duration / grid.tau));
  in_time.stall_window = 0;  // a front that travels leaves the residual as it is, and is no stall
  Numbers z =
      comparison
          .add(name("Picard (Euler in time)"), solved(grid.equation(false), grid.seeded(), basin::Picard{}, in_time))
          .value;
  while (true) {
    // To dz/dt = 1e-10, in the root of the mean square.
    const basin::Stop stop = to(1e-10 * grid.tau * std::sqrt(2.0 * static_cast<double>(grid.cells())), 3000);
    comparison.add(name("Newton-Krylov"), solved(grid.equation(false), z, newton(), stop));
    const Solved& found =
        comparison.add(name("Newton-Krylov with multigrid"), solved(grid.equation(true), z, newton(), stop));
    z = found.value;
    if (grid.n == finest) break;
    Numbers finer(4 * z.size());
    finer << prolonged(z.head(grid.cells()), grid.n), prolonged(z.tail(grid.cells()), grid.n);
    z = finer;
    grid = GrayScott{2 * grid.n};
  }
  const Numbers v = z.tail(grid.cells());
  std::printf("  max |dz/dt| = %.2e; v from %.4f to %.4f\n\n", grid.rate(z), v.minCoeff(), v.maxCoeff());
  std::string csv = "i,j,u,v\n";
  for (Index k = 0; k < grid.cells(); ++k) {
    std::array<char, 96> line{};
    std::snprintf(line.data(), line.size(), "%d,%d,%.17g,%.17g\n", static_cast<int>(k % grid.n),
                  static_cast<int>(k / grid.n), z[k], v[k]);
    csv += line.data();
  }
  basin::write_file(results.folder + "/gray_scott.csv", csv);
  basin::State<float> tile(basin::Shape{1, {grid.n, grid.n, 1}, 1});
  tile.values = v.cast<float>();
  const double high = v.maxCoeff();
  basin::examples::write_png(
      results.folder + "/gray_scott_pattern.png",
      basin::examples::sheet(basin::examples::images_of(tile.view(), basin::examples::heat, 0, high),
                             {.title = "The steady pattern that was found",
                              .scale = std::max(1.0, std::floor(400.0 / static_cast<double>(grid.n))),
                              .bar = basin::examples::ScaleBar{basin::examples::heat, 0, high, "concentration v"}}));
  basin::OrderedJson& all = results.take("gray_scott", comparison, 1500);
  all["cells_along_an_edge"] = grid.n;
  all["width_of_a_cell"] = grid.h;
  all["largest_rate"] = grid.rate(z);
  all["v_from"] = v.minCoeff();
  all["v_to"] = v.maxCoeff();
}

}  // namespace solve_fixed_point
