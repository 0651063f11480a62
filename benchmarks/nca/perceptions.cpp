// What cells see (docs/neighbourhoods.md): time to see, and for the gradient to come back, for each cell and 16
// features, on 128 x 128 cells and one thread. Stencils stand beside what is more than stencils; perceptions with
// parameters compute their gradient, too.

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <span>
#include <vector>

#include "../support/timing.hpp"
#include "basin/core/random.hpp"
#include "basin/nca/perceive_attention.hpp"
#include "basin/nca/perceive_both.hpp"
#include "basin/nca/perceive_graph.hpp"
#include "basin/nca/perceive_isotropic.hpp"
#include "basin/nca/perceive_steerable.hpp"

namespace {

using namespace basin;

constexpr int C = 16;
constexpr Index size = 64, cells = size * size;

std::vector<float> normal_numbers(std::size_t count, double spread, std::uint64_t seed) {
  std::vector<float> numbers(count);
  const Random random{seed, 1};
  for (std::size_t i = 0; i < count; ++i) numbers[i] = static_cast<float>(spread * random.normal(i));
  return numbers;
}

template <class P>
void time_perception(const char* name, const P& perception = {}) {
  using See = detail::PerceptionOf<P>;
  constexpr std::size_t params = See::param_count;
  constexpr Index forward_block = 56, backward_block = 448;  // as an automaton has them
  const Shape shape{C, {size, size, 1}, 1};
  const std::vector<float> numbers = normal_numbers(static_cast<std::size_t>(shape.size()), 1, 1);
  const std::vector<float> weights = normal_numbers(params, 0.2, 2);
  const std::vector<float> g = normal_numbers(static_cast<std::size_t>(backward_block * P::seen_features), 1, 3);
  std::vector<float> dweights(params), seen(static_cast<std::size_t>(forward_block * P::seen_features));
  State<float> dz(shape);
  const View<const float> z(numbers.data(), shape);
  const std::span<const float, params> theta(weights.data(), params);
  std::vector<Index> all(static_cast<std::size_t>(cells));
  std::iota(all.begin(), all.end(), Index{0});

  const double forward = benchmarks::least_seconds([&] {
    Scratch scratch;
    typename See::template Sight<float> sight(perception, theta, z, scratch);
    for (Index i = 0; i < cells; i += forward_block) {
      sight(all.data() + i, std::min(forward_block, cells - i), seen.data());
    }
  });
  float* const dtheta = params > 0 ? dweights.data() : nullptr;
  const double back = benchmarks::least_seconds([&] {
    Scratch scratch;
    typename detail::SpreadOf<P, float>::type spread(perception, theta, z, dz.view(), scratch);
    auto part = spread.part(0, cells, dtheta, scratch);
    for (Index i = 0; i < cells; i += backward_block) {
      part(all.data() + i, std::min(backward_block, cells - i), g.data());
    }
    spread.add(part);
    spread.finish(dtheta);
  });
  const double per_cell = 1e9 / static_cast<double>(cells);
  std::printf("| %s | %d | %.1f | %.1f |\n", name, P::seen_features, forward * per_cell, back * per_cell);
}

}  // namespace

int main() {
  set_threads(1);
  using Sobel = Perceive<C, Zero, Centre, SobelX, SobelY>;
  const PerceiveGraph<C> grid{Graph(cells, grid_edges<Moore<2>, Zero>({size, size, 1}))};
  const PerceiveGraph<C> far{Graph(cells, random_edges(cells, 8, 1))};
  std::printf("| perception | numbers | ns a cell, forward | back |\n|---|---|---|---|\n");
  time_perception<Sobel>("Centre, SobelX, SobelY");
  time_perception<Perceive<C, Zero, Centre, Laplacian<2>, SobelX, SobelY>>("Centre, Laplacian, SobelX, SobelY");
  time_perception<Perceive<C, Zero, Centre, Moore<2>>>("Centre, Moore");
  time_perception<Perceive<C, Zero, Centre, Gaussian<2, 2>>>("Centre, Gaussian of 5 x 5");
  time_perception<PerceiveEach<C, Zero, BoxMean<2>>>("each of 3 x 3");
  time_perception<PerceiveEach<C, Zero, BoxMean<2, 2>>>("each of 5 x 5");
  time_perception<PerceiveIsotropic<C, Zero>>("isotropic");
  time_perception<PerceiveIsotropicHex<C, Zero>>("isotropic, hexagons");
  time_perception<PerceiveSteeredByAngle<C, Zero>>("steered by an angle");
  time_perception<PerceiveSteeredBySlope<C, Zero>>("steered by a slope");
  time_perception<PerceiveAttention<C, Zero, 1, 16>>("attention, a head of 16");
  time_perception<PerceiveAttention<C, Zero, 4, 4>>("attention, 4 heads of 4");
  time_perception<PerceiveAttention<C, Zero, 4, 16>>("attention, 4 heads of 16");
  time_perception("graph of the grid's edges, Moore", grid);
  time_perception("graph, 8 random edges to each cell", far);
  time_perception("Centre, SobelX, SobelY, and that graph", PerceiveBoth<Sobel, PerceiveGraph<C>>{{}, far});
}
