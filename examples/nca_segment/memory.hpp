#pragma once

// The memory of a U-Net by formula, to be held against what the automaton takes.
//
// The network of O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation"
// (2015): levels l = 0 ... 4 of c_l = 64 * 2^l channels; down, at each level two convolutions of 3 x 3, between levels
// a maximum over 2 x 2; up, a transposed convolution of 2 x 2 that halves the channels, beside which the channels of
// the way down stand, and two convolutions of 3 x 3; at last one of 1 x 1. Here the convolutions keep the size of the
// image, n x n pixels, as in most programs. A level then has a_l = c_l n^2 / 4^l numbers for each of its layers:
//
//   training    the output of each convolution is kept for the gradient, the rectified one in its place: two down and
//               two and the transposed one up, sum over l < 4 of 5 a_l, and 2 a_4 at the bottom
//   inference   the most that is needed at once: at the first of the last two convolutions of level 0 what came from
//   the
//               way down, from below, and goes out, 3 a_0
//
// These are lower bounds, of one image: a program that copies what stands beside one another, or computes convolutions
// by products of matrices, takes more.

#include <cmath>

#include "basin/core/state.hpp"

namespace nca_segment {

struct UNet {
  int channels = 64;  ///< of level 0
  int levels = 5;
  int in = 1, classes = 4;

  /// Weights and biases.
  [[nodiscard]] double parameters() const {
    const auto conv = [](double taps, double from, double to) { return taps * from * to + to; };
    double sum = conv(1, channels, classes), below = in;
    for (int l = 0; l < levels; ++l) {
      const double c = channels * std::pow(2.0, l);
      sum += conv(9, below, c) + conv(9, c, c);
      if (l > 0) sum += conv(4, c, c / 2) + conv(9, c, c / 2) + conv(9, c / 2, c / 2);  // up, to the level above
      below = c;
    }
    return sum;
  }

  /// Numbers that are kept for the gradient, of an image of side x side pixels.
  [[nodiscard]] double training_numbers(double side) const {
    double sum = 0;
    for (int l = 0; l < levels; ++l) sum += (l + 1 < levels ? 5 : 2) * numbers(side, l);
    return sum;
  }
  /// Numbers that are needed at once without one.
  [[nodiscard]] double inference_numbers(double side) const { return 3 * numbers(side, 0); }

 private:
  [[nodiscard]] double numbers(double side, int level) const {
    return channels * std::pow(2.0, level) * side * side / std::pow(4.0, level);
  }
};

}  // namespace nca_segment
