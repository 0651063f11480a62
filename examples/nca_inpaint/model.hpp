#pragma once

// The automata of nca_inpaint: 20 features of a cell, its restored pixel first. Two of them say what the cell is given
// and never change: its pixel, 0 where that is hidden, and whether it is shown. So neighbours see them too. Both kinds
// see 20 numbers of the cell itself and 48 or 60 of the cells around, and have two layers.
//
//   Attention   6,753 parameters: three heads of 16 numbers, each a mean over the 3 x 3 cells with weights that follow
//               from what the cells are (M. Tesfaldet, D. Nowrouzezahrai, C. Pal, "Attention-based neural cellular
//               automata", 2022), and 68 -> 44 -> 18.
//   Stencils    6,750 parameters: the slopes and the curvature, with fixed weights, and 80 -> 68 -> 18.

#include <algorithm>
#include <cstdint>
#include <span>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/damage.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/perceive_attention.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/initial.hpp"

namespace nca_inpaint {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 20, restored = 0, given = 1, shown = 2;

template <class Sees, int hidden>
using Restoring = basin::Rollout<basin::Automaton<
    Sees, basin::Sequential<basin::Dense<Sees::seen_features, hidden>, basin::Relu, basin::Dense<hidden, features - 2>>,
    basin::RandomFire, basin::Everywhere, basin::Keeping<basin::FeatureRange<given, 2>>>>;

struct Attention {
  static constexpr const char* name = "attention";
  using Model = Restoring<basin::PerceiveAttention<features, basin::Zero, 3, 16>, 44>;
};

struct Stencils {
  static constexpr const char* name = "stencils";
  using Model = Restoring<
      basin::Perceive<features, basin::Zero, basin::Centre, basin::SobelX, basin::SobelY, basin::Laplacian<2>>, 68>;
};

/// Glorot's for the first layers and zeros for the last, so that at first nothing changes.
template <class Kind>
basin::Parameters<typename Kind::Model, float> initial_theta(std::uint64_t seed) {
  auto theta = basin::initial_parameters<float>(typename Kind::Model{}, seed);
  const std::span<float> last = theta.leaf("2.weight");
  std::fill(last.begin(), last.end(), 0.0f);
  return theta;
}

/// Which pixels of images are hidden: those of squares of a grid, each with the same chance.
struct Hiding {
  int side = 1;        ///< pixels along a square
  double share = 0.5;  ///< the chance of each
};

/// Gives a state an image of which some squares are hidden, by numbers of `random` from `index` on, fewer than two for
/// a cell; the grid of squares begins anywhere. What the cells have made of another image stays.
inline void give(View<float> state, View<const float> image, const Hiding& hiding, const basin::Random& random,
                 std::uint64_t index) {
  const Index width = state.shape().space[0], height = state.shape().space[1], side = hiding.side;
  const auto any = static_cast<std::uint64_t>(side);
  const auto left = static_cast<Index>(random.below(index, any)),
             top = static_cast<Index>(random.below(index + 1, any));
  const Index across = (width + left + side - 1) / side;
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      const auto square = static_cast<std::uint64_t>((y + top) / side * across + (x + left) / side);
      const bool is_shown = random.uniform(index + 2 + square, 0.0, 1.0) >= hiding.share;
      float* cell = state.data() + (y * width + x) * features;
      cell[given] = is_shown ? image.data()[y * width + x] : 0.0f;
      cell[shown] = is_shown ? 1.0f : 0.0f;
    }
  }
}

/// Erases what the cells within a circle have made: they are left with what they are given.
inline void forget(View<float> state, const basin::Circle& circle) {
  State<float> before(state.shape());
  before.view().vector() = state.vector();
  basin::erase(state, circle);
  state.matrix().middleRows(given, 2) = before.view().matrix().middleRows(given, 2);
}

/// The pixel that a cell shows: the one that it is given, else the one that it has made, within 0 and 1.
inline float pixel(const float* cell) { return cell[shown] > 0 ? cell[given] : std::clamp(cell[restored], 0.0f, 1.0f); }

}  // namespace nca_inpaint
