#pragma once

// The images of deq_segment, 32 x 32 pixels, which the program makes: each a function of a seed and its number alone,
// so that a training sees no image twice and a run resumes bit for bit.
//
//   shapes   one to three discs, squares and triangles (support/shape_scenes.hpp); the image is of one of eight kinds:
//            which of the three can be seen.
//   digits   a handwritten digit anywhere, among pieces of 8 x 8 pixels cut out of other digits (after the cluttered
//            digits of V. Mnih et al. 2014, "Recurrent models of visual attention"). Pixels are paper, digit or
//            clutter; the image is of one of ten kinds.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../support/dice.hpp"
#include "../support/digits.hpp"
#include "../support/shape_scenes.hpp"
#include "basin/core/parallel.hpp"
#include "basin/layers/planes.hpp"

namespace deq_segment {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::examples::Dice;

inline constexpr Index side = 32;
inline constexpr Index pixels = side * side;
inline constexpr int pixel_classes = 4, image_classes = 10;  // of digits three, of shapes eight

/// What a model says of a scene: logits of the classes of each pixel, and of the image.
using Answers = basin::Planes<basin::Plane<pixel_classes, side, side>, basin::Plane<image_classes, 1>>;

/// Some scenes, and what is true of them.
struct Scenes {
  State<float> images;      // (1, 32, 32, 1, N), 0 to 1 but for the noise
  std::vector<int> pixels;  // the class of each pixel of each image
  std::vector<int> kinds;   // of each image
};

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { layout_stream = 1ull << 40 };

/// One image of shapes. `pixel` and `label` have side * side entries.
inline void draw_shapes(std::uint64_t seed, std::uint64_t number, float* pixel, int* label, int& kind) {
  basin::examples::draw_shapes({.side = side, .layout_stream = layout_stream}, seed, number, pixel, label);
  std::array<int, pixel_classes> seen{};
  for (Index i = 0; i < pixels; ++i) ++seen[static_cast<std::size_t>(label[i])];
  // A shape counts as seen if a corner of it is.
  kind = (seen[1] >= 12 ? 1 : 0) + (seen[2] >= 12 ? 2 : 0) + (seen[3] >= 12 ? 4 : 0);
}

/// One image with the digit `which` of `digits`.
inline void draw_cluttered(const basin::LabelledImages& digits, std::uint64_t seed, std::uint64_t number, float* pixel,
                           int* label, int& kind) {
  constexpr Index of_digit = 28, piece = 8;
  Dice dice(seed, layout_stream, number);
  const auto images = static_cast<std::size_t>(digits.images.shape.samples);
  std::fill_n(pixel, pixels, 0.0f);
  std::fill_n(label, pixels, 0);
  // Copies width x width pixels from (from_x, from_y) of an image to (to_x, to_y); ink is the darker of both.
  const auto put = [&](std::size_t image, Index from_x, Index from_y, Index to_x, Index to_y, Index width, int what) {
    const float* from = digits.images.view().sample(static_cast<Index>(image)).data();
    for (Index y = 0; y < width; ++y) {
      for (Index x = 0; x < width; ++x) {
        const float ink = from[(from_y + y) * of_digit + from_x + x];
        const Index i = (to_y + y) * side + to_x + x;
        if (ink > pixel[i]) {
          pixel[i] = ink;
          if (ink > 0.3f) label[i] = what;
        }
      }
    }
  };
  const auto place = [&](Index width) {
    return static_cast<Index>(dice.below(static_cast<std::size_t>(side - width + 1)));
  };
  const auto cut = [&] { return static_cast<Index>(dice.below(of_digit - piece + 1)); };
  const std::size_t shown = dice.below(images);
  kind = digits.labels[shown];
  for (int k = 0; k < 8; ++k) {
    const std::size_t other = dice.below(images);
    const Index from_x = cut(), from_y = cut(), to_x = place(piece);
    put(other, from_x, from_y, to_x, place(piece), piece, 2);
  }
  const Index to_x = place(of_digit);
  put(shown, 0, 0, to_x, place(of_digit), of_digit, 1);
}

/// What scenes are made of.
struct Source {
  std::string name;
  int pixel_classes = 0, image_classes = 0;
  basin::LabelledImages train{}, test{};  // of digits

  /// The scenes first, first + 1, ... of a seed, of training or test digits.
  [[nodiscard]] Scenes make(std::uint64_t seed, std::uint64_t first, Index count, bool from_test = false) const {
    Scenes scenes{State<float>(Shape{1, {side, side, 1}, count}),
                  std::vector<int>(static_cast<std::size_t>(count * pixels)),
                  std::vector<int>(static_cast<std::size_t>(count))};
    basin::parallel_for(count, [&](Index n) {
      float* const image = scenes.images.view().sample(n).data();
      int* const labels = scenes.pixels.data() + n * pixels;
      int& kind = scenes.kinds[static_cast<std::size_t>(n)];
      const std::uint64_t number = first + static_cast<std::uint64_t>(n);
      if (name == "shapes") {
        draw_shapes(seed, number, image, labels, kind);
      } else {
        draw_cluttered(from_test ? test : train, seed, number, image, labels, kind);
      }
    });
    return scenes;
  }
};

/// Shapes; or digits, of MNIST in `folder`, or drawn ones if that is empty. Throws FileError for files that cannot be
/// read.
inline Source source_of(const std::string& scenes, const std::string& folder) {
  if (scenes == "shapes") return {"shapes", 4, 8};
  basin::examples::DigitSets digits = basin::examples::load_digits(folder);
  return {digits.name, 3, 10, std::move(digits.train), std::move(digits.test)};
}

}  // namespace deq_segment
