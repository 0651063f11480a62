#pragma once

// A picture of what a network of metanca_learn's tasks, of curves or in the plane, answers.

#include <algorithm>
#include <cmath>

#include "../support/raster.hpp"
#include "../support/sheet.hpp"
#include "tasks.hpp"

namespace metanca_learn {

/// What a network answers all over the plane, and the data it has seen; of a sinusoid, the curve.
inline basin::Image shape_of(const Task& task, const basin::Network& network, View<const float> z, const Batches& shown,
                             Index seen) {
  constexpr Index side = 120, pixel = 2;
  const Family& family = task.family();
  const bool numbers = family.of_numbers();
  State<float> x(Shape{family.inputs, {numbers ? side : side * side, 1, 1}, 1}),
      y(Shape{family.outputs, {x.shape.space[0], 1, 1}, 1});
  for (Index i = 0; i < x.shape.space[0]; ++i) {
    if (numbers) {
      x.values[i] = static_cast<float>((-5 + 10 * (static_cast<double>(i) + 0.5) / side) / Task::number_scale);
    } else {
      x.values[2 * i] = static_cast<float>(-2.5 + 5 * (static_cast<double>(i % side) + 0.5) / side);
      x.values[2 * i + 1] = static_cast<float>(2.5 - 5 * (static_cast<double>(i / side) + 0.5) / side);
    }
  }
  basin::Scratch scratch;
  const basin::NetworkActivations<float> at(network, {x.view(), y.view(), family.kind}, 0.01, z.data(),
                                            z.shape().features, {}, scratch);
  basin::Image image = basin::examples::blank(side * pixel, side * pixel);
  const auto dot = [&](double across, double up, Index size, basin::examples::Colour colour) {
    if (!std::isfinite(across) || !std::isfinite(up)) return;  // of a network that has run away
    const auto at_pixel = [&](double share) { return static_cast<Index>(std::clamp(share, -1.0, 2.0) * side * pixel); };
    const Index left = at_pixel(across), top = at_pixel(1 - up);
    basin::examples::fill(image, left - size / 2, top - size / 2, size, size, colour);
  };
  const auto height = [](double value) { return 0.5 + value / 1.6; };
  if (numbers) {
    for (Index i = 0; i < side; ++i) {
      const double across = (static_cast<double>(i) + 0.5) / side;
      dot(across, height(task.value(Task::number_scale * static_cast<double>(x.values[i]))), 3, basin::examples::pale);
      dot(across, height(static_cast<double>(at.answers[i])), 3, basin::examples::distinct_colours[0]);
    }
  } else {
    for (Index i = 0; i < side * side; ++i) {
      basin::examples::fill(image, i % side * pixel, i / side * pixel, pixel, pixel,
                            basin::examples::blue_red(static_cast<double>(at.answers[2 * i + 1])));
    }
  }
  for (Index i = 0; i < seen; ++i) {
    if (numbers) {
      dot((Task::number_scale * static_cast<double>(shown.x.values[i]) + 5) / 10,
          height(static_cast<double>(shown.y.values[i])), 5, basin::examples::ink);
    } else {
      dot((shown.x.values[2 * i] + 2.5) / 5, (shown.x.values[2 * i + 1] + 2.5) / 5, 5,
          shown.y.values[2 * i + 1] > 0.5f ? basin::examples::Colour{120, 0, 0} : basin::examples::Colour{0, 0, 120});
    }
  }
  return image;
}

}  // namespace metanca_learn
