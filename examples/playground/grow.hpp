#pragma once

// A trained automaton that grows a picture from one cell and heals it: what the page's scene "Grow" calls.
//
// 16 features of a cell, red, green, blue and alpha first, as in nca_grow (examples/nca_grow/model.hpp), whose trained
// rules it runs.

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "basin/core/parameters.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"
#include "colours.hpp"

namespace playground {

struct Grow {
  static constexpr int features = 16, alpha = 3, hidden = 4;
  static constexpr int tiles_across = 4;  // of the hidden features, in their picture

  using Sees = basin::Perceive<features, basin::Zero, basin::Centre, basin::SobelX, basin::SobelY>;
  using Rule = basin::Sequential<basin::Dense<3 * features, 128>, basin::Relu, basin::Dense<128, features>>;
  using Growing = basin::Automaton<Sees, Rule, basin::RandomFire, basin::AliveMask<alpha>>;

  Growing automaton{};
  basin::Parameters<Growing, float> theta{};
  int side = 0;
  std::int64_t steps = 0;  // so far, which the random masks follow
  basin::State<float> now{}, next{};
  std::vector<std::uint8_t> marks{};
  Picture picture{}, channels{};

  void resize(int cells_a_side) {
    side = cells_a_side;
    steps = 0;
    now = basin::State<float>(basin::Shape{features, {side, side, 1}, 1});
    next = now;
    marks.assign(static_cast<std::size_t>(side) * static_cast<std::size_t>(side), 0);
    picture.resize(side, side);
    channels.resize(tiles_across * side, (features - hidden) / tiles_across * side);
  }

  [[nodiscard]] float* cell(int x, int y) { return now.values.data() + (y * side + x) * features; }

  void step(int count) {
    for (int i = 0; i < count; ++i) {
      (void)automaton.step<float>(theta.span(), now.view(), next.view(), marks.data(), basin::Context{.step = steps++});
      std::swap(now.values, next.values);
    }
  }

  static Grow& scene() {
    static Grow one;
    return one;
  }
};

}  // namespace playground

extern "C" {

/// Where the page writes a rule, and how many numbers it has.
[[gnu::used]] float* grow_theta() { return playground::Grow::scene().theta.span().data(); }
[[gnu::used]] int grow_theta_size() { return static_cast<int>(playground::Grow::Growing::param_count); }

/// An empty square of cells at step 0: what is done next gives the same each time.
[[gnu::used]] void grow_resize(int side) { playground::Grow::scene().resize(side); }
[[gnu::used]] void grow_clear() { playground::Grow::scene().now.values.setZero(); }

/// One cell from which a picture grows.
[[gnu::used]] void grow_seed(int x, int y) {
  playground::Grow& grow = playground::Grow::scene();
  std::fill_n(grow.cell(x, y), grow.alpha, 0.0f);
  std::fill_n(grow.cell(x, y) + grow.alpha, grow.features - grow.alpha, 1.0f);
}

[[gnu::used]] void grow_step(int count) { playground::Grow::scene().step(count); }

/// Erases a disc; coordinates and radius in cells.
[[gnu::used]] void grow_erase(double x, double y, double radius) {
  playground::Grow& grow = playground::Grow::scene();
  playground::each_within(x, y, radius, grow.side, grow.side,
                          [&](int i, int j) { std::fill_n(grow.cell(i, j), grow.features, 0.0f); });
}

/// Gives the cells of a disc a colour, 0 to 1, as cells that are alive. What else they know, they keep.
[[gnu::used]] void grow_paint(double x, double y, double radius, float red, float green, float blue) {
  playground::Grow& grow = playground::Grow::scene();
  playground::each_within(x, y, radius, grow.side, grow.side, [&](int i, int j) {
    const std::array<float, 4> ink{red, green, blue, 1};
    std::copy(ink.begin(), ink.end(), grow.cell(i, j));
  });
}

/// How many cells have an alpha above a tenth.
[[gnu::used]] int grow_living() {
  playground::Grow& grow = playground::Grow::scene();
  return static_cast<int>((grow.now.view().matrix().row(grow.alpha).array() > 0.1f).count());
}

/// The state itself, 16 numbers a cell.
[[gnu::used]] const float* grow_state() { return playground::Grow::scene().now.values.data(); }

/// side x side pixels. The colours of a state are multiplied by its alpha; those of a picture are not.
[[gnu::used]] const std::uint8_t* grow_picture() {
  playground::Grow& grow = playground::Grow::scene();
  for (int y = 0; y < grow.side; ++y) {
    for (int x = 0; x < grow.side; ++x) {
      const float* z = grow.cell(x, y);
      const float alpha = std::clamp(z[grow.alpha], 0.0f, 1.0f), scale = 255 / std::max(alpha, 1e-3f);
      grow.picture.set(x, y, {z[0] * scale, z[1] * scale, z[2] * scale, 255 * alpha});
    }
  }
  return grow.picture.data();
}

/// The twelve hidden features, in three rows of four pictures of side x side pixels.
[[gnu::used]] const std::uint8_t* grow_channels() {
  playground::Grow& grow = playground::Grow::scene();
  for (int k = 0; k < grow.features - grow.hidden; ++k) {
    const int left = k % grow.tiles_across * grow.side, top = k / grow.tiles_across * grow.side;
    for (int y = 0; y < grow.side; ++y) {
      for (int x = 0; x < grow.side; ++x) {
        grow.channels.set(left + x, top + y, playground::diverging(grow.cell(x, y)[grow.hidden + k], 0.4f));
      }
    }
  }
  return grow.channels.data();
}

}  // extern "C"
