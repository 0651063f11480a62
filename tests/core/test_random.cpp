#include "basin/core/random.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

using namespace basin;

namespace {

/// Sum over bins of (count - expected)^2 / expected: about as large as the number of bins, with a standard deviation of
/// sqrt(2 bins), if every bin is as likely.
double chi_square(const std::vector<int>& counts, double expected) {
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

}  // namespace

TEST_CASE("philox gives the published known answers", "[unit][random]") {
  // Random123 1.14, tests/kat_vectors, philox 4x32 with 10 rounds.
  constexpr std::uint32_t ones = 0xffffffff;
  static_assert(philox({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  static_assert(philox({ones, ones, ones, ones}, {ones, ones}) ==
                PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  static_assert(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
                PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

  // The same when it runs, and as a stream: the index is the lower half of the counter, the stream the upper half.
  volatile std::uint32_t word = 0x243f6a88;
  CHECK(philox({word, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0})[0] == 0xd16cfe09);
  const Random random{.seed = 0x299f31d0'a4093822, .stream = 0x03707344'13198a2e};
  CHECK(random.words(0x85a308d3'243f6a88) == PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  CHECK(random.bits(0x85a308d3'243f6a88) == 0x94fdcceb'd16cfe09);
}

TEST_CASE("random numbers are a function of seed, stream and index", "[unit][random]") {
  std::vector<std::uint64_t> seen;
  // Values that differ in the upper 32 bits only are told apart too.
  const std::uint64_t wide = std::uint64_t{1} << 40;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, wide}) {
    for (const std::uint64_t stream : {std::uint64_t{0}, std::uint64_t{1}, wide}) {
      for (std::uint64_t i = 0; i < 1000; ++i) {
        seen.push_back(Random{seed, stream}.bits(i));
        seen.push_back(Random{seed, stream}.bits(i + wide));
      }
    }
  }
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  CHECK(Random{3, 4}.bits(5) == Random{3, 4}.bits(5));
}

TEST_CASE("uniform numbers are uniform", "[unit][random]") {
  const Random random{7, 1}, other{7, 2};
  constexpr int count = 100'000, bins = 100;
  std::vector<int> histogram(bins);
  double sum = 0, squares = 0, next = 0, across = 0;
  bool inside = true;
  for (std::uint64_t i = 0; i < count; ++i) {
    const double u = random.uniform(i);
    inside = inside && u >= 0 && u < 1;
    ++histogram[static_cast<std::size_t>(u * bins)];
    sum += u;
    squares += u * u;
    next += (u - 0.5) * (random.uniform(i + 1) - 0.5);
    across += (u - 0.5) * (other.uniform(i) - 0.5);
  }
  CHECK(inside);
  // Four standard deviations of each estimate.
  CHECK(sum / count == Approx(0.5).margin(4 * std::sqrt(1.0 / 12 / count)));
  CHECK(squares / count == Approx(1.0 / 3).margin(4 * std::sqrt(4.0 / 45 / count)));
  CHECK(next / count == Approx(0.0).margin(4.0 / 12 / std::sqrt(count)));
  CHECK(across / count == Approx(0.0).margin(4.0 / 12 / std::sqrt(count)));
  CHECK(chi_square(histogram, count / bins) == Approx(bins - 1).margin(4 * std::sqrt(2.0 * bins)));

  CHECK(random.uniform(3, -2.0, 6.0) == -2.0 + 8.0 * random.uniform(3));
  CHECK(random.uniform(3) * 0x1p53 == std::floor(random.uniform(3) * 0x1p53));
}

TEST_CASE("normal numbers are normal", "[unit][random]") {
  const Random random{11, 3};
  constexpr int count = 100'000;
  std::vector<double> numbers(count);
  double sum = 0, squares = 0, cubes = 0, fourths = 0, next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double a = numbers[i] = random.normal(i);
    sum += a;
    squares += a * a;
    cubes += a * a * a;
    fourths += a * a * a * a;
    next += a * random.normal(i + 1);
  }
  // Four standard deviations of each estimate: the variances of a, a^2, a^3, a^4 are 1, 2, 15, 96.
  const double four = 4 / std::sqrt(count);
  CHECK(sum / count == Approx(0.0).margin(four));
  CHECK(squares / count == Approx(1.0).margin(four * std::sqrt(2.0)));
  CHECK(cubes / count == Approx(0.0).margin(four * std::sqrt(15.0)));
  CHECK(fourths / count == Approx(3.0).margin(four * std::sqrt(96.0)));
  CHECK(next / count == Approx(0.0).margin(four));

  // Kolmogorov and Smirnov: the largest distance of the distribution functions exceeds 1.95 / sqrt(count) in one of a
  // thousand samples of true normal numbers.
  std::sort(numbers.begin(), numbers.end());
  double distance = 0;
  for (int i = 0; i < count; ++i) {
    const double expected = 0.5 * std::erfc(-numbers[static_cast<std::size_t>(i)] / std::numbers::sqrt2);
    distance = std::max({distance, std::abs(expected - double(i) / count), std::abs(expected - double(i + 1) / count)});
  }
  CHECK(distance < 1.95 / std::sqrt(count));
  CHECK(numbers.front() < -3.5);
  CHECK(numbers.back() > 3.5);
}

TEST_CASE("below gives each whole number as often", "[unit][random]") {
  const Random random{13, 5};
  constexpr int count = 70'000, bins = 7;
  std::vector<int> histogram(bins);
  bool inside = true;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t number = random.below(i, bins);
    inside = inside && number < bins;
    if (number < bins) ++histogram[static_cast<std::size_t>(number)];
  }
  CHECK(inside);
  CHECK(chi_square(histogram, count / bins) < bins - 1 + 4 * std::sqrt(2.0 * bins));
  CHECK(random.below(5, 1) == 0);
  // With a count of 2^63 the number is the upper 63 bits: nothing is lost to rounding.
  CHECK(random.below(5, std::uint64_t{1} << 63) == random.bits(5) >> 1);
}

TEST_CASE("the upper half of a product of 64 bits is exact", "[unit][random]") {
  constexpr std::uint64_t most = ~std::uint64_t{0}, top = std::uint64_t{1} << 63;
  static_assert(detail::high_half(most, most) == most - 1);
  static_assert(detail::high_half(top, 2) == 1 && detail::high_half(top, 1) == 0);
  static_assert(detail::high_half(0xFFFFFFFF, 0x100000001) == 0 && detail::high_half(0xFFFFFFFF, 0x100000002) == 1);
#ifdef __SIZEOF_INT128__
  __extension__ using Wide = unsigned __int128;
  const Random random{17, 3};
  int wrong = 0;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const std::uint64_t a = random.bits(2 * i) >> i % 64, b = random.bits(2 * i + 1);
    wrong += detail::high_half(a, b) != static_cast<std::uint64_t>((static_cast<Wide>(a) * b) >> 64);
  }
  CHECK(wrong == 0);
#endif
}
