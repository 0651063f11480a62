#pragma once

// Life and Lenia on a torus: what the page's scene "Life and Lenia" calls.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "basin/nca/lenia.hpp"
#include "basin/nca/life_like.hpp"
#include "basin/nca/orbium.hpp"
#include "colours.hpp"

namespace playground {

struct Life {
  bool soft = false;  // Lenia
  int side = 0;
  basin::LifeLikeAutomaton<basin::Periodic> life{};
  basin::Lenia<basin::Periodic> lenia = basin::lenia<basin::Periodic>();
  basin::State<float> now{}, next{};
  std::vector<std::uint8_t> marks{};
  std::vector<float> embers{};  // 1 where a cell has just died, and then less
  Picture picture{};

  void resize(int cells_a_side) {
    side = cells_a_side;
    now = basin::State<float>(basin::Shape{1, {side, side, 1}, 1});
    next = now;
    marks.assign(static_cast<std::size_t>(now.values.size()), 0);
    embers.assign(marks.size(), 0);
    picture.resize(side, side);
  }

  [[nodiscard]] float& cell(int x, int y) { return now.values[y * side + x]; }

  void step() {
    if (soft) {
      (void)lenia.step<float>({}, now.view(), next.view(), marks.data());
    } else {
      (void)life.step<float>({}, now.view(), next.view(), marks.data());
      for (std::size_t i = 0; i < embers.size(); ++i) {
        const auto at = static_cast<basin::Index>(i);
        embers[i] = now.values[at] > 0.5f && next.values[at] < 0.5f ? 1.0f : 0.9f * embers[i];
      }
    }
    std::swap(now.values, next.values);
  }

  static Life& scene() {
    static Life one;
    return one;
  }
};

}  // namespace playground

extern "C" {

/// An empty torus, of Lenia if `soft`, else of Life.
[[gnu::used]] void life_resize(int side, int soft) {
  playground::Life::scene().soft = soft != 0;
  playground::Life::scene().resize(side);
}

/// Bit n: a dead cell with n living neighbours comes to life, a living one survives.
[[gnu::used]] void life_rule(int born, int survives) {
  playground::Life::scene().life.rule = {static_cast<std::uint16_t>(born), static_cast<std::uint16_t>(survives)};
}

[[gnu::used]] void life_clear() {
  playground::Life& life = playground::Life::scene();
  life.now.values.setZero();
  std::fill(life.embers.begin(), life.embers.end(), 0.0f);
}

[[gnu::used]] void life_step(int count) {
  for (int i = 0; i < count; ++i) playground::Life::scene().step();
}

/// One cell; coordinates beyond an edge come in at the other.
[[gnu::used]] void life_set(int x, int y, float value) {
  playground::Life& life = playground::Life::scene();
  const auto inside = [&](int i) { return (i % life.side + life.side) % life.side; };
  life.cell(inside(x), inside(y)) = value;
}

/// Orbium, which swims to the lower right, with its upper left corner at (x, y), after some quarter turns.
[[gnu::used]] void life_orbium(int x, int y, int turns) {
  const basin::State<float> orbium = basin::orbium();
  for (int j = 0; j < 20; ++j) {
    for (int i = 0; i < 20; ++i) {
      int from_x = i, from_y = j;
      for (int turn = 0; turn < turns; ++turn) from_x = std::exchange(from_y, 19 - from_x);
      life_set(x + i, y + j, orbium.values[from_y * 20 + from_x]);
    }
  }
}

/// Paints a disc, or erases it with `value` 0. In Lenia what is painted is soft at its edge.
[[gnu::used]] void life_paint(double x, double y, double radius, float value) {
  playground::Life& life = playground::Life::scene();
  playground::each_within(x, y, radius, life.side, life.side, [&](int i, int j) {
    const double share = 1 - std::hypot(i + 0.5 - x, j + 0.5 - y) / (radius + 1);
    const bool softly = life.soft && value > 0;
    life.cell(i, j) = softly ? std::max(life.cell(i, j), value * static_cast<float>(share)) : value;
  });
}

/// The sum of all cells: of Life how many live, of Lenia the mass.
[[gnu::used]] double life_mass() { return playground::Life::scene().now.values.cast<double>().sum(); }

/// side x side pixels.
[[gnu::used]] const std::uint8_t* life_picture() {
  playground::Life& life = playground::Life::scene();
  const playground::Colour empty{14, 20, 34}, ember{120, 52, 110}, alive{255, 222, 130};
  for (int y = 0; y < life.side; ++y) {
    for (int x = 0; x < life.side; ++x) {
      const float value = life.cell(x, y);
      if (life.soft) {
        const playground::Colour colour = playground::sequential(value);
        life.picture.set(x, y, playground::mixed(empty, colour, std::min(1.0f, 8 * value)));
      } else {
        const float glow = life.embers[static_cast<std::size_t>(y * life.side + x)];
        life.picture.set(x, y, value > 0.5f ? alive : playground::mixed(empty, ember, glow));
      }
    }
  }
  return life.picture.data();
}

}  // extern "C"
