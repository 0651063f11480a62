#pragma once

// Randomness as a function: a number depends on (seed, stream, index) and on nothing else, so no state is kept, no
// mask is stored for a backward pass, and results do not depend on threads, tiles or order.
//
// Philox4x32-10: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3",
// SC 2011, section 3.3. Ten rounds of: (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1,
// lo(M0 c0)), the key raised by the Weyl constants (W0, W1) between rounds.

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "basin/core/language.hpp"

namespace basin {

/// What philox takes, and its random bits: 128 of them.
using PhiloxCounter = std::array<std::uint32_t, 4>;
/// The key of philox, 64 bits.
using PhiloxKey = std::array<std::uint32_t, 2>;

/// 128 random bits for a counter of 128 bits and a key of 64.
[[nodiscard]] constexpr PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key) {
  constexpr std::uint64_t m0 = 0xD2511F53, m1 = 0xCD9E8D57;
  constexpr std::uint32_t w0 = 0x9E3779B9, w1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = m0 * counter[0], p1 = m1 * counter[2];
    counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += w0;
    key[1] += w1;
  }
  return counter;
}

namespace detail {

/// The upper 64 bits of a product of 128.
[[nodiscard]] constexpr std::uint64_t high_half(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t low = 0xFFFFFFFF;  // from halves: not every machine has a type of 128 bits
  const std::uint64_t a0 = a & low, a1 = a >> 32, b0 = b & low, b1 = b >> 32;
  const std::uint64_t middle = (a0 * b0 >> 32) + (a0 * b1 & low) + (a1 * b0 & low);
  return a1 * b1 + (a0 * b1 >> 32) + (a1 * b0 >> 32) + (middle >> 32);
}

}  // namespace detail

/// Another seed for each number, and the seed itself for 0. The number passes the finalizer of MurmurHash3 (A. Appleby
/// 2011), which is one to one, so that no two numbers give the same seed.
[[nodiscard]] constexpr std::uint64_t fold_in(std::uint64_t seed, std::uint64_t number) {
  number = (number ^ (number >> 33)) * 0xff51afd7ed558ccd;
  number = (number ^ (number >> 33)) * 0xc4ceb9fe1a85ec53;
  return seed ^ number ^ (number >> 33);
}

/// A stream of random numbers that can be read anywhere: number `index` of stream `stream` under `seed`.
/// Keep one stream for each use (parameters, shuffling, masks, ...), so that uses never share numbers.
struct Random {
  std::uint64_t seed = 0;    ///< the key: another one gives other numbers in every stream
  std::uint64_t stream = 0;  ///< which sequence of numbers under this seed

  /// The four 32-bit words at `index`.
  [[nodiscard]] constexpr PhiloxCounter words(std::uint64_t index) const {
    return philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                   static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                  {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  }

  /// 64 random bits: the first two of the words at `index`, word 0 in the lower half.
  [[nodiscard]] constexpr std::uint64_t bits(std::uint64_t index) const {
    const auto w = words(index);
    return (std::uint64_t{w[1]} << 32) | w[0];
  }

  /// Uniform in [0, 1), a multiple of 2^-53.
  [[nodiscard]] constexpr double uniform(std::uint64_t index) const {
    return static_cast<double>(bits(index) >> 11) * 0x1p-53;
  }

  /// Uniform in [low, high), up to rounding.
  [[nodiscard]] constexpr double uniform(std::uint64_t index, double low, double high) const {
    return low + (high - low) * uniform(index);
  }

  /// Standard normal (Box and Muller 1958).
  [[nodiscard]] double normal(std::uint64_t index) const {
    const auto w = words(index);
    const auto unit = [](std::uint32_t high, std::uint32_t low) {
      return static_cast<double>(((std::uint64_t{high} << 32) | low) >> 11) * 0x1p-53;
    };
    return std::sqrt(-2.0 * std::log1p(-unit(w[0], w[1]))) * std::cos(2.0 * std::numbers::pi * unit(w[2], w[3]));
  }

  /// Uniform in {0, ..., count - 1}; the bias is below count / 2^64. count must be positive.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t index, std::uint64_t count) const {
    return detail::high_half(bits(index), count);
  }
};

}  // namespace basin
