#pragma once

// A maze whose shortest way is an equilibrium: what the page's scene "Maze" calls. The mazes and the cell are those of
// deq_mazes (examples/deq_mazes), and so are its damping and what counts as settled.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "../deq_mazes/cell.hpp"
#include "basin/core/random.hpp"
#include "colours.hpp"
#include "settling.hpp"

namespace playground {

struct Labyrinth {
  using Index = basin::Index;
  using Sees = deq_mazes::Sees;
  using Cell = deq_mazes::Cell;
  using Reads = deq_mazes::Reads;

  std::array<float, Sees::param_count + Cell::param_count + Reads::param_count> theta{};
  Settling<Cell> settling{.damping = 0.5f};
  Index size = 0, start = 0, goal = 0;
  std::vector<std::uint8_t> open{};
  std::vector<Index> places{};   // that are open, for draws
  std::vector<float> shares{};   // how sure each pixel is that it is on the way
  std::array<int, 4> verdict{};  // see maze_verdict()
  Picture picture{};

  [[nodiscard]] deq_mazes::Maze maze() const { return {size, start, goal, open}; }

  void draw(Index side, std::uint64_t seed) {
    size = side;
    picture.resize(static_cast<int>(size), static_cast<int>(size));
    deq_mazes::Draws draws(basin::Random{seed, 0});
    open = deq_mazes::open_pixels(size, 0, draws);
    places.clear();
    for (Index p = 0; p < size * size; ++p) {
      if (open[static_cast<std::size_t>(p)] != 0) places.push_back(p);
    }
    // A long way: the farther half of what can be reached.
    start = places[static_cast<std::size_t>(draws.below(places.size()))];
    const std::vector<Index> steps = deq_mazes::Maze::distances(size, open, start);
    const auto nearer = [&](Index a, Index b) {
      return steps[static_cast<std::size_t>(a)] < steps[static_cast<std::size_t>(b)];
    };
    std::sort(places.begin(), places.end(), nearer);
    const std::size_t half = places.size() / 2;
    goal = places[half + static_cast<std::size_t>(draws.below(places.size() - half))];
    settling.begin(cells());
    tell();
  }

  /// Tells the cells what the maze is now; their states stay as they are.
  void tell() {
    basin::State<float> x(cells().with_features(deq_mazes::inputs));
    deq_mazes::describe(maze(), x.values.data());
    (void)Sees{}.apply<float>(part<0, Sees::param_count>(), x.view(), settling.u.view());
    settling.settled = false;
  }

  /// Pixels on the edge are wall.
  [[nodiscard]] bool inside(int x, int y) const { return x > 0 && y > 0 && x + 1 < size && y + 1 < size; }

  void evaluate(int count) { settling.evaluate(part<Sees::param_count, Cell::param_count>(), count); }

  /// What the states say: the share of "on the way" of each pixel.
  void read() {
    basin::State<float> logits(cells().with_features(deq_mazes::classes));
    constexpr std::size_t before = Sees::param_count + Cell::param_count;
    (void)Reads{}.apply<float>(part<before, Reads::param_count>(), settling.z.view(), logits.view());
    shares.resize(open.size());
    for (std::size_t p = 0; p < shares.size(); ++p) {
      const float* pixel = logits.values.data() + 2 * p;
      shares[p] = 1 / (1 + std::exp(pixel[0] - pixel[1]));
    }
  }

  /// Two walls change places so that there is one way still: a wall between two rooms opens, and on the way that there
  /// was between them, where that is on the way to the goal if it is anywhere, another closes. False if the maze has no
  /// such walls.
  bool move_wall(std::uint64_t seed) {
    deq_mazes::Draws draws(basin::Random{seed, 1});
    const deq_mazes::Maze now = maze();
    for (int attempt = 0; attempt < 200; ++attempt) {
      const Index rooms = (size - 1) / 2;
      const bool across = draws.uniform() < 0.5;
      const Index along = 2 * draws.below(static_cast<std::size_t>(rooms)) + 1,
                  between = 2 * draws.below(static_cast<std::size_t>(rooms - 1)) + 2;
      const Index wall = across ? along * size + between : between * size + along, step = across ? 1 : size;
      if (now.open(wall) || !now.open(wall - step) || !now.open(wall + step)) continue;
      const deq_mazes::Maze loop(size, wall - step, wall + step, open);
      if (loop.path_length() >= size * size) continue;  // there is no way between the two
      std::vector<Index> doors;
      for (Index p = 0; p < size * size; ++p) {
        const bool door = (p / size + p % size) % 2 == 1 && p != start && p != goal;
        if (door && loop.on_path(p) && now.on_path(p)) doors.push_back(p);
      }
      if (doors.empty() && attempt < 150) continue;  // the way to the goal would stay as it is
      if (doors.empty()) {
        for (Index p = 0; p < size * size; ++p) {
          if ((p / size + p % size) % 2 == 1 && p != start && p != goal && loop.on_path(p)) doors.push_back(p);
        }
      }
      if (doors.empty()) continue;
      open[static_cast<std::size_t>(wall)] = 1;
      open[static_cast<std::size_t>(doors[static_cast<std::size_t>(draws.below(doors.size()))])] = 0;
      tell();
      return true;
    }
    return false;
  }

  /// How many ways there are too many: in a maze of one way between any two places, none.
  [[nodiscard]] Index loops() const {
    const std::vector<Index> steps = deq_mazes::Maze::distances(size, open, start);
    Index reached = 0, joints = 0;
    for (Index p = 0; p < size * size; ++p) {
      if (steps[static_cast<std::size_t>(p)] > size * size) continue;
      ++reached;
      joints += open[static_cast<std::size_t>(p + 1)] + open[static_cast<std::size_t>(p + size)];
    }
    return joints + 1 - reached;
  }

  static Labyrinth& scene() {
    static Labyrinth one;
    return one;
  }

 private:
  [[nodiscard]] basin::Shape cells() const { return {1, {size, size, 1}, 1}; }
  template <std::size_t first, std::size_t count>
  [[nodiscard]] std::span<const float, count> part() const {
    return std::span<const float, count>(theta.data() + first, count);
  }
};

}  // namespace playground

extern "C" {

/// Where the page writes the parameters, and how many there are.
[[gnu::used]] float* maze_theta() { return playground::Labyrinth::scene().theta.data(); }
[[gnu::used]] int maze_theta_size() { return static_cast<int>(playground::Labyrinth::scene().theta.size()); }

/// A maze of one way between any two places, with states of zeros. side: 5 or more.
[[gnu::used]] void maze_draw(int side, int seed) {
  playground::Labyrinth::scene().draw(side, static_cast<std::uint64_t>(seed));
}

/// Opens a pixel, or makes it a wall: not on the edge, and start and goal stay open. 1 if that changes something.
[[gnu::used]] int maze_set(int x, int y, int open) {
  playground::Labyrinth& maze = playground::Labyrinth::scene();
  const basin::Index p = y * maze.size + x;
  if (!maze.inside(x, y) || p == maze.start || p == maze.goal) return 0;
  std::uint8_t& pixel = maze.open[static_cast<std::size_t>(p)];
  if (pixel == open) return 0;
  pixel = static_cast<std::uint8_t>(open);
  maze.tell();
  return 1;
}

/// Moves the start (0) or the goal (1) to an open pixel. 1 if that changes something.
[[gnu::used]] int maze_place(int which, int x, int y) {
  playground::Labyrinth& maze = playground::Labyrinth::scene();
  const basin::Index p = y * maze.size + x;
  if (!maze.inside(x, y) || maze.open[static_cast<std::size_t>(p)] == 0 || p == maze.start || p == maze.goal) return 0;
  (which == 0 ? maze.start : maze.goal) = p;
  maze.tell();
  return 1;
}

/// Where the start (0) or the goal (1) is, as a number of a pixel.
[[gnu::used]] int maze_at(int which) {
  const playground::Labyrinth& maze = playground::Labyrinth::scene();
  return static_cast<int>(which == 0 ? maze.start : maze.goal);
}

/// Opens one wall and closes another, so that the way changes. 1 if that could be done.
[[gnu::used]] int maze_move_wall(int seed) {
  return playground::Labyrinth::scene().move_wall(static_cast<std::uint64_t>(seed)) ? 1 : 0;
}

/// Begins again from zeros.
[[gnu::used]] void maze_begin() {
  playground::Labyrinth& maze = playground::Labyrinth::scene();
  maze.settling.z.values.setZero();
  maze.settling.forget();
}

/// Evaluates at most so often; none once it has settled.
[[gnu::used]] void maze_evaluate(int count) { playground::Labyrinth::scene().evaluate(count); }
[[gnu::used]] int maze_settled() { return playground::Labyrinth::scene().settling.settled ? 1 : 0; }

/// The relative residual of each evaluation so far, and how many there were.
[[gnu::used]] const float* maze_residuals() { return playground::Labyrinth::scene().settling.residuals.data(); }
[[gnu::used]] int maze_evaluations() {
  return static_cast<int>(playground::Labyrinth::scene().settling.residuals.size());
}

/// Four numbers, of the picture that was last made: the steps from start to goal, -1 if there is no way; how many loops
/// the maze has; how many pixels say what is wrong, by a search of the maze; how many say that they are on the way.
[[gnu::used]] const int* maze_verdict() {
  playground::Labyrinth& maze = playground::Labyrinth::scene();
  const deq_mazes::Maze exact = maze.maze();
  const bool way = exact.path_length() < maze.size * maze.size;
  int wrong = 0, said = 0;
  for (basin::Index p = 0; p < exact.pixels(); ++p) {
    const bool says = maze.shares[static_cast<std::size_t>(p)] > 0.5f;
    said += says ? 1 : 0;
    wrong += says == (way && exact.on_path(p)) ? 0 : 1;
  }
  maze.verdict = {way ? static_cast<int>(exact.path_length()) : -1, static_cast<int>(maze.loops()), wrong, said};
  return maze.verdict.data();
}

/// size x size pixels: walls, open, and, as far as a pixel says so, the way.
[[gnu::used]] const std::uint8_t* maze_picture() {
  playground::Labyrinth& maze = playground::Labyrinth::scene();
  maze.read();
  const playground::Colour wall{44, 52, 60}, floor{255, 253, 248}, way{38, 122, 200};
  for (int y = 0; y < maze.size; ++y) {
    for (int x = 0; x < maze.size; ++x) {
      const auto p = static_cast<std::size_t>(y * maze.size + x);
      maze.picture.set(x, y, playground::mixed(maze.open[p] != 0 ? floor : wall, way, maze.shares[p]));
    }
  }
  return maze.picture.data();
}

}  // extern "C"
