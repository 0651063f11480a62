#pragma once

// What programs whose equilibria think longer draw: how answers and the residual change while states settle, and how
// many problems are right after how many evaluations.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "chart.hpp"
#include "settling.hpp"

namespace basin::examples {

/// A problem while it settles, evaluation by evaluation.
struct Settling {
  std::vector<State<float>> states{};  ///< z
  Series right{};                      ///< percent of the cells
  Series residual{};                   ///< the largest change of a number
};

/// Of one problem, from zero.
template <class Network>
[[nodiscard]] Settling watch(const Settler<Network>& settler, const Problems& problems, Index n) {
  Settling seen;
  const auto look = [&](const Iterate<float>& iterate) {
    seen.states.emplace_back(iterate.z);
    const State<float> logits = settler.read(iterate.z);
    const double right = static_cast<double>(right_cells(logits.view(), problems.answer(n)));
    seen.right.x.push_back(iterate.iteration);
    seen.right.y.push_back(100 * right / static_cast<double>(problems.cells()));
    seen.residual.x.push_back(iterate.iteration);
    seen.residual.y.push_back(iterate.residual);
  };
  const View<const float> input = problems.some(n, 1);
  static_cast<void>(settler.settle(input, settler.zero_start(input), look));
  return seen;
}

inline void draw_residual(const std::string& path, const Settling& seen, const std::string& title) {
  const AxisOptions evaluations{.label = "evaluations", .whole = true};
  write_png_and_svg(
      path, panels(title, {line_chart({seen.right}, {.x = evaluations,
                                                     .y = {.label = "cells that are right, %", .high = 100},
                                                     .width = 330,
                                                     .height = 220}),
                           line_chart({seen.residual}, {.x = evaluations,
                                                        .y = {.label = "residual: the largest change of a number",
                                                              .scale = Scale::logarithmic},
                                                        .width = 330,
                                                        .height = 220})}));
}

/// The shares that are right after 0, 1, ... evaluations, a curve for each name. All go on as they end: a problem that
/// has settled stays as it is.
inline void draw_solved(const std::string& path, const std::string& title,
                        const std::vector<std::pair<std::string, std::vector<double>>>& shares) {
  std::size_t longest = 0;
  for (const auto& [name, share] : shares) longest = std::max(longest, share.size());
  std::vector<Series> curves;
  for (const auto& [name, share] : shares) {
    Series& curve = curves.emplace_back(Series{name, {}, {}});
    for (std::size_t k = 0; k < longest; ++k) {
      curve.x.push_back(static_cast<double>(k));
      curve.y.push_back(100 * share[std::min(k, share.size() - 1)]);
    }
  }
  write_png_and_svg(path, line_chart(curves, {.title = title,
                                              .x = {.label = "evaluations", .whole = true},
                                              .y = {.label = "right, %", .low = 0, .high = 100}}));
}

}  // namespace basin::examples
