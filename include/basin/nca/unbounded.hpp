#pragma once

// An automaton on a plane without edges: a grid of tiles, of which only those exist that are not empty.
//
// A cell that is not zero reaches at most r cells in a step. So k steps of a tile follow from the tile and a margin of
// k r cells around it: such blocks are cut from the plane, stepped as samples of one batch, and their middles put back.
// An empty block stays empty, so neither tiles nor blocks of emptiness are ever touched. And a block that is as it was
// k steps ago becomes what it became then: around tiles in which nothing has changed, nothing is computed. Still lives
// and oscillators whose period divides k cost nothing.
//
// An automaton that makes something of nothing (B0 in Life) has no such plane. Nor has one with random masks, which
// belong to numbered cells.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/tiled_plane.hpp"

namespace basin {

/// How a plane without edges is cut into tiles.
struct UnboundedOptions {
  Index steps = 2;  ///< k, steps that blocks make by themselves
  Index tile = 0;   ///< cells of a tile, either way; 0 for 4 k r, and at least 16
};

/// A plane without edges, of which only the tiles that hold something are kept and computed; A is the automaton.
template <class A, class S = float>
class UnboundedPlane {
  static_assert(!changes_with_step<A>, "UnboundedPlane: the automaton must not have a random mask");
  static_assert(A::input_features == 0, "UnboundedPlane: the automaton must not take an injection");

 public:
  /// The empty plane. theta: the rule's parameters, if it has any. Throws std::invalid_argument if the automaton makes
  /// something of nothing, reaches along z or has noise, for a wrong number of parameters, and for a number of
  /// steps below 1.
  explicit UnboundedPlane(A automaton, std::vector<S> theta = {}, const UnboundedOptions& options = {})
      : automaton_(std::move(automaton)), theta_(std::move(theta)), options_(options) {
    check(theta_.size() == A::param_count, "UnboundedPlane: number of parameters", theta_.size(), A::param_count);
    check(options.steps >= 1, "UnboundedPlane: steps of a block", options.steps, "1 or more");
    check(options.tile >= 0, "UnboundedPlane: cells of a tile", options.tile, "1 or more, or 0");
    const double noise = detail::noise_of(automaton_.update);
    check(noise == 0, "UnboundedPlane: noise of the automaton", noise, 0);
    std::array<Index, 3> reach = detail::PerceptionOf<typename A::Perception>::reach(automaton_.perception);
    check(reach[2] == 0, "UnboundedPlane: reach of the automaton along z", reach[2], 0);
    const bool plane = reach[1] > 0;  // otherwise lines do not see one another
    if (A::Alive::clears) {
      for (const std::size_t axis : {0, 1}) reach[axis] = std::max<Index>(1, reach[axis]) + 1;
    }
    const Index side =
        options.tile > 0 ? options.tile : std::max<Index>(16, 4 * options.steps * std::max(reach[0], reach[1]));
    tiles_ = Tiles({side, plane ? side : 1}, {reach[0] * options.steps, plane ? reach[1] * options.steps : 0});
    refuse_creation();
  }

  /// Writes all cells of a pattern (C, X, Y, 1, 1), its first at (x, y).
  void place(View<const S> pattern, Index x, Index y) {
    tiles_.place(pattern, x, y);
    stepped_ = 0;
  }

  /// Makes `steps` steps; returns what the rule reports, if it solves anything.
  Report advance(Index steps) {
    check(steps >= 0, "UnboundedPlane: steps", steps, "0 or more");
    Report report;
    for (Index left = steps; left > 0;) {
      const Index now = std::min(left, options_.steps);
      report += step_blocks(now);
      left -= now;
    }
    return report;
  }

  /// Calls visit(x, y, features) for all cells that are not zero, tile by tile.
  template <class Visit>
  void each_cell(const Visit& visit) const {
    tiles_.each_cell(visit);
  }
  /// How many cells are not zero.
  [[nodiscard]] Index population() const { return tiles_.population(); }
  /// The smallest box that holds all cells that are not zero; of size 0 if there are none.
  [[nodiscard]] Box bounds() const { return tiles_.bounds(); }
  /// The cells of a box as a state (C, width, height, 1, 1).
  [[nodiscard]] State<S> crop(const Box& box) const { return tiles_.crop(box); }
  /// How many tiles are not empty.
  [[nodiscard]] std::size_t tiles() const { return tiles_.tiles(); }

 private:
  using Tiles = TiledPlane<A::state_features, S>;
  using Key = typename Tiles::Key;

  void refuse_creation() {
    const Shape shape = tiles_.blocks(1);
    const State<S> empty(shape);
    State<S> out(shape);
    std::vector<std::uint8_t> marks(static_cast<std::size_t>(shape.cells()));
    (void)automaton_.template step<S>(theta(), empty.view(), out.view(), marks.data());
    const S most = out.values.size() == 0 ? S(0) : out.values.cwiseAbs().maxCoeff();
    check(most == S(0), "UnboundedPlane: what the automaton makes of an empty plane", most, "0, nothing");
  }

  [[nodiscard]] std::span<const S, A::param_count> theta() const {
    return std::span<const S, A::param_count>(theta_.data(), A::param_count);
  }

  /// The tiles whose blocks are not as they were `steps` steps ago, or all that may not be empty.
  [[nodiscard]] std::vector<Key> restless(Index steps) const {
    std::vector<Key> keys;
    const auto with_neighbours = [&](const Key& key) {
      tiles_.each_around(key, [&](const Key& near) { keys.push_back(near); });
    };
    if (steps == stepped_) {
      for (const Key& key : changed_) with_neighbours(key);
    } else {
      tiles_.each_tile(with_neighbours);
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
  }

  Report step_blocks(Index steps) {
    std::vector<Key> keys = restless(steps);
    const Index block = tiles_.blocks(1).size();
    now_.resize(std::max(now_.size(), block * static_cast<Index>(keys.size())));
    std::size_t count = 0;
    for (const Key& key : keys) {
      if (!tiles_.cut(key, now_.data() + static_cast<Index>(count) * block)) continue;
      keys[count++] = key;
    }
    keys.resize(count);
    changed_.clear();
    stepped_ = steps;
    if (keys.empty()) return {};

    // A task is a group of blocks, with all its steps.
    const Index all = static_cast<Index>(count), cells = tiles_.blocks(1).cells();
    const Index group = std::max<Index>(1, 32768 / cells), groups = (all + group - 1) / group;
    next_.resize(now_.size());
    marks_.resize(static_cast<std::size_t>(cells * all));
    std::vector<Report> reports(static_cast<std::size_t>(groups));
    parallel_for(groups, [&](Index g) {
      const Index first = g * group;
      const Shape shape = tiles_.blocks(std::min(group, all - first));
      View<S> now(now_.data() + first * block, shape), next(next_.data() + first * block, shape);
      for (Index t = 0; t < steps; ++t) {
        reports[static_cast<std::size_t>(g)] +=
            automaton_.template step<S>(theta(), now, next, marks_.data() + first * cells);
        std::swap(now, next);
      }
    });
    Report report;
    for (const Report& of_group : reports) report += of_group;
    if (steps % 2 == 1) now_.swap(next_);
    for (std::size_t i = 0; i < count; ++i) {
      if (tiles_.put(keys[i], now_.data() + static_cast<Index>(i) * block)) changed_.push_back(keys[i]);
    }
    return report;
  }

  A automaton_;
  std::vector<S> theta_;
  UnboundedOptions options_;
  Tiles tiles_;
  std::vector<Key> changed_;  // in the last steps, which were so many (0: everything may have changed)
  Index stepped_ = 0;
  Vector<S> now_, next_;  // blocks
  std::vector<std::uint8_t> marks_;
};

}  // namespace basin
