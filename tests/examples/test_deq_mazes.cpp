// The mazes of deq_mazes.

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "../../examples/deq_mazes/maze.hpp"

namespace {

using namespace deq_mazes;

Index count_open(const Maze& maze) {
  Index open = 0;
  for (Index p = 0; p < maze.pixels(); ++p) open += maze.open(p) ? 1 : 0;
  return open;
}

Index count_path(const Maze& maze) {
  Index on_path = 0;
  for (Index p = 0; p < maze.pixels(); ++p) on_path += maze.on_path(p) ? 1 : 0;
  return on_path;
}

}  // namespace

TEST_CASE("a perfect maze is a tree over all rooms, and its path is the only way", "[unit]") {
  for (const Index size : {5, 6, 15, 30}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Maze maze = random_maze({.size = size}, {seed, 1});
      const Index rooms = (size - 1) / 2;
      INFO("size " << size << ", seed " << seed);
      // As many walls are opened as a tree has edges, and all can be reached.
      const Index open = count_open(maze);
      CHECK(open == 2 * rooms * rooms - 1);
      const std::vector<Index> steps = maze.distances(maze.start());
      CHECK(std::count_if(steps.begin(), steps.end(), [&](Index s) { return s < size * size; }) == open);
      // One pixel a step, from start to goal.
      CHECK(count_path(maze) == maze.path_length() + 1);
      CHECK(maze.path_length() >= 1);
      CHECK(maze.on_path(maze.start()));
      CHECK(maze.on_path(maze.goal()));
      // Every round fills a pixel at least, and all that is not on the path is filled.
      CHECK(maze.dead_end_rounds() <= open - count_path(maze));
      // The edge is wall.
      for (Index i = 0; i < size; ++i) {
        const bool edge =
            maze.open(i) || maze.open(i * size) || maze.open(size * size - 1 - i) || maze.open(i * size + size - 1);
        if (edge) FAIL("open at the edge");
      }
    }
  }
}

TEST_CASE("mazes have paths as long as asked for, and loops with several shortest ways", "[unit]") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Maze far = random_maze({.size = 30, .min_path = 100, .max_path = 140}, {seed, 1});
    CHECK((far.path_length() >= 100 && far.path_length() <= 140));
    const Maze near = random_maze({.size = 15, .max_path = 3}, {seed, 1});
    CHECK(near.path_length() <= 3);
  }
  // With no walls but posts, opposite corners of a square of rooms are joined by several shortest ways.
  bool several = false;
  for (std::uint64_t seed = 0; seed < 10 && !several; ++seed) {
    const Maze open = random_maze({.size = 9, .loops = 1}, {seed, 1});
    CHECK(count_open(open) == 16 + 2 * 4 * 3);
    several = count_path(open) > open.path_length() + 1;
  }
  CHECK(several);
  CHECK_THROWS_WITH(random_maze({.size = 5, .min_path = 50, .max_path = 60}, {1, 1}),
                    Catch::Contains("no maze of 5 pixels with a path of 50 to 60 steps"));
}

TEST_CASE("a maze follows from its seed alone", "[unit]") {
  const Maze one = random_maze({.size = 15, .loops = 0.2}, {7, 1}),
             again = random_maze({.size = 15, .loops = 0.2}, {7, 1});
  const Maze other = random_maze({.size = 15, .loops = 0.2}, {8, 1});
  bool same = one.start() == again.start() && one.goal() == again.goal(), differs = one.start() != other.start();
  for (Index p = 0; p < one.pixels(); ++p) {
    same = same && one.open(p) == again.open(p);
    differs = differs || one.open(p) != other.open(p);
  }
  CHECK(same);
  CHECK(differs);
}
