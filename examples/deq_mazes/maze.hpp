#pragma once

// Mazes on a square of pixels, each a wall or open, and the shortest way through them.
//
// Rooms stand at odd places of both axes. A depth-first search that turns at random opens the walls between them, so
// that there is exactly one way from any pixel to any other (a perfect maze); then each wall between two rooms that
// still stands is opened with a probability of the caller's, which makes loops. A square of even size has one more row
// and column of wall.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/exceptions.hpp"
#include "basin/core/random.hpp"
#include "basin/core/state.hpp"

namespace deq_mazes {

using basin::Index;

/// What mazes are drawn.
struct Kind {
  Index size = 15;             ///< pixels along each side, 5 or more
  double loops = 0;            ///< the probability with which a wall between rooms is opened
  Index min_path = 1;          ///< steps from start to goal at least
  Index max_path = 1'000'000;  ///< and at most
};

class Maze {
 public:
  Maze(Index size, Index start, Index goal, std::vector<std::uint8_t> open)
      : size_(size), start_(start), goal_(goal), open_(std::move(open)) {
    const std::vector<Index> from_start = distances(start), from_goal = distances(goal);
    path_length_ = from_start[at(goal)];
    on_path_.resize(open_.size());
    for (std::size_t p = 0; p < open_.size(); ++p) {
      on_path_[p] = open_[p] != 0 && from_start[p] + from_goal[p] == path_length_ ? 1 : 0;
    }
  }

  [[nodiscard]] Index size() const { return size_; }
  [[nodiscard]] Index pixels() const { return size_ * size_; }
  [[nodiscard]] Index start() const { return start_; }
  [[nodiscard]] Index goal() const { return goal_; }
  [[nodiscard]] bool open(Index p) const { return open_[at(p)] != 0; }
  /// True for the pixels of all shortest ways from start to goal, both included.
  [[nodiscard]] bool on_path(Index p) const { return on_path_[at(p)] != 0; }
  /// Steps from start to goal.
  [[nodiscard]] Index path_length() const { return path_length_; }

  /// Steps from `from` to each pixel; a number larger than any path's for those that cannot be reached.
  [[nodiscard]] std::vector<Index> distances(Index from) const { return distances(size_, open_, from); }

  [[nodiscard]] static std::vector<Index> distances(Index size, const std::vector<std::uint8_t>& open, Index from) {
    const Index beyond = 4 * size * size;
    std::vector<Index> steps(open.size(), beyond), reached{from};
    steps[at(from)] = 0;
    for (std::size_t i = 0; i < reached.size(); ++i) {
      for (const Index next : neighbours(size, reached[i])) {
        if (open[at(next)] == 0 || steps[at(next)] != beyond) continue;
        steps[at(next)] = steps[at(reached[i])] + 1;
        reached.push_back(next);
      }
    }
    return steps;
  }

  /// How many rounds of filling dead ends leave the path of a perfect maze: in each, all open pixels but start and goal
  /// with one open neighbour or none become walls. What is local cannot know the path of such a maze sooner than that.
  [[nodiscard]] Index dead_end_rounds() const {
    std::vector<std::uint8_t> left = open_;
    std::vector<Index> ends, next;
    for (Index p = 0; p < pixels(); ++p) {
      if (is_end(left, p)) ends.push_back(p);
    }
    Index rounds = 0;
    for (; !ends.empty(); ++rounds) {
      for (const Index p : ends) left[at(p)] = 0;
      next.clear();
      for (const Index p : ends) {
        for (const Index q : neighbours(size_, p)) {
          if (is_end(left, q)) next.push_back(q);
        }
      }
      ends.swap(next);
    }
    return rounds;
  }

 private:
  [[nodiscard]] static std::size_t at(Index p) { return static_cast<std::size_t>(p); }

  /// The edge of the square is wall: an open pixel has four neighbours.
  [[nodiscard]] static std::array<Index, 4> neighbours(Index size, Index p) {
    return {p - 1, p + 1, p - size, p + size};
  }

  [[nodiscard]] bool is_end(const std::vector<std::uint8_t>& left, Index p) const {
    if (left[at(p)] == 0 || p == start_ || p == goal_) return false;
    int ways = 0;
    for (const Index q : neighbours(size_, p)) ways += left[at(q)];
    return ways <= 1;
  }

  Index size_ = 0, start_ = 0, goal_ = 0, path_length_ = 0;
  std::vector<std::uint8_t> open_, on_path_;
};

/// Random numbers of one maze, one after the other.
class Draws {
 public:
  explicit Draws(const basin::Random& random) : random_(random) {}
  Index below(std::size_t count) { return static_cast<Index>(random_.below(next_++, count)); }
  double uniform() { return random_.uniform(next_++); }

 private:
  basin::Random random_;
  std::uint64_t next_ = 0;
};

/// Which pixels are open.
inline std::vector<std::uint8_t> open_pixels(Index size, double loops, Draws& draws) {
  const Index rooms = (size - 1) / 2;  // along a side
  const auto pixel = [&](Index x, Index y) { return static_cast<std::size_t>((2 * y + 1) * size + 2 * x + 1); };
  std::vector<std::uint8_t> open(static_cast<std::size_t>(size * size), 0);
  std::vector<std::pair<Index, Index>> way{
      {draws.below(static_cast<std::size_t>(rooms)), draws.below(static_cast<std::size_t>(rooms))}};
  open[pixel(way[0].first, way[0].second)] = 1;
  while (!way.empty()) {
    const auto [x, y] = way.back();
    std::array<std::pair<Index, Index>, 4> around{{{x - 1, y}, {x + 1, y}, {x, y - 1}, {x, y + 1}}};
    const auto end = std::remove_if(around.begin(), around.end(), [&](const auto& room) {
      return std::min(room.first, room.second) < 0 || std::max(room.first, room.second) >= rooms ||
             open[pixel(room.first, room.second)] != 0;
    });
    if (end == around.begin()) {
      way.pop_back();
      continue;
    }
    const auto [to_x, to_y] =
        around[static_cast<std::size_t>(draws.below(static_cast<std::size_t>(end - around.begin())))];
    open[(pixel(x, y) + pixel(to_x, to_y)) / 2] = 1;
    open[pixel(to_x, to_y)] = 1;
    way.emplace_back(to_x, to_y);
  }
  if (loops > 0) {
    for (Index y = 0; y < rooms; ++y) {
      for (Index x = 0; x < rooms; ++x) {
        if (x + 1 < rooms && draws.uniform() < loops) open[(pixel(x, y) + pixel(x + 1, y)) / 2] = 1;
        if (y + 1 < rooms && draws.uniform() < loops) open[(pixel(x, y) + pixel(x, y + 1)) / 2] = 1;
      }
    }
  }
  return open;
}

/// Start and goal are any open pixels with a path as long as asked for. Throws std::invalid_argument if no such pair
/// was found in a thousand mazes.
inline Maze random_maze(const Kind& kind, const basin::Random& random) {
  Draws draws(random);
  for (int maze = 0; maze < 1000; ++maze) {
    std::vector<std::uint8_t> open = open_pixels(kind.size, kind.loops, draws);
    std::vector<Index> places, goals;
    for (Index p = 0; p < kind.size * kind.size; ++p) {
      if (open[static_cast<std::size_t>(p)] != 0) places.push_back(p);
    }
    for (int start = 0; start < 10; ++start) {
      const Index from = places[static_cast<std::size_t>(draws.below(places.size()))];
      const std::vector<Index> steps = Maze::distances(kind.size, open, from);
      goals.clear();
      for (const Index p : places) {
        const Index far = steps[static_cast<std::size_t>(p)];
        if (far >= kind.min_path && far <= kind.max_path) goals.push_back(p);
      }
      if (goals.empty()) continue;
      const Index goal = goals[static_cast<std::size_t>(draws.below(goals.size()))];
      return {kind.size, from, goal, std::move(open)};
    }
  }
  basin::detail::throw_invalid_argument("no maze of " + std::to_string(kind.size) + " pixels with a path of " +
                                        std::to_string(kind.min_path) + " to " + std::to_string(kind.max_path) +
                                        " steps among a thousand, expected lengths that such mazes have");
}

}  // namespace deq_mazes
