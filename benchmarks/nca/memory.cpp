// The largest memory of a process that makes one training iteration of the growing automaton as published: batch 8,
// 72 x 72 cells, 64 steps, 8,336 parameters, a pool of 1,024, Adam.
//
//   memory kept | recomputed | checkpointed  [threads]

#include <sys/resource.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "../support/growing.hpp"
#include "basin/nca/damage.hpp"
#include "basin/nca/pool.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"

namespace {

using namespace basin;
using namespace basin::benchmarks;

template <class Tape>
void iterate() {
  using Model = Rollout<Grows<>, Tape>;
  Model model;
  model.steps = 64;
  auto theta = initial_parameters<float>(model, 1);
  const Adam adam{.rate = 1e-3};
  auto state = adam.init(theta);
  // Grids full of living cells: the most that a pattern can take.
  State<float> full(Shape{16, {72, 72, 1}, 1});
  full.values.setConstant(0.5f);
  const State<float> seed = one_cell_seed<float>(full.shape);
  Pool<float> pool(1024, seed.view());
  const std::array<Index, 8> drawn{0, 1, 2, 3, 4, 5, 6, 7};
  for (const Index i : drawn) pool.put(std::array{i}, full.view());
  const State<float> batch = pool.take(drawn);
  const LeadingFeaturesError loss{State<float>(Shape{4, {72, 72, 1}, 1})};
  auto result = value_and_gradient_along(model, theta, batch.view(), loss, {{model.steps, 1}});
  normalize_leaves(result.gradient);
  adam.step(theta, result.gradient, state);
  pool.put(drawn, result.output.view());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string tape = argc > 1 ? argv[1] : "recomputed";
  set_threads(argc > 2 ? std::atoi(argv[2]) : 0);
  if (tape == "kept") {
    iterate<Kept>();
  } else if (tape == "checkpointed") {
    iterate<Checkpointed>();
  } else if (tape == "recomputed") {
    iterate<Recomputed>();
  } else {
    std::fprintf(stderr, "memory: tape is '%s', expected kept, recomputed or checkpointed\n", tape.c_str());
    return 1;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%s, %d threads: %.1f MB at most\n", tape.c_str(), threads(),
              static_cast<double>(usage.ru_maxrss) / 1024);
}
