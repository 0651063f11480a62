#include "basin/core/normals.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

using namespace basin;

namespace {

/// Number `index` as fill_normal defines it, in double.
double expected_normal(const Random& random, std::uint64_t index) {
  const PhiloxCounter words = random.words(index / 4);
  const std::size_t first = index % 4 < 2 ? 0 : 2;
  const auto unit = [](std::uint32_t word) { return (word + 0.5) / 4294967296.0; };
  const double radius = std::sqrt(-2 * std::log(unit(words[first]))),
               angle = 2 * std::numbers::pi * unit(words[first + 1]);
  return radius * (index % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

}  // namespace

TEST_CASE("many normal numbers are those of Box and Muller", "[unit][random]") {
  const Random random{17, 4};
  std::vector<float> numbers(100'000);
  fill_normal(random, 0, numbers);
  double worst = 0;
  for (std::size_t i = 0; i < numbers.size(); i += 2) {
    const double first = expected_normal(random, i), second = expected_normal(random, i + 1);
    // u(w) near 1 is off by up to 2^-25 in float, so the square of the radius by 2^-24.
    const double bound = 2e-6 + 0x1p-24 / std::hypot(first, second);
    worst = std::max({worst, std::abs(numbers[i] - first) / bound, std::abs(numbers[i + 1] - second) / bound});
  }
  CHECK(worst < 1);

  double sum = 0, squares = 0, fourths = 0, next = 0;
  for (std::size_t i = 0; i + 1 < numbers.size(); ++i) {
    const double a = numbers[i];
    sum += a;
    squares += a * a;
    fourths += a * a * a * a;
    next += a * numbers[i + 1];
  }
  // Four standard deviations of each estimate: the variances of a, a^2, a^4 are 1, 2, 96.
  const double count = static_cast<double>(numbers.size()), four = 4 / std::sqrt(count);
  CHECK(sum / count == Approx(0.0).margin(four));
  CHECK(squares / count == Approx(1.0).margin(four * std::sqrt(2.0)));
  CHECK(fourths / count == Approx(3.0).margin(four * std::sqrt(96.0)));
  CHECK(next / count == Approx(0.0).margin(four));
}

TEST_CASE("a normal number does not depend on the range that it is read in", "[unit][random]") {
  const Random random{17, 4};
  std::vector<float> all(1500);
  fill_normal(random, 0, all);
  for (const std::size_t first : {0u, 1u, 3u, 255u, 256u, 1001u}) {
    for (const std::size_t count : {0u, 1u, 2u, 5u, 300u}) {
      std::vector<float> part(count + 1, -100.0f);
      fill_normal(random, first, std::span(part).first(count));
      CAPTURE(first, count);
      CHECK(std::equal(part.begin(), part.end() - 1, all.begin() + static_cast<std::ptrdiff_t>(first)));
      CHECK(part.back() == -100.0f);
    }
  }
  std::vector<float> other(1500);
  fill_normal({17, 5}, 0, other);
  CHECK(other != all);
  const std::uint64_t far = (std::uint64_t{1} << 41) + 3;
  std::vector<float> few(2);
  fill_normal(random, far, few);
  CHECK(few[1] == Approx(expected_normal(random, far + 1)).margin(1e-5));
}
