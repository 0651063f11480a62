#pragma once

// Seeds from which patterns grow, and damage from which they have to recover. Both change a state in place.
//
// Coordinates of damage run from -1 at the first cell of an axis to 1 at the last (Mordvintsev et al. 2020).

#include <cmath>
#include <cstdint>

#include "basin/core/random.hpp"
#include "basin/core/state.hpp"

namespace basin {

/// Zeros but for the centre cell (X / 2, Y / 2, Z / 2), whose features from `first_feature` on are 1, in each sample.
/// The default leaves the colour at 0 and wakes alpha and the hidden features.
template <class S>
[[nodiscard]] State<S> one_cell_seed(const Shape& shape, int first_feature = 3) {
  check(first_feature >= 0 && first_feature < shape.features, "first feature of a seed", first_feature,
        "one of the state's, below " + std::to_string(shape.features));
  State<S> seed(shape);
  const Index centre =
      shape.space[0] / 2 + shape.space[0] * (shape.space[1] / 2 + shape.space[1] * (shape.space[2] / 2));
  for (Index n = 0; n < shape.samples; ++n) {
    seed.view().sample(n).matrix().col(centre).tail(shape.features - first_feature).setOnes();
  }
  return seed;
}

/// A disc in the plane of x and y; in space, a cylinder.
struct Circle {
  double x = 0, y = 0;  ///< its centre, from -1 at the first cell of an axis to 1 at the last
  double radius = 0.3;  ///< in the same, so an ellipse of cells where a grid is not square; 0 erases nothing
};

/// Centre uniform in [-0.5, 0.5]^2 and radius uniform in [0.1, 0.4], from numbers 3 index, 3 index + 1 and 3 index + 2.
[[nodiscard]] inline Circle random_circle(const Random& random, std::uint64_t index) {
  return {random.uniform(3 * index, -0.5, 0.5), random.uniform(3 * index + 1, -0.5, 0.5),
          random.uniform(3 * index + 2, 0.1, 0.4)};
}

namespace detail {

/// Sets to zero the cells of all samples for which inside(x, y) holds; returns how many.
template <class S, class Inside>
Index erase_where(View<S> state, const Inside& inside) {
  const Shape& shape = state.shape();
  const auto coordinate = [](Index i, Index n) {
    return n > 1 ? 2.0 * static_cast<double>(i) / static_cast<double>(n - 1) - 1.0 : 0.0;
  };
  Index erased = 0;
  for (Index cell = 0; cell < shape.cells(); ++cell) {
    const Index x = cell % shape.space[0], y = cell / shape.space[0] % shape.space[1];
    if (inside(coordinate(x, shape.space[0]), coordinate(y, shape.space[1]))) {
      state.matrix().col(cell).setZero();
      ++erased;
    }
  }
  return erased;
}

}  // namespace detail

/// Sets the cells within a circle to zero, in all samples; returns how many.
template <class S>
Index erase(View<S> state, const Circle& circle) {
  return detail::erase_where(state, [&](double x, double y) {
    const double dx = (x - circle.x) / circle.radius, dy = (y - circle.y) / circle.radius;
    return dx * dx + dy * dy < 1;
  });
}

/// Everything on one side of a line through the centre: where x cos(angle) + y sin(angle) > 0.
struct HalfPlane {
  double angle = 0;  ///< in radians; 0 is the right half, pi / 2 the lower one
};

/// Sets the cells within a half plane to zero, in all samples; returns how many.
template <class S>
Index erase(View<S> state, const HalfPlane& half) {
  const double along_x = std::cos(half.angle), along_y = std::sin(half.angle);
  return detail::erase_where(state, [&](double x, double y) { return x * along_x + y * along_y > 1e-9; });
}

/// How many cells of the state have a feature above a threshold: with the defaults, the living cells of a growing
/// automaton.
template <class S>
[[nodiscard]] Index count_above(View<S> state, int feature = 3, double threshold = 0.1) {
  Index count = 0;
  const Index features = state.shape().features;
  check(feature >= 0 && feature < features, "feature to count", feature, "below " + std::to_string(features));
  for (Index cell = 0; cell < state.shape().cells(); ++cell) {
    count += state.data()[cell * features + feature] > static_cast<S>(threshold) ? 1 : 0;
  }
  return count;
}

}  // namespace basin
