#pragma once

// How well answers agree with the truth.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "../support/overlap.hpp"
#include "basin/train/loss.hpp"
#include "scenes.hpp"

namespace deq_segment {

/// The classes that one answer says its pixels are of.
inline std::vector<int> classes_of(basin::View<const float> answer) {
  return basin::examples::classes_of(Answers::plane<0>(answer), pixel_classes);
}

/// Shares of what is right.
struct Agreement {
  double pixel_accuracy = 0;
  double image_accuracy = 0;                      ///< of what the image shows
  double mean_intersection_over_union = 0;        ///< over the classes of pixels that there are, of all images together
  std::vector<double> intersection_over_union{};  ///< of each of them
};

inline Agreement agreement(basin::View<const float> answers, const Scenes& scenes, int pixel_classes_there) {
  basin::examples::Overlap overlap(pixel_classes_there);
  std::int64_t kinds_right = 0;
  for (Index n = 0; n < answers.samples(); ++n) {
    overlap.add(classes_of(answers.sample(n)), {scenes.pixels.data() + n * pixels, pixels});
    const auto kind = scenes.kinds[static_cast<std::size_t>(n)];
    kinds_right += basin::count_correct(Answers::plane<1>(answers.sample(n)), std::span(&kind, 1));
  }
  Agreement result;
  result.pixel_accuracy = overlap.accuracy();
  result.image_accuracy = static_cast<double>(kinds_right) / static_cast<double>(std::max<Index>(1, answers.samples()));
  for (std::size_t c = 0; c < overlap.classes(); ++c) {
    const double share = overlap.intersection_over_union(c);
    result.intersection_over_union.push_back(share);
    result.mean_intersection_over_union += share / static_cast<double>(overlap.classes());
  }
  return result;
}

}  // namespace deq_segment
