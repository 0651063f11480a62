#pragma once

// An inverse problem: from what is measured of u, find the coefficient q of
//
//   -Laplace u + q(x) u + u^3 = s(x)      on 31 x 31 inner points of the unit square, u = 0 at its border
//
// q is made of nine hat functions, whose heights theta are unknown; four sources s were tried, and u is known for each.
// The equation is a cell, u = L^-1 (s - q u - u^3), and its solution an equilibrium. The misfit is
//
//   E(theta) = mean (u(theta) - measured)^2
//
// and its gradient the implicit one: one linear equation a source, whatever the number of unknowns, and nothing of the
// solver's steps is kept. To minimize E is to solve grad E = 0, which is again a fixed point, theta = theta - rate grad
// E, and goes to the same solver.

#include <numbers>

#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "basin/core/random.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/linear/gmres.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "stencil.hpp"

namespace solve_fixed_point {

inline constexpr Index inverse_n = 31;

/// The nine functions, a column each.
[[nodiscard]] inline Grid hats() {
  Grid all(inverse_n * inverse_n, 9);
  const auto along = [](Index i, Index k) {
    const double x = static_cast<double>(i + 1) / (inverse_n + 1);
    const double low = std::clamp(3 * (0.5 - x), 0.0, 1.0), high = std::clamp(3 * (x - 0.5), 0.0, 1.0);
    return k == 0 ? low : k == 2 ? high : 1 - low - high;
  };
  for (Index k = 0; k < 9; ++k) {
    for (Index j = 0; j < inverse_n; ++j) {
      for (Index i = 0; i < inverse_n; ++i) all(i + inverse_n * j, k) = along(i, k % 3) * along(j, k / 3);
    }
  }
  return all;
}

/// f(u, s) = L^-1 (s - q u - u^3), with theta the heights of q. A batch is several sources.
struct CoefficientCell {
  static constexpr int state_features = 1, input_features = 1;
  static constexpr std::size_t param_count = 9;
  static void leaves(basin::LeafList& list) { list.bias("heights", 9); }

  Grid functions = hats();
  InverseLaplacian inverse{inverse_n};

  [[nodiscard]] basin::Shape state_shape(const basin::Shape& s) const { return s; }
  [[nodiscard]] Numbers coefficient(std::span<const double, 9> theta) const {
    return functions * Eigen::Map<const Numbers>(theta.data(), 9);
  }

  template <class S>
  void apply(basin::Theta<S, 9> theta, basin::In<S> u, basin::In<S> s, View<S> out, const basin::Context& = {}) const {
    const Numbers q = coefficient(theta);
    for (Index n = 0; n < u.samples(); ++n) {
      const auto at = u.sample(n).vector().array();
      out.sample(n).vector() = inverse(Numbers(s.sample(n).vector().array() - q.array() * at - at.cube()));
    }
  }

  /// J t = -L^-1 (d t), J^T w = -d L^-1 w, with d = q + 3 u^2; and of each height, -<hat u, L^-1 w>.
  template <class S>
  struct Linearization {
    const CoefficientCell& cell;
    View<const S> u;
    Grid d;

    void jvp(View<const S> t, View<S> out) const {
      for (Index n = 0; n < t.samples(); ++n) {
        out.sample(n).vector() = -cell.inverse(d.col(n).cwiseProduct(t.sample(n).vector()));
      }
    }
    void jvp_input(View<const S> t, View<S> out) const { vjp_input(t, out); }
    void vjp(View<const S> w, View<S> du) const {
      for (Index n = 0; n < w.samples(); ++n) {
        du.sample(n).vector() = -d.col(n).cwiseProduct(cell.inverse(w.sample(n).vector()));
      }
    }
    void vjp_input(View<const S> w, View<S> ds) const {
      for (Index n = 0; n < w.samples(); ++n) ds.sample(n).vector() = cell.inverse(w.sample(n).vector());
    }
    void pullback(View<const S> w, View<S> du, View<S> ds, basin::ThetaGradient<S, 9> dtheta) const {
      if (du) vjp(w, du);
      if (ds) vjp_input(w, ds);
      Eigen::Map<Numbers> sum(dtheta.data(), 9);
      for (Index n = 0; n < w.samples(); ++n) {
        sum -= cell.functions.transpose() * cell.inverse(w.sample(n).vector()).cwiseProduct(u.sample(n).vector());
      }
    }
  };
  template <class S>
  [[nodiscard]] Linearization<S> linearize(basin::Theta<S, 9> theta, basin::In<S> u, basin::In<S> s, View<S> out,
                                           const basin::Context& = {}) const {
    apply<S>(theta, u, s, out);
    const Numbers q = coefficient(theta);
    Grid d(q.size(), u.samples());
    for (Index n = 0; n < u.samples(); ++n) d.col(n) = q.array() + 3 * u.sample(n).vector().array().square();
    return {*this, u, std::move(d)};
  }
};

using Model = basin::Equilibrium<CoefficientCell, basin::Anderson<5>, basin::Implicit<basin::Gmres<20>>>;
using Heights = basin::Parameters<Model, double>;

/// Of u = sin(a pi x) sin(b pi y), four of them.
[[nodiscard]] inline basin::State<double> sources() {
  basin::State<double> s(basin::Shape{1, {inverse_n, inverse_n, 1}, 4});
  for (Index n = 0; n < 4; ++n) {
    for (Index j = 0; j < inverse_n; ++j) {
      for (Index i = 0; i < inverse_n; ++i) {
        const auto wave = [](Index k, Index waves) {
          return std::sin(std::numbers::pi * static_cast<double>(waves * (k + 1)) / (inverse_n + 1));
        };
        s.view().sample(n).data()[i + inverse_n * j] = 60 * wave(i, 1 + n % 2) * wave(j, 1 + n / 2);
      }
    }
  }
  return s;
}

inline void run_inverse(double noise, Results& results) {
  Model model;
  model.stop = {.tolerance = 1e-12, .max_evaluations = 100};
  model.adjoint.tolerance = 1e-10;
  Heights truth;
  truth.vector() << 2, 5, 3, 6, 1, 4, 3, 7, 2;
  const basin::State<double> s = sources();
  basin::State<double> measured(s.shape);
  (void)model.apply(truth.span(), s.view(), measured.view());

  Comparison comparison("inverse");
  basin::OrderedJson found = basin::OrderedJson::object();
  std::vector<Numbers> coefficients{model.cell.coefficient(truth.span())};
  const auto recover = [&](const std::string& name, const basin::State<double>& data) {
    const basin::MeanSquaredError<double> misfit{data};
    int gradients = 0, failed = 0;
    const auto gradient_at = [&](const Numbers& theta) {
      Heights heights;
      heights.vector() = theta;
      const auto result = basin::value_and_gradient(model, heights, s.view(), misfit);
      ++gradients;
      failed += static_cast<int>(result.report.forward.solves() - result.report.forward.converged());
      return Numbers(result.gradient.vector());
    };
    // A rate of one over the curvature along the first gradient, by which residuals are of the size of theta.
    const Numbers start = Numbers::Constant(9, 3), first = gradient_at(start);
    const double step = 1e-3 / first.norm();
    const double curvature = (first - gradient_at(start - step * first)).norm() / (step * first.norm());
    const Equation descent{[&](const Numbers& theta) { return Numbers(theta - gradient_at(theta) / curvature); }, {}};
    const Solved& solution = comparison.add(name, solved(descent, start, basin::Anderson<10>{}, to(1e-9, 200)));
    const Numbers q = model.cell.coefficient(std::span<const double, 9>(solution.value.data(), 9));
    const double error = (q - coefficients[0]).norm() / coefficients[0].norm();
    std::printf("  error of q %.2e after %d gradients\n", error, gradients);
    found[name] = {{"relative_error_of_q", error}, {"gradients", gradients}, {"solves_not_converged", failed}};
    coefficients.push_back(q);
  };
  recover("exact data", measured);
  if (noise > 0) {
    const basin::Random random{1};
    basin::State<double> noisy = measured;
    const double size = noise * std::sqrt(measured.values.squaredNorm() / static_cast<double>(measured.values.size()));
    for (Index i = 0; i < noisy.values.size(); ++i)
      noisy.values[i] += size * random.normal(static_cast<std::uint64_t>(i));
    recover("data with noise", noisy);
  }
  std::printf("\n");
  basin::State<float> tiles(basin::Shape{1, {inverse_n, inverse_n, 1}, static_cast<Index>(coefficients.size())});
  std::string csv = "i,j,q,q_exact_data,q_noisy_data\n";
  for (std::size_t n = 0; n < coefficients.size(); ++n) {
    tiles.view().sample(static_cast<Index>(n)).vector() = coefficients[n].cast<float>();
  }
  for (Index k = 0; k < coefficients[0].size(); ++k) {
    csv += std::to_string(k % inverse_n) + "," + std::to_string(k / inverse_n);
    for (const Numbers& q : coefficients) csv += "," + std::to_string(q[k]);
    csv += "\n";
  }
  basin::write_file(results.folder + "/inverse.csv", csv);
  basin::examples::SheetOptions options{
      .title = "A coefficient, and what is recovered of it", .scale = 8, .captions = {"the truth", "from exact data"}};
  if (noise > 0) options.captions.emplace_back("from data with noise");
  options.bar = {basin::examples::heat, 0, 7, "q"};
  basin::examples::write_png(
      results.folder + "/inverse_coefficient.png",
      basin::examples::sheet(basin::examples::images_of(tiles.view(), basin::examples::heat, 0, 7), options));
  basin::OrderedJson& json = results.take("inverse", comparison, 200);
  json["noise"] = noise;
  json["found"] = found;
}

}  // namespace solve_fixed_point
