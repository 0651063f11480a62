#pragma once

// Digits of few pixels.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../support/command_line.hpp"
#include "../support/digits.hpp"
#include "model.hpp"

namespace nca_autoencode {

/// Of images (1, 28, 28, 1, N) the middle 24 x 24 pixels, which have nearly all ink, as means over squares:
/// (1, size, size, 1, N). `size` divides 24.
inline State<float> shrunk(View<const float> images, Index size) {
  constexpr Index whole = 28, middle = 24, border = (whole - middle) / 2;
  const Index side = middle / size;
  State<float> out(Shape{1, {size, size, 1}, images.samples()});
  for (Index n = 0; n < images.samples(); ++n) {
    const float* from = images.sample(n).data();
    float* to = out.view().sample(n).data();
    for (Index y = 0; y < middle; ++y) {
      for (Index x = 0; x < middle; ++x) {
        to[y / side * size + x / side] += from[(border + y) * whole + border + x] / static_cast<float>(side * side);
      }
    }
  }
  return out;
}

/// Images (1, size, size, 1, N) and the digits that they show.
struct Digits {
  State<float> images;
  std::vector<std::uint8_t> labels;
};

/// Digits that are trained on, and that are measured.
struct ImageSets {
  std::string name;
  Digits train, test;
};

/// Of MNIST in `folder`, or drawn ones: the last `held_back` of the training images are measured instead of the test
/// images. Throws FileError for files that cannot be read, and UsageError if none is left to be trained on.
inline ImageSets load_images(const std::string& folder, int size, int held_back) {
  basin::examples::DigitSets sets = basin::examples::load_digits(folder);
  const Index all = sets.train.images.shape.samples;
  basin::examples::check_option(held_back < all, "--held-back", held_back,
                                "less than the training images, " + std::to_string(all));
  const auto digits = [&](const basin::LabelledImages& from, Index first, Index count) {
    const auto begin = from.labels.begin() + first;
    return Digits{shrunk(from.images.view().samples(first, count), size), {begin, begin + count}};
  };
  const Index kept = all - held_back;
  return {sets.name, digits(sets.train, 0, kept),
          held_back > 0 ? digits(sets.train, kept, held_back) : digits(sets.test, 0, sets.test.images.shape.samples)};
}

}  // namespace nca_autoencode
