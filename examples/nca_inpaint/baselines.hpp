#pragma once

// What the automata of nca_inpaint are compared with: hidden pixels without any learning, and with the least.

#include <algorithm>
#include <array>
#include <cmath>

#include "model.hpp"

namespace nca_inpaint {

/// The mean of images (1, X, Y, 1, N), which is right wherever an image is like all others.
inline State<float> mean_of(View<const float> images) {
  State<float> mean(images.shape().with_samples(1));
  mean.values = (images.columns().cast<double>().rowwise().sum() / static_cast<double>(images.samples())).cast<float>();
  return mean;
}

/// The image (1, X, Y, 1, 1) of which a state is given some pixels, with each hidden one the mean of its two to four
/// neighbours: the smoothest that there is. By successive over-relaxation, until no pixel changes by more than 1e-5.
/// Zeros if nothing is shown.
inline State<float> smoothed(View<const float> state) {
  const Index width = state.shape().space[0], height = state.shape().space[1];
  constexpr float relaxation = 1.8f, tolerance = 1e-5f;
  constexpr int most_sweeps = 1000;
  State<float> image(state.shape().with_features(1));
  image.view().vector() = state.matrix().row(given).transpose();
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    float largest = 0;
    for (Index y = 0; y < height; ++y) {
      for (Index x = 0; x < width; ++x) {
        const Index at = y * width + x;
        if (state.data()[at * features + shown] > 0) continue;
        float sum = 0;
        int count = 0;
        for (const auto& [dx, dy] : {std::array<Index, 2>{-1, 0}, {1, 0}, {0, -1}, {0, 1}}) {
          if (x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) continue;
          sum += image.values[at + dy * width + dx];
          ++count;
        }
        const float change = sum / static_cast<float>(count) - image.values[at];
        image.values[at] += relaxation * change;
        largest = std::max(largest, std::abs(change));
      }
    }
    if (largest <= tolerance) break;
  }
  return image;
}

}  // namespace nca_inpaint
