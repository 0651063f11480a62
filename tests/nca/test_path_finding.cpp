#include "basin/nca/path_finding.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

#include "../../examples/automata/maze_states.hpp"
#include "basin/deq/equilibrium.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;
using automata::last_change;
using automata::states_of;
using deq_mazes::Maze;

namespace {

static_assert(Cell<PathFinder> && PathFinder::param_count == 419);

/// What is wrong with an answer to a maze; empty if nothing is: the path is one of the shortest, and all that is open
/// points to a neighbour that is nearer to the goal.
template <class S>
std::string fault(const Maze& maze, const S* cells) {
  const std::vector<Index> steps = maze.distances(maze.goal());
  const std::array<Index, 4> around{-1, 1, -maze.size(), maze.size()};
  Index on_path = 0;
  for (Index p = 0; p < maze.pixels(); ++p) {
    const S* cell = cells + p * path_features;
    for (int k = 0; k < path_features; ++k) {
      if (cell[k] != S(0) && cell[k] != S(1)) return "a number that is no bit";
    }
    const S pointers = std::accumulate(cell + path_to_west, cell + path_found, S(0));
    if (pointers != S(maze.open(p) && p != maze.goal() ? 1 : 0)) return "a number of pointers";
    for (std::size_t k = 0; k < 4; ++k) {
      if (cell[path_to_west + static_cast<int>(k)] == S(0)) continue;
      if (steps[static_cast<std::size_t>(p + around[k])] != steps[static_cast<std::size_t>(p)] - 1) return "a pointer";
    }
    if (cell[path_found] == S(0)) continue;
    ++on_path;
    if (!maze.on_path(p)) return "a cell beside all shortest ways";
  }
  return on_path == maze.path_length() + 1 ? "" : "a path of another length";
}

using Solved = Equilibrium<PathFinder, Picard>;

Solved solver() {
  Solved layer;
  layer.stop = {.tolerance = 0, .absolute_tolerance = 0, .max_evaluations = 10000, .stall_window = 0};
  return layer;
}

Solution<float> solve_all(const State<float>& start) {
  const auto theta = path_finder_parameters();
  const View<const float> none(nullptr, start.shape.with_features(0));
  return solver().solve<float>(theta.span(), none, start.view());
}

}  // namespace

TEST_CASE("written weights find a shortest way through every maze, and stand still when they must", "[exam]") {
  struct Kind {
    deq_mazes::Kind maze;
    int count;
  };
  // Perfect ones, loops, and open places; thousands of larger ones are for the program (automata --rule path).
  const std::vector<Kind> kinds{{{.size = 5}, 200},
                                {{.size = 7}, 100},
                                {{.size = 9, .loops = 0.3}, 60},
                                {{.size = 14, .loops = 1}, 10},
                                {{.size = 15}, 10},
                                {{.size = 21, .loops = 0.1}, 2}};
  Index seed = 0, wrong = 0, late = 0, solved = 0;
  for (const Kind& kind : kinds) {
    std::vector<Maze> mazes;
    for (int i = 0; i < kind.count; ++i)
      mazes.push_back(random_maze(kind.maze, {static_cast<std::uint64_t>(++seed), 1}));
    const State<float> start = states_of<float>(mazes);
    const auto solution = solve_all(start);
    for (std::size_t i = 0; i < mazes.size(); ++i) {
      const Index n = static_cast<Index>(i);
      const std::string found = fault(mazes[i], std::as_const(solution).value.view().sample(n).data());
      if (!found.empty())
        UNSCOPED_INFO(kind.maze.size << " x " << kind.maze.size << ", seed " << seed << ": " << found);
      wrong += found.empty() ? 0 : 1;
      // The evaluation that shows that nothing changes is one more.
      const SampleResult& result = solution.samples[i];
      late += result.status == Status::converged && result.evaluations == last_change(mazes[i]) + 1 ? 0 : 1;
      ++solved;
    }
  }
  CHECK(solved == 382);
  CHECK(wrong == 0);
  CHECK(late == 0);
}

TEST_CASE("where there is no way there is no path, and one cell may be start and goal", "[unit]") {
  State<float> z(Shape{path_features, {4, 1, 1}, 2});
  const auto set = [&](Index sample, Index x, int feature) {
    z.values[(sample * 4 + x) * path_features + feature] = 1;
  };
  for (const Index x : {0, 1, 3}) set(0, x, path_open);
  set(0, 0, path_start);
  set(0, 3, path_goal);
  set(1, 2, path_open);
  set(1, 2, path_start);
  set(1, 2, path_goal);
  const auto solution = solve_all(z);
  CHECK(solution.samples[0].status == Status::converged);
  CHECK(solution.samples[0].evaluations == 1);
  z.values[(4 + 2) * path_features + path_found] = 1;
  CHECK(solution.value.values == z.values);
}

TEST_CASE("written weights have no more numbers than they say", "[unit]") {
  const auto theta = path_finder_parameters<double>();
  CHECK((theta.vector().array() != 0).count() == 111);
  CHECK((theta.vector().array() == theta.vector().array().round()).all());
  // What does not depend on the scalar does not depend on the batch or on threads either.
  CHECK(theta.cast<float>().vector() == path_finder_parameters().vector());
}
