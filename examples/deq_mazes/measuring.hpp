#pragma once

// What deq_mazes measures: mazes that are right, and certified, when their states are left to settle.

#include <string>
#include <vector>

#include "model.hpp"
#include "settings.hpp"
#include "trainer.hpp"

namespace deq_mazes {

inline Problems test_mazes(const Settings& settings, const Kind& kind, Index count) {
  return problems_of(random_mazes(kind, count, settings.test_seed, test_stream));
}

/// For mazes of one size.
inline Settler settler(const Settings& settings, const Theta& theta, Index size) {
  // In a perfect maze about half of the pixels are open, and what is known may have to pass through all of them.
  const Index most = settings.max_evaluations > 0 ? settings.max_evaluations : 500 + size * size;
  return {theta, static_cast<int>(most), {.damping = settings.damping}};
}

/// Some mazes and their name.
struct Test {
  std::string name;
  Kind kind;
};

/// What is tested after a training, beside what the user asks for: what it was trained on, the mazes of the Equilibrium
/// Reasoners (2026), and where learned solvers of mazes were found to fail (arXiv 2410.03020, 2024): a start next to
/// the goal, several ways, and open areas.
inline std::vector<Test> usual_tests(const Settings& settings) {
  const Index trained = settings.train_size;
  return {{"as in training", {.size = trained}},
          {"30 x 30, paths of 100 to 140 steps", {.size = 30, .min_path = 100, .max_path = 140}},
          {"twice as large", {.size = 2 * trained + 1}},
          {"start and goal 1 to 3 steps apart", {.size = trained, .max_path = 3}},
          {"loops: a tenth of the walls opened", {.size = trained, .loops = 0.1}},
          {"no walls but posts", {.size = trained, .loops = 1}}};
}

}  // namespace deq_mazes
