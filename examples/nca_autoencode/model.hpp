#pragma once

// The automaton of nca_autoencode, in space: planes of cells one behind another, of which the first is given an image,
// the middle one is a wall with a hole of one cell, and the last is to show the image. A cell has 16 features: what it
// shows, what it is given, whether it is passable, and 13 of its own. What it is given, and whether it is passable,
// never changes, and is seen by the cells around it. It sees itself, its slopes along the three axes and the mean of
// the 27 cells around, and a rule of 4,574 parameters answers. All cells update at every step but those of the wall,
// which stay as they are: zero.

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/loss.hpp"

namespace nca_autoencode {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 16, shown = 0, given = 1, passable = 2, own = 3;
inline constexpr int changing = features - 2;  ///< numbers of a cell that change: all that the hole can hold

using Sees = basin::Perceive<features, basin::Zero, basin::Centre, basin::Gradient<0>, basin::Gradient<1>,
                             basin::Gradient<2>, basin::BoxMean<3>>;
using Rule = basin::Sequential<basin::Dense<Sees::seen_features, 48>, basin::Relu, basin::Dense<48, changing>>;
using Model = basin::Rollout<basin::Automaton<Sees, Rule, basin::EveryCell, basin::MaskedBy<passable>,
                                              basin::Keeping<basin::FeatureRange<given, 2>>>>;
using Theta = basin::Parameters<Rule, float>;

/// Glorot's for the first layer and zeros for the last, so that at first nothing changes.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Rule{}, seed);
  const std::span<float> last = theta.leaf("2.weight");
  std::fill(last.begin(), last.end(), 0.0f);
  return theta;
}

/// The shape of one digit on its way, for images (1, X, Y, 1, N).
inline Shape grid_of(const Shape& images, Index planes) {
  return {features, {images.space[0], images.space[1], planes}, 1};
}

/// The number of the cell of the wall that is its hole.
inline Index hole_of(const Shape& grid) {
  const auto& [width, height, planes] = grid.space;
  return (planes / 2 * height + height / 2) * width + width / 2;
}

/// Makes a state (features, X, Y, Z, 1) that has done nothing yet: all cells are passable but the wall, and the first
/// plane is given an image (1, X, Y, 1, 1).
inline void begin(View<float> state, View<const float> image) {
  const Shape& shape = state.shape();
  const Index plane = shape.space[0] * shape.space[1], wall = shape.space[2] / 2, hole = hole_of(shape);
  state.vector().setZero();
  for (Index cell = 0; cell < shape.cells_per_sample(); ++cell) {
    float* here = state.data() + cell * features;
    here[passable] = cell / plane != wall || cell == hole ? 1.0f : 0.0f;
    if (cell < plane) here[given] = image.data()[cell];
  }
}

/// A cell of a sample loses all but what never changes.
inline void forget(View<float> sample, Index cell) {
  float* here = sample.data() + cell * features;
  here[shown] = 0;
  std::fill(here + own, here + features, 0.0f);
}

/// What the last planes show: images (1, X, Y, 1, N).
inline State<float> shown_images(View<const float> states) {
  const Shape& shape = states.shape();
  const Index plane = shape.space[0] * shape.space[1], first = shape.cells_per_sample() - plane;
  State<float> images(Shape{1, {shape.space[0], shape.space[1], 1}, shape.samples});
  for (Index n = 0; n < shape.samples; ++n) {
    images.view().sample(n).vector() = states.sample(n).matrix().row(shown).segment(first, plane).transpose();
  }
  return images;
}

/// 1/(N plane) sum over samples and the cells of the last plane of (what is shown - image)^2.
struct LastPlaneError {
  State<float> images{};  ///< (1, X, Y, 1, N), of the whole batch

  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    const Index cells = y.shape().cells_per_sample(), plane = images.shape.cells_per_sample();
    const double part = 1.0 / static_cast<double>(batch_size * plane);
    if (dy) dy.vector().setZero();
    double sum = 0;
    for (Index n = 0; n < y.samples(); ++n) {
      const View<const float> image = images.view().sample(first_sample + n);
      for (Index cell = 0; cell < plane; ++cell) {
        const Index at = ((n + 1) * cells - plane + cell) * features + shown;
        const double difference = static_cast<double>(y.data()[at]) - static_cast<double>(image.data()[cell]);
        sum += difference * difference;
        if (dy) dy.data()[at] = static_cast<S>(2 * part * difference);
      }
    }
    return sum * part;
  }
};

}  // namespace nca_autoencode
