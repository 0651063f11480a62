#pragma once

// How well answers agree with the truth.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "basin/train/loss.hpp"
#include "scenes.hpp"

namespace deq_segment {

/// The classes that one answer says its pixels are of.
inline std::vector<int> classes_of(basin::View<const float> answer) {
  const auto logits = Answers::plane<0>(answer).matrix();
  std::vector<int> classes;
  for (Index i = 0; i < logits.cols(); ++i) {
    Index best = 0;
    logits.col(i).maxCoeff(&best);
    classes.push_back(static_cast<int>(best));
  }
  return classes;
}

/// Shares of what is right.
struct Agreement {
  double pixel_accuracy = 0;
  double image_accuracy = 0;                      ///< of what the image shows
  double mean_intersection_over_union = 0;        ///< over the classes of pixels that there are, of all images together
  std::vector<double> intersection_over_union{};  ///< of each of them
};

inline Agreement agreement(basin::View<const float> answers, const Scenes& scenes, int pixel_classes_there) {
  const auto classes = static_cast<std::size_t>(pixel_classes_there);
  std::vector<std::int64_t> both(classes, 0), either(classes, 0);
  std::int64_t right = 0, kinds_right = 0;
  for (Index n = 0; n < answers.samples(); ++n) {
    const std::vector<int> said = classes_of(answers.sample(n));
    const int* const truth = scenes.pixels.data() + n * pixels;
    for (std::size_t i = 0; i < said.size(); ++i) {
      const auto is = static_cast<std::size_t>(truth[i]), seems = static_cast<std::size_t>(said[i]);
      ++either[is];
      if (is == seems) {
        ++right;
        ++both[is];
      } else if (seems < classes) {
        ++either[seems];
      }
    }
    const auto kind = scenes.kinds[static_cast<std::size_t>(n)];
    kinds_right += basin::count_correct(Answers::plane<1>(answers.sample(n)), std::span(&kind, 1));
  }
  Agreement result;
  const double images = static_cast<double>(std::max<Index>(1, answers.samples()));
  result.pixel_accuracy = static_cast<double>(right) / (images * static_cast<double>(pixels));
  result.image_accuracy = static_cast<double>(kinds_right) / images;
  for (std::size_t c = 0; c < classes; ++c) {
    const double share = either[c] > 0 ? static_cast<double>(both[c]) / static_cast<double>(either[c]) : 1.0;
    result.intersection_over_union.push_back(share);
    result.mean_intersection_over_union += share / static_cast<double>(classes);
  }
  return result;
}

}  // namespace deq_segment
