// Automata in space and on graphs, beside one in the plane: time of a step a cell, and of the gradient of a rollout,
// with the share of the peak of a core that their arithmetic reaches, on one thread.
//
// All have 16 features and two dense layers with 128 hidden numbers, and all cells update. In space a cell sees itself,
// its slopes along three axes, and the mean of 27 cells. On a graph it hears eight others, by edges that are drawn at
// random or that are those of a grid: the mean of their features, or the mean of what a learned layer makes of it and
// each of them. Times are the least processor time of many calls of two steps each.

#include <array>
#include <cstdio>
#include <vector>

#include "../support/timing.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/perceive_graph.hpp"
#include "basin/nca/perceive_messages.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"

namespace {

using namespace basin;

constexpr int C = 16, hidden = 128;

template <class Sees>
using Model =
    Rollout<Automaton<Sees, Sequential<Dense<Sees::seen_features, hidden>, Relu, Dense<hidden, C>>, EveryCell>,
            Recomputed>;

/// Multiply-adds of the rule, counted twice, for one cell.
template <class Sees>
constexpr double rule_flops = 2.0 * (Sees::seen_features * hidden + hidden * C);

/// `perception_flops`: multiply-adds of what one cell sees, counted twice.
template <class Sees>
void time_automaton(const char* name, const char* size, const Sees& sees, const std::array<Index, 3>& space,
                    double perception_flops, double peak) {
  Model<Sees> model;
  model.automaton.perception = sees;
  model.steps = 2;
  auto theta = initial_parameters<float>(model, 1);
  for (float& weight : theta.leaf("2.weight")) weight *= 0.01f;  // so that states stay small
  const Shape shape{C, space, 1};
  State<float> start(shape), end(shape);
  const Random random{1, 1};
  for (Index i = 0; i < start.values.size(); ++i) {
    start.values[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), 0.2, 0.7));
  }
  const double updates = static_cast<double>(model.steps * shape.cells());
  const double flops = rule_flops<Sees> + perception_flops;
  const double step =
      benchmarks::least_processor_seconds([&] { (void)model.apply(theta.span(), start.view(), end.view()); }, 200);
  const LeadingFeaturesError loss{State<float>(shape.with_features(4))};
  const std::vector<LossStep> at_end{{model.steps, 1}};
  const double gradient = benchmarks::least_processor_seconds(
      [&] { (void)value_and_gradient_along(model, theta, start.view(), loss, at_end); }, 200);
  // Of the gradient: forward, the inner values again, and two products backward for each forward one.
  const auto share = [&](double seconds, double times) {
    return 100 * times * flops * updates / seconds * 1e-9 / peak;
  };
  std::printf("| %s | %s | %.0f | %.0f ns | %.0f%% | %.0f ns | %.0f%% |\n", name, size, flops, 1e9 * step / updates,
              share(step, 1), 1e9 * gradient / updates, share(gradient, 4));
}

}  // namespace

int main() {
  set_threads(1);
  const double peak = benchmarks::peak_gflops();
  std::printf(
      "one thread, peak %.0f GFLOP/s\n\n| automaton | cells | operations a cell | step, a cell | share of peak | with "
      "its gradient, a cell | share of peak |\n|---|---|---|---|---|---|---|\n",
      peak);
  time_automaton("plane: itself, two slopes", "64 x 64", Perceive<C, Zero, Centre, SobelX, SobelY>{}, {64, 64, 1},
                 2.0 * C * (1 + 6 + 6), peak);
  time_automaton("space: itself, three slopes, mean of 27", "16 x 16 x 16",
                 Perceive<C, Zero, Centre, Gradient<0>, Gradient<1>, Gradient<2>, BoxMean<3>>{}, {16, 16, 16},
                 2.0 * C * (1 + 2 + 2 + 2 + 27), peak);
  constexpr Index side = 64, cells = side * side, edges = 8;
  const Graph near(cells, grid_edges<Moore<2>, Zero>({side, side, 1})), far(cells, random_edges(cells, edges, 1));
  time_automaton("graph of a grid: itself, mean of 8", "4,096", PerceiveGraph<C>{near}, {cells, 1, 1}, 2.0 * C * edges,
                 peak);
  time_automaton("random graph: itself, mean of 8", "4,096", PerceiveGraph<C>{far}, {cells, 1, 1}, 2.0 * C * edges,
                 peak);
  // A message has 16 numbers, from two dense layers on the 32 of both cells.
  using Message = Sequential<Dense<2 * C, 32>, Relu, Dense<32, C>>;
  PerceiveMessages<C, Message> messages;
  messages.graph = far;
  time_automaton("random graph: itself, mean of 8 learned messages", "4,096", messages, {cells, 1, 1},
                 edges * 2.0 * (2 * C * 32 + 32 * C + C), peak);
}
