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
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/parallel.hpp"
#include "basin/nca/automaton.hpp"

namespace basin {

/// Cells x ... x + width - 1 and y ... y + height - 1 of a plane.
struct Box {
  Index x = 0, y = 0, width = 0, height = 0;

  friend bool operator==(const Box&, const Box&) = default;
};

struct UnboundedOptions {
  Index steps = 2;  ///< k, steps that blocks make by themselves
  Index tile = 0;   ///< cells of a tile, either way; 0 for 4 k r, and at least 16
};

template <class A, class S = float>
class UnboundedPlane {
  static constexpr int C = A::state_features;
  static_assert(!A::Fire::random, "UnboundedPlane: the automaton must not have a random mask");

 public:
  /// The empty plane. theta: the rule's parameters, if it has any. Throws std::invalid_argument if the automaton makes
  /// something of nothing, reaches along z or has noise, for a wrong number of parameters, and for a number of
  /// steps below 1.
  explicit UnboundedPlane(A automaton, std::vector<S> theta = {}, const UnboundedOptions& options = {})
      : automaton_(std::move(automaton)), theta_(std::move(theta)), options_(options) {
    check(theta_.size() == A::param_count, "UnboundedPlane: number of parameters", theta_.size(), A::param_count);
    check(options.steps >= 1, "UnboundedPlane: steps of a block", options.steps, "1 or more");
    check(options.tile >= 0, "UnboundedPlane: cells of a tile", options.tile, "1 or more, or 0");
    if constexpr (requires { automaton_.update.noise; }) {
      check(automaton_.update.noise == 0, "UnboundedPlane: noise of the automaton", automaton_.update.noise, 0);
    }
    std::array<Index, 3> reach = perceived();
    check(reach[2] == 0, "UnboundedPlane: reach of the automaton along z", reach[2], 0);
    const bool plane = reach[1] > 0;  // otherwise lines do not see one another
    if (A::Alive::clears) {
      for (const std::size_t axis : {0, 1}) reach[axis] = std::max<Index>(1, reach[axis]) + 1;
    }
    const Index side =
        options.tile > 0 ? options.tile : std::max<Index>(16, 4 * options.steps * std::max(reach[0], reach[1]));
    tile_ = {side, plane ? side : 1};
    margin_ = {reach[0] * options.steps, plane ? reach[1] * options.steps : 0};
    around_ = {(margin_[0] + tile_[0] - 1) / tile_[0], (margin_[1] + tile_[1] - 1) / tile_[1]};
    refuse_creation();
  }

  /// Writes all cells of a pattern (C, X, Y, 1, 1), its first at (x, y).
  void place(View<const S> pattern, Index x, Index y) {
    const Shape& shape = pattern.shape();
    check(shape.features == C && shape.space[2] == 1 && shape.samples == 1, "shape of a pattern", shape,
          "(" + std::to_string(C) + ", X, Y, 1, 1)");
    for (Index j = 0; j < shape.space[1]; ++j) {
      for (Index i = 0; i < shape.space[0]; ++i) {
        const S* from = pattern.data() + (j * shape.space[0] + i) * C;
        const Key key{floor_div(x + i, tile_[0]), floor_div(y + j, tile_[1])};
        const bool empty = std::all_of(from, from + C, [](S value) { return value == S(0); });
        if (empty && tiles_.find(key) == tiles_.end()) continue;
        std::vector<S>& tile = tiles_[key];
        tile.resize(static_cast<std::size_t>(tile_size()));
        std::copy_n(from, C, tile.data() + offset(x + i - key.x * tile_[0], y + j - key.y * tile_[1]));
      }
    }
    std::erase_if(tiles_, [](const auto& item) { return is_zero(item.second); });
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
    for (const auto& [key, tile] : tiles_) {
      const S* cell = tile.data();
      for (Index y = 0; y < tile_[1]; ++y) {
        for (Index x = 0; x < tile_[0]; ++x, cell += C) {
          if (!std::all_of(cell, cell + C, [](S value) { return value == S(0); })) {
            visit(key.x * tile_[0] + x, key.y * tile_[1] + y, cell);
          }
        }
      }
    }
  }

  /// How many cells are not zero.
  [[nodiscard]] Index population() const {
    Index count = 0;
    each_cell([&](Index, Index, const S*) { ++count; });
    return count;
  }

  /// The smallest box that holds all cells that are not zero; of size 0 if there are none.
  [[nodiscard]] Box bounds() const {
    std::optional<std::array<Index, 4>> ends;  // first x, first y, last x, last y
    each_cell([&](Index x, Index y, const S*) {
      if (!ends) ends = {x, y, x, y};
      *ends = {std::min((*ends)[0], x), std::min((*ends)[1], y), std::max((*ends)[2], x), std::max((*ends)[3], y)};
    });
    if (!ends) return {};
    return {(*ends)[0], (*ends)[1], (*ends)[2] - (*ends)[0] + 1, (*ends)[3] - (*ends)[1] + 1};
  }

  /// The cells of a box as a state (C, width, height, 1, 1).
  [[nodiscard]] State<S> crop(const Box& box) const {
    check(box.width >= 0 && box.height >= 0, "size of a box",
          std::to_string(box.width) + "x" + std::to_string(box.height), "0 or more either way");
    State<S> out(Shape{C, {box.width, box.height, 1}, 1});
    each_cell([&](Index x, Index y, const S* cell) {
      const Index i = x - box.x, j = y - box.y;
      if (i >= 0 && i < box.width && j >= 0 && j < box.height) {
        std::copy_n(cell, C, out.values.data() + (j * box.width + i) * C);
      }
    });
    return out;
  }

  /// How many tiles are not empty.
  [[nodiscard]] std::size_t tiles() const { return tiles_.size(); }

 private:
  /// Of a tile, counted in tiles.
  struct Key {
    Index x = 0, y = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  static Index floor_div(Index a, Index b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
  static bool is_zero(const std::vector<S>& values) {
    return std::all_of(values.begin(), values.end(), [](S value) { return value == S(0); });
  }

  [[nodiscard]] Index tile_size() const { return C * tile_[0] * tile_[1]; }
  [[nodiscard]] Index offset(Index x, Index y) const { return (y * tile_[0] + x) * C; }
  [[nodiscard]] Shape blocks(Index count) const {
    return {C, {tile_[0] + 2 * margin_[0], tile_[1] + 2 * margin_[1], 1}, count};
  }

  /// How far the perception reaches.
  [[nodiscard]] std::array<Index, 3> perceived() const {
    if constexpr (requires { automaton_.perception.radius(); }) {
      const Index radius = automaton_.perception.radius();
      return {radius, radius, 0};
    } else {
      const auto& reach = A::Perception::reach;
      return {reach[0], reach[1], reach[2]};
    }
  }

  void refuse_creation() {
    const Shape shape = blocks(1);
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
      for (Index y = -around_[1]; y <= around_[1]; ++y) {
        for (Index x = -around_[0]; x <= around_[0]; ++x) keys.push_back({key.x + x, key.y + y});
      }
    };
    if (steps == stepped_) {
      for (const Key& key : changed_) with_neighbours(key);
    } else {
      for (const auto& item : tiles_) with_neighbours(item.first);
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
  }

  /// Copies the block of a tile; false if it is empty.
  bool cut(const Key& key, S* block) const {
    const Index width = tile_[0] + 2 * margin_[0], height = tile_[1] + 2 * margin_[1];
    std::fill_n(block, C * width * height, S(0));
    bool something = false;
    for (Index v = -around_[1]; v <= around_[1]; ++v) {
      for (Index u = -around_[0]; u <= around_[0]; ++u) {
        const auto found = tiles_.find({key.x + u, key.y + v});
        if (found == tiles_.end()) continue;
        // The tile's first cell in the block, and what of the tile is inside.
        const Index left = u * tile_[0] + margin_[0], top = v * tile_[1] + margin_[1];
        const Index x0 = std::max<Index>(0, -left), x1 = std::min(tile_[0], width - left);
        for (Index y = std::max<Index>(0, -top); y < std::min(tile_[1], height - top); ++y) {
          const S* from = found->second.data() + offset(x0, y);
          S* to = block + ((top + y) * width + left + x0) * C;
          for (Index i = 0; i < (x1 - x0) * C; ++i) {
            to[i] = from[i];
            something = something || from[i] != S(0);
          }
        }
      }
    }
    return something;
  }

  /// Puts the middle of a block back; true if the tile has changed.
  bool put(const Key& key, const S* block) {
    const Index width = tile_[0] + 2 * margin_[0];
    const auto row = [&](Index y) { return block + ((y + margin_[1]) * width + margin_[0]) * C; };
    bool something = false;
    for (Index y = 0; y < tile_[1]; ++y) {
      something = something || std::any_of(row(y), row(y) + tile_[0] * C, [](S value) { return value != S(0); });
    }
    const auto found = tiles_.find(key);
    if (!something) {
      if (found == tiles_.end()) return false;
      tiles_.erase(found);
      return true;
    }
    bool changed = found == tiles_.end();
    std::vector<S>& tile = changed ? tiles_[key] : found->second;
    tile.resize(static_cast<std::size_t>(tile_size()));
    for (Index y = 0; y < tile_[1]; ++y) {
      S* to = tile.data() + offset(0, y);
      changed = changed || !std::equal(row(y), row(y) + tile_[0] * C, to);
      std::copy_n(row(y), tile_[0] * C, to);
    }
    return changed;
  }

  Report step_blocks(Index steps) {
    std::vector<Key> keys = restless(steps);
    const Index block = blocks(1).size();
    now_.resize(std::max(now_.size(), block * static_cast<Index>(keys.size())));
    std::size_t count = 0;
    for (const Key& key : keys) {
      if (!cut(key, now_.data() + static_cast<Index>(count) * block)) continue;
      keys[count++] = key;
    }
    keys.resize(count);
    changed_.clear();
    stepped_ = steps;
    if (keys.empty()) return {};

    // A task is a group of blocks, with all its steps.
    const Index all = static_cast<Index>(count), cells = blocks(1).cells();
    const Index group = std::max<Index>(1, 32768 / cells), groups = (all + group - 1) / group;
    next_.resize(now_.size());
    marks_.resize(static_cast<std::size_t>(cells * all));
    std::vector<Report> reports(static_cast<std::size_t>(groups));
    parallel_for(groups, [&](Index g) {
      const Index first = g * group;
      const Shape shape = blocks(std::min(group, all - first));
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
      if (put(keys[i], now_.data() + static_cast<Index>(i) * block)) changed_.push_back(keys[i]);
    }
    return report;
  }

  A automaton_;
  std::vector<S> theta_;
  UnboundedOptions options_;
  std::array<Index, 2> tile_{}, margin_{}, around_{};  // cells, cells, and tiles that a margin reaches into
  std::map<Key, std::vector<S>> tiles_;
  std::vector<Key> changed_;  // in the last steps, which were so many (0: everything may have changed)
  Index stepped_ = 0;
  Vector<S> now_, next_;  // blocks
  std::vector<std::uint8_t> marks_;
};

}  // namespace basin
