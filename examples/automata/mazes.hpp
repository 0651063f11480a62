#pragma once

// Mazes for the automaton that finds ways (nca/path_finding.hpp), and its proof: what it answers to many of them,
// against breadth-first search.

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "basin/deq/equilibrium.hpp"
#include "basin/io/json.hpp"
#include "basin/io/progress.hpp"
#include "basin/io/stop_signals.hpp"
#include "basin/nca/path_finding.hpp"
#include "chosen.hpp"
#include "maze_states.hpp"
#include "settings.hpp"

namespace automata {

/// The maze of the film.
[[nodiscard]] inline Maze film_maze(const Settings& settings, Index size) {
  // Start and goal far from each other: the longest way of a few mazes.
  Maze best = deq_mazes::random_maze({.size = size, .loops = settings.loops}, {settings.seed, 4});
  for (std::uint64_t k = 1; k < 20; ++k) {
    Maze maze = deq_mazes::random_maze({.size = size, .loops = settings.loops}, {settings.seed, 4 + k});
    if (maze.path_length() > best.path_length()) best = std::move(maze);
  }
  return best;
}

/// Whether the cells found lead from start to goal, each beside the last, in as few steps as there are.
[[nodiscard]] inline bool is_shortest(const Maze& maze, const float* cells) {
  const auto found = [&](Index p) { return cells[p * basin::path_features + basin::path_found] != 0.0f; };
  Index on_path = 0;
  for (Index p = 0; p < maze.pixels(); ++p) on_path += found(p) ? 1 : 0;
  Index at = maze.start(), before = -1, steps = 0;
  while (found(at) && at != maze.goal() && steps <= on_path) {
    const std::array<Index, 4> around{at - 1, at + 1, at - maze.size(), at + maze.size()};
    const auto next = std::find_if(around.begin(), around.end(), [&](Index p) { return p != before && found(p); });
    if (next == around.end()) return false;
    before = at;
    at = *next;
    ++steps;
  }
  return at == maze.goal() && steps == maze.path_length() && on_path == steps + 1;
}

/// So many are solved together.
inline constexpr int mazes_at_once = 16;

/// What --mazes asks for: perfect mazes and such with loops, of four sizes, solved to their fixed points. A signal, or
/// a closed pipe, ends it with the counts so far: then `signal` is its number, and otherwise 0.
[[nodiscard]] inline basin::OrderedJson solve_mazes(const Settings& settings, Index largest, int& signal) {
  const basin::StopSignals signals;
  basin::Progress progress;
  using Solved = basin::Equilibrium<basin::PathFinder, basin::Picard>;
  Solved layer;
  layer.stop = {.tolerance = 0, .absolute_tolerance = 0, .max_evaluations = 1 << 24, .stall_window = 0};
  const auto theta = basin::path_finder_parameters();
  basin::OrderedJson kinds = basin::OrderedJson::array();
  Index solved = 0, made = 0, longest = 0;
  const std::array<Index, 4> sizes{9, 15, 21, largest};
  constexpr std::array<double, 3> loops{0, 0.1, 1};
  constexpr Index kinds_count = std::ssize(sizes) * std::ssize(loops), at_once = mazes_at_once;
  const auto wanted_to_end = [&] { return signals.received() != 0 || progress.closed(); };
  for (Index k = 0; k < kinds_count && !wanted_to_end(); ++k) {
    const deq_mazes::Kind kind{.size = sizes[static_cast<std::size_t>(k / std::ssize(loops))],
                               .loops = loops[static_cast<std::size_t>(k % std::ssize(loops))]};
    const Index count = settings.mazes * (k + 1) / kinds_count - settings.mazes * k / kinds_count;
    Index right = 0, seen = 0;
    for (Index first = 0; first < count && !wanted_to_end(); first += at_once) {
      std::vector<Maze> mazes;
      for (Index i = first; i < std::min(count, first + at_once); ++i) {
        mazes.push_back(deq_mazes::random_maze(kind, {settings.seed, static_cast<std::uint64_t>((k << 32) + i + 100)}));
        longest = std::max(longest, mazes.back().path_length());
      }
      const State<float> start = states_of<float>(mazes);
      const basin::View<const float> none(nullptr, start.shape.with_features(0));
      const auto solution = layer.solve<float>(theta.span(), none, start.view());
      for (std::size_t i = 0; i < mazes.size(); ++i) {
        const bool settled = solution.samples[i].status == basin::Status::converged;
        const Index n = static_cast<Index>(i);
        right += settled && is_shortest(mazes[i], solution.value.view().sample(n).data()) ? 1 : 0;
      }
      seen += std::ssize(mazes);
      if (progress.due(made + seen == settings.mazes))
        progress.show("maze " + std::to_string(made + seen) + "/" + std::to_string(settings.mazes));
    }
    kinds.push_back({{"size", kind.size}, {"loops", kind.loops}, {"mazes", seen}, {"solved", right}});
    solved += right;
    made += seen;
  }
  progress.end();
  signal = made == settings.mazes ? 0 : signals.received() != 0 ? signals.received() : SIGPIPE;
  std::printf("%td of %td mazes of %td to %td pixels solved by a shortest way, of up to %td steps\n", solved, made,
              *std::min_element(sizes.begin(), sizes.end()), *std::max_element(sizes.begin(), sizes.end()), longest);
  return {{"mazes", made}, {"solved", solved}, {"longest_way", longest}, {"kinds", kinds}};
}

}  // namespace automata
