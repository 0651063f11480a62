#pragma once

// How far a seed's influence reaches, against the smallest singular value of I - J at the equilibrium, and what that
// costs the picture.
//
// Where the rule contracts by a factor c, a cell hears of a change of the seed d cells away at most c^d of it; and
// 1 - c is what keeps I - J away from being singular. So an automaton that settles firmly is short-sighted. The same
// automaton is trained at several contractions; its seed's influence is measured on a long strip, where only the rule
// limits it.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "basin/fixed_point/stability.hpp"
#include "contracting.hpp"

namespace nca_equilibrium {

/// How many cells from the centre of a strip, along it, a change falls to a hundredth of what it is in the centre: to
/// the first such cell, between it and the one before on a logarithmic scale; half the strip if it never does.
inline double reach_of(View<const float> change) {
  const auto& space = change.shape().space;
  const Index centre = space[0] / 2;
  std::vector<double> largest(static_cast<std::size_t>(centre + 1), 0.0);  // at each distance
  for (Index cell = 0; cell < change.shape().cells(); ++cell) {
    double& here = largest[static_cast<std::size_t>(std::abs(cell % space[0] - centre))];
    here = std::max(here, static_cast<double>(change.matrix().col(cell).norm()));
  }
  const double floor = 0.01 * largest.front();
  for (std::size_t d = 1; d < largest.size(); ++d) {
    if (largest[d] >= floor) continue;
    const double before = std::log(largest[d - 1] / floor);
    const double after = std::log(floor / std::max(largest[d], 1e-30));
    return static_cast<double>(d) - 1 + before / (before + after);
  }
  return static_cast<double>(centre);
}

inline constexpr std::array<double, 6> contractions{0.4, 0.6, 0.75, 0.85, 0.9, 0.95};

/// "reach_0.40"
[[nodiscard]] inline std::string reach_stage(double contraction) {
  return "reach_" + std::to_string(contraction).substr(0, 4);
}

/// reach.png, of the contractions so far.
inline void draw_reach(const Settings& settings, const basin::examples::Series& cells,
                       const basin::examples::Series& errors) {
  if (cells.x.empty()) return;
  const auto chart = [](const basin::examples::Series& series, const char* label) {
    constexpr auto logarithmic = basin::examples::Scale::logarithmic;
    return basin::examples::line_chart({series},
                                       {.x = {.label = "smallest singular value of I \u2212 J", .scale = logarithmic},
                                        .y = {.label = label, .scale = logarithmic},
                                        .width = 330,
                                        .height = 240});
  };
  basin::examples::write_png_and_svg(
      settings.out + "/reach.png",
      basin::examples::panels(
          "The more firmly it settles, the less far a cell is heard (beside each point: its bound c)",
          {chart(cells, "reach of the seed, cells"), chart(errors, "error of the picture")}));
}

inline void reach(const Settings& settings, Stages& stages, basin::OrderedJson& metrics) {
  const State<float> target = target_of(settings);
  const State<float> seed_of_target = seed_of(target);
  const State<float> strip(Shape{colours, {151, 7, 1}, 1}), seed = seed_of(strip);
  basin::examples::Series cells{.joined = false}, errors{.joined = false};
  basin::OrderedJson rows = basin::OrderedJson::array();
  const std::string data = basin::examples::fingerprint("target", target);
  for (const double contraction : contractions) {
    Contracting<Implicit> trained(settings, target, contraction);
    (void)stages.train(reach_stage(contraction), trained, settings.reach_iterations, data,
                       [&](const basin::Training&) { draw_reach(settings, cells, errors); });
    const Theta& theta = trained.parameters();
    Implicit layer = model<Implicit>();
    layer.stop = {.tolerance = 1e-6, .max_evaluations = 2000};
    layer.adjoint = {.tolerance = 1e-5, .max_evaluations = 2000};
    State<float> small(target.shape.with_features(features)), z(seed.shape), change(seed.shape);
    basin::Report report = layer.apply(theta.span(), seed_of_target.view(), small.view());
    const double error = basin::LeadingFeaturesError<float>{target}.value_and_gradient(View<const float>(small.view()),
                                                                                       0, 1, View<float>{});
    const auto linear = layer.linearize<float>(theta.span(), seed.view(), z.view());
    report += linear.report();
    report += linear.jvp(seed.view(), change.view());
    const double distance = reach_of(change.view());
    const basin::Attractor<float> settled{.period = 1, .phases = {z}};
    const auto firm = basin::stability(layer.cell, theta.span(), seed.view(), settled);
    const bool solved = report.forward.nonconverged_fraction() + report.adjoint.nonconverged_fraction() == 0;
    cells.x.push_back(firm.singular.value);
    cells.y.push_back(distance);
    cells.texts.push_back(basin::examples::rounded_text(contraction, 2));
    errors.x.push_back(firm.singular.value);
    errors.y.push_back(error);
    errors.texts.push_back(cells.texts.back());
    rows.push_back({{"contraction", contraction},
                    {"smallest_singular_value", firm.singular.value},
                    {"spectral_radius", firm.multiplier.value},
                    {"reach_cells", distance},
                    {"error", error},
                    {"solved", solved}});
    std::printf("contraction %.2f: smallest singular value %.2e, the seed reaches %.1f cells, error %.2e%s\n",
                contraction, firm.singular.value, distance, error, solved ? "" : ", a solve did not converge");
  }
  metrics["reach"] = rows;
  draw_reach(settings, cells, errors);
}

}  // namespace nca_equilibrium
