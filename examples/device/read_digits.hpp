#pragma once

// Reads the ten digits of digit_images.hpp, and says what they were taken for.

#include <algorithm>
#include <array>
#include <span>

#include "board.hpp"
#include "digit_images.hpp"
#include "digit_reader.hpp"

namespace device {

/// Of a program's memory, what is no Scratch: a list of one block, and what it takes to begin at a cache line.
inline constexpr std::size_t beside_scratch = 128;

/// 0 if all are read right, else 1.
template <class Reader>
int read_digits(const Reader& reader, std::span<const float, Reader::param_count> theta, std::size_t scratch_bytes) {
  basin::reserve_scratch(scratch_bytes);
  board::no_heap_from_now_on();
  std::array<float, side * side> image;
  std::array<float, classes> scores;
  int wrong = 0;
  for (int digit = 0; digit < digits; ++digit) {
    draw(digit, image.data());
    const basin::SampleResult result =
        reader.read(theta, {image.data(), {1, {side, side, 1}, 1}}, {scores.data(), {classes, {1, 1, 1}, 1}});
    const auto best = std::max_element(scores.begin(), scores.end());
    const auto read = static_cast<int>(best - scores.begin());
    wrong += read == digit ? 0 : 1;
    // In thousandths, as small libraries do not print floating-point numbers.
    board::say("%d is read as %d: score %d, %s after %d evaluations", digit, read, static_cast<int>(1000 * *best),
               basin::name(result.status).data(), result.evaluations);
  }
  board::say_memory_used();
  return wrong == 0 ? 0 : 1;
}

}  // namespace device
