#pragma once

// A plane without edges on which few cells are not zero: tiles of cells, of which only those exist that are not empty.

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "basin/core/state.hpp"

namespace basin {

/// Cells x ... x + width - 1 and y ... y + height - 1 of a plane.
struct Box {
  Index x = 0, y = 0, width = 0, height = 0;  ///< its first cell, of any sign, and its size in cells

  friend bool operator==(const Box&, const Box&) = default;
};

/// Cells of C features.
template <int C, class S>
class TiledPlane {
 public:
  /// Of a tile, counted in tiles.
  struct Key {
    Index x = 0, y = 0;  ///< of any sign; tile (0, 0) begins at cell (0, 0)
    /// By x, then by y.
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  /// The empty plane, for tiles of so many cells along x and y, and blocks with so many more around a tile.
  explicit TiledPlane(const std::array<Index, 2>& tile = {1, 1}, const std::array<Index, 2>& margin = {0, 0})
      : tile_(tile),
        margin_(margin),
        around_{(margin[0] + tile[0] - 1) / tile[0], (margin[1] + tile[1] - 1) / tile[1]} {}

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

  /// Calls visit(key) for all tiles that are not empty.
  template <class Visit>
  void each_tile(const Visit& visit) const {
    for (const auto& item : tiles_) visit(item.first);
  }

  /// Calls visit(key) for the tiles in whose blocks a tile is.
  template <class Visit>
  void each_around(const Key& key, const Visit& visit) const {
    for (Index y = -around_[1]; y <= around_[1]; ++y) {
      for (Index x = -around_[0]; x <= around_[0]; ++x) visit(Key{key.x + x, key.y + y});
    }
  }

  /// Of a number of blocks, as samples of one state.
  [[nodiscard]] Shape blocks(Index count) const {
    return {C, {tile_[0] + 2 * margin_[0], tile_[1] + 2 * margin_[1], 1}, count};
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

 private:
  static Index floor_div(Index a, Index b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
  static bool is_zero(const std::vector<S>& values) {
    return std::all_of(values.begin(), values.end(), [](S value) { return value == S(0); });
  }

  [[nodiscard]] Index tile_size() const { return C * tile_[0] * tile_[1]; }
  [[nodiscard]] Index offset(Index x, Index y) const { return (y * tile_[0] + x) * C; }

  std::array<Index, 2> tile_, margin_, around_;  // cells, cells, and tiles that a margin reaches into
  std::map<Key, std::vector<S>> tiles_;
};

}  // namespace basin
