#pragma once

// Life, Lenia and elementary rules on a torus: what the page's scene "Life and Lenia" calls.
//
// A state has one number a cell, or three in the Lenia of three channels. Of an elementary rule, whose cells stand on a
// line, the lowest line is the newest, and what was is above it.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "basin/core/parameters.hpp"
#include "basin/nca/elementary.hpp"
#include "basin/nca/expanded_lenia.hpp"
#include "basin/nca/lenia.hpp"
#include "basin/nca/life_like.hpp"
#include "basin/nca/orbium.hpp"
#include "basin/nca/tessellatium.hpp"
#include "colours.hpp"

namespace playground {

struct Life {
  enum Kind { life_like, lenia_of_one, lenia_of_three, line };
  static constexpr int most_channels = 3;
  using Expanded = basin::ExpandedLenia<most_channels, 15>;

  Kind kind = life_like;
  int side = 0, channels = 1;
  basin::LifeLikeAutomaton<basin::Periodic> life{};
  basin::Lenia<basin::Periodic> lenia = basin::lenia<basin::Periodic>();
  Expanded expanded =
      basin::expanded_lenia<most_channels, 15>(basin::tessellatium_kernels(), basin::tessellatium_steps_per_time);
  basin::Parameters<Expanded, float> growths = basin::lenia_parameters<Expanded>(basin::tessellatium_kernels());
  basin::ElementaryAutomaton<> elementary{};
  basin::State<float> now{}, next{};
  std::vector<std::uint8_t> marks{};
  std::vector<float> embers{};  // 1 where a cell has just died, and then less
  Picture picture{};

  void resize(int cells_a_side, Kind of) {
    kind = of;
    side = cells_a_side;
    channels = kind == lenia_of_three ? most_channels : 1;
    now = basin::State<float>(basin::Shape{channels, {side, side, 1}, 1});
    next = now;
    marks.assign(static_cast<std::size_t>(side * side), 0);
    embers.assign(marks.size(), 0);
    picture.resize(side, side);
  }

  [[nodiscard]] bool soft() const { return kind == lenia_of_one || kind == lenia_of_three; }
  /// The first of a cell's numbers.
  [[nodiscard]] float* cell(int x, int y) { return now.values.data() + (y * side + x) * channels; }
  /// Of a cell beyond an edge that which comes in at the other.
  [[nodiscard]] float* wrapped(int x, int y) { return cell((x % side + side) % side, (y % side + side) % side); }

  void step() {
    switch (kind) {
      case life_like:
        (void)life.step<float>({}, now.view(), next.view(), marks.data());
        for (std::size_t i = 0; i < embers.size(); ++i) {
          const auto at = static_cast<basin::Index>(i);
          embers[i] = now.values[at] > 0.5f && next.values[at] < 0.5f ? 1.0f : 0.9f * embers[i];
        }
        break;
      case lenia_of_one:
        (void)lenia.step<float>({}, now.view(), next.view(), marks.data());
        break;
      case lenia_of_three:
        (void)expanded.step<float>(growths.span(), now.view(), next.view(), marks.data());
        break;
      case line: {
        const basin::Shape row{1, {side, 1, 1}, 1};
        const basin::Index above = static_cast<basin::Index>(side) * (side - 1);
        next.values.head(above) = now.values.tail(above);
        (void)elementary.step<float>({}, basin::View<const float>(now.values.data() + above, row),
                                     basin::View<float>(next.values.data() + above, row), marks.data());
        break;
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

/// An empty torus: of a rule like Life's (0), Lenia (1), Lenia of three channels (2), or lines of an elementary rule
/// (3).
[[gnu::used]] void life_resize(int side, int kind) {
  playground::Life::scene().resize(side, static_cast<playground::Life::Kind>(kind));
}

/// Bit n: a dead cell with n living neighbours comes to life, a living one survives.
[[gnu::used]] void life_rule(int born, int survives) {
  playground::Life::scene().life.rule = {static_cast<std::uint16_t>(born), static_cast<std::uint16_t>(survives)};
}

/// The number of an elementary rule, 0 to 255.
[[gnu::used]] void life_elementary(int number) {
  playground::Life::scene().elementary.rule = basin::Elementary::numbered(number);
}

[[gnu::used]] void life_clear() {
  playground::Life& life = playground::Life::scene();
  life.now.values.setZero();
  std::fill(life.embers.begin(), life.embers.end(), 0.0f);
}

[[gnu::used]] void life_step(int count) {
  for (int i = 0; i < count; ++i) playground::Life::scene().step();
}

/// One cell, all channels of it; coordinates beyond an edge come in at the other.
[[gnu::used]] void life_set(int x, int y, float value) {
  playground::Life& life = playground::Life::scene();
  std::fill_n(life.wrapped(x, y), life.channels, value);
}

/// Orbium, which swims to the lower right, or in Lenia of three channels Tessellatium, which turns as it swims, with
/// its middle at (x, y). Orbium is turned by some quarters.
[[gnu::used]] void life_creature(int x, int y, int turns) {
  playground::Life& life = playground::Life::scene();
  const basin::State<float> creature =
      life.kind == playground::Life::lenia_of_three ? basin::tessellatium() : basin::orbium();
  const auto width = static_cast<int>(creature.shape.space[0]), height = static_cast<int>(creature.shape.space[1]);
  for (int j = 0; j < height; ++j) {
    for (int i = 0; i < width; ++i) {
      int from_x = i, from_y = j;
      for (int turn = 0; turn < turns && width == height; ++turn) from_x = std::exchange(from_y, width - 1 - from_x);
      std::copy_n(creature.values.data() + (from_y * width + from_x) * life.channels, life.channels,
                  life.wrapped(x - width / 2 + i, y - height / 2 + j));
    }
  }
}

/// Paints a disc, or erases it with `value` 0. In Lenia what is painted is soft at its edge.
[[gnu::used]] void life_paint(double x, double y, double radius, float value) {
  playground::Life& life = playground::Life::scene();
  playground::each_within(x, y, radius, life.side, life.side, [&](int i, int j) {
    const double share = 1 - std::hypot(i + 0.5 - x, j + 0.5 - y) / (radius + 1);
    for (int c = 0; c < life.channels; ++c) {
      float& number = life.cell(i, j)[c];
      number = life.soft() && value > 0 ? std::max(number, value * static_cast<float>(share)) : value;
    }
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
      const float value = *life.cell(x, y);
      if (life.kind == playground::Life::lenia_of_three) {
        const float* rgb = life.cell(x, y);
        life.picture.set(x, y, {empty.red + 230 * rgb[0], empty.green + 215 * rgb[1], empty.blue + 220 * rgb[2]});
      } else if (life.soft()) {
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
