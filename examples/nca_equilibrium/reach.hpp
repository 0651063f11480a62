#pragma once

// How far a seed's influence reaches, against the smallest singular value of I - J at the equilibrium.
//
// Where the map contracts by a factor c a cell hears of a change d cells away at most c^d of it, so the reach is about
// 1 / (1 - c), and 1 - c is what keeps I - J away from being singular: an automaton that settles firmly is
// short-sighted.

#include <algorithm>
#include <cmath>
#include <vector>

#include "settling.hpp"

namespace nca_equilibrium {

/// The mean distance (of the larger coordinate) from the seed, each cell weighted by the size of what a small change of
/// the seed does to it.
inline double mean_distance(View<const float> change) {
  const auto& space = change.shape().space;
  double sum = 0, weights = 0;
  for (Index cell = 0; cell < change.shape().cells(); ++cell) {
    const Index x = cell % space[0], y = cell / space[0];
    const auto distance = static_cast<double>(std::max(std::abs(x - space[0] / 2), std::abs(y - space[1] / 2)));
    const double weight = change.matrix().col(cell).cast<double>().norm();
    sum += distance * weight;
    weights += weight;
  }
  return sum / weights;
}

inline void reach(const Settings& settings, basin::OrderedJson& metrics) {
  const State<float> grid(Shape{colours, {61, 61, 1}, 1}), seed = seed_of(grid);
  basin::examples::Series measured{"measured", {}, {}}, theory{"1 / smallest singular value", {}, {}};
  basin::OrderedJson rows = basin::OrderedJson::array();
  for (const double contraction : {0.4, 0.6, 0.75, 0.85, 0.9, 0.94, 0.97}) {
    const Theta theta = initial_theta(settings.seed, contraction);
    Implicit layer = model<Implicit>();
    layer.stop = {.tolerance = 1e-6, .max_evaluations = 2000};
    layer.adjoint = {.tolerance = 1e-5, .max_evaluations = 2000};
    State<float> z(seed.shape), change(seed.shape);
    const auto linear = layer.linearize<float>(theta.span(), seed.view(), z.view());
    const basin::Report report = linear.jvp(seed.view(), change.view());
    basin::Attractor<float> attractor;
    attractor.period = 1;
    attractor.phases.push_back(z);
    const auto firm = basin::stability(layer.cell, theta.as<Map>().span(), seed.view(), attractor);
    const double distance = mean_distance(change.view());
    measured.x.push_back(std::log10(firm.singular.value));
    measured.y.push_back(std::log10(distance));
    theory.x.push_back(measured.x.back());
    theory.y.push_back(-measured.x.back());
    rows.push_back({{"contraction", contraction},
                    {"smallest_singular_value", firm.singular.value},
                    {"spectral_radius", firm.multiplier.value},
                    {"reach_cells", distance},
                    {"solved", report.adjoint.nonconverged_fraction() == 0}});
  }
  metrics["reach"] = rows;
  basin::write_png(settings.out + "/reach.png",
                   basin::examples::line_chart({measured, theory}, {.title = "How far a seed's influence reaches",
                                                                    .x_label = "log10 smallest singular value of I - J",
                                                                    .y_label = "log10 cells"}));
}

}  // namespace nca_equilibrium
