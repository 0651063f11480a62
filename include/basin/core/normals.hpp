#pragma once

// Many standard normal numbers at once, as a function of (seed, stream, index) like all randomness here
// (core/random.hpp), in float and by vectors.

#include <array>
#include <cmath>
#include <cstdint>
#include <span>

#include <Eigen/Core>

#include "basin/core/random.hpp"

namespace basin {

/// to[i] is normal number first + i of the stream: by Box and Muller (1958), with w the words of Random::words(c),
///
///   (number 4 c, 4 c + 1, 4 c + 2, 4 c + 3) = (r cos a, r sin a, r' cos a', r' sin a'),
///   r = sqrt(-2 log u(w_0)), a = 2 pi u(w_1), the same of w_2 and w_3 for r' and a',   u(w) = (w + 1/2) / 2^32.
///
/// They are not the numbers of Random::normal, which makes one of a call, in double. |to[i]| <= 6.8. A number does not
/// depend on where the range begins or ends; first + to.size() is at most 2^64 - 256. Its last bits depend on the
/// vectors that Eigen was compiled for, so runs that begin with such numbers are the same on the same build.
inline void fill_normal(const Random& random, std::uint64_t first, std::span<float> to) {
  constexpr int block = 64;
  using Words = Eigen::Array<std::uint32_t, block, 1>;
  using Numbers = Eigen::Array<float, block, 1>;
  std::array<Words, 4> words;
  std::array<Numbers, 4> numbers;
  const auto count = static_cast<std::uint64_t>(to.size());
  for (std::uint64_t c = first / 4; 4 * c < first + count; c += block) {
    for (int i = 0; i < block; ++i) {
      const PhiloxCounter at = random.words(c + static_cast<std::uint64_t>(i));
      for (std::size_t k = 0; k < 4; ++k) words[k][i] = at[k];
    }
    const auto unit = [&](std::size_t k) -> Numbers { return (words[k].cast<float>() + 0.5f) * 0x1p-32f; };
    for (std::size_t k = 0; k < 4; k += 2) {
      const Numbers radius = (-2 * unit(k).log()).sqrt(), angle = static_cast<float>(2 * EIGEN_PI) * unit(k + 1);
      numbers[k] = radius * angle.cos();
      numbers[k + 1] = radius * angle.sin();
    }
    for (int i = 0; i < 4 * block; ++i) {
      const std::uint64_t index = 4 * c + static_cast<std::uint64_t>(i);
      if (index >= first && index - first < count) {
        to[static_cast<std::size_t>(index - first)] = numbers[static_cast<std::size_t>(i % 4)][i / 4];
      }
    }
  }
}

}  // namespace basin
