#pragma once

// Images of digits for programs that need no labels, of which some can be held back from the training to choose
// settings by.

#include <string>
#include <utility>

#include "command_line.hpp"
#include "digits.hpp"

namespace basin::examples {

/// Images that are trained on, and that are measured; (1, X, Y, 1, N).
struct ImageSets {
  std::string name;
  State<float> train, test;
};

/// Of the digits in `folder`, or drawn ones: the last `held_back` of the training images are measured instead of the
/// test images. Throws as load_digits, and UsageError if no image is left to train on.
[[nodiscard]] inline ImageSets load_images(const std::string& folder, int held_back) {
  DigitSets digits = load_digits(folder);
  ImageSets sets{digits.name, std::move(digits.train.images), std::move(digits.test.images)};
  if (held_back == 0) return sets;
  const Index all = sets.train.shape.samples;
  check_option(held_back < all, "--held-back", held_back, "less than the training images, " + std::to_string(all));
  const auto part = [&](Index first, Index count) {
    State<float> images(sets.train.shape.with_samples(count));
    images.view().vector() = sets.train.view().samples(first, count).vector();
    return images;
  };
  State<float> rest = part(0, all - held_back);
  sets.test = part(all - held_back, held_back);
  sets.train = std::move(rest);
  return sets;
}

}  // namespace basin::examples
