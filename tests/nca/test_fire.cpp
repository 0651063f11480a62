#include "basin/nca/fire.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "basin/nca/update.hpp"

using namespace basin;

namespace {

using Marks = std::vector<std::uint8_t>;

Marks mask(const RandomFire& fire, std::int64_t step, Index sample, Index first, Index count) {
  Marks marks(static_cast<std::size_t>(count), 1);
  fire.clear_idle({.step = step, .first_sample = sample}, 0, first, marks);
  return marks;
}

Marks mask(const RandomFire& fire, const Context& context) {
  Marks marks(100000, 1);
  fire.clear_idle(context, 0, 0, marks);
  return marks;
}

/// The share of places where two masks agree.
double agreement(const Marks& a, const Marks& b) {
  double same = 0;
  for (std::size_t i = 0; i < a.size(); ++i) same += a[i] == b[i] ? 1 : 0;
  return same / static_cast<double>(a.size());
}

double share(const Marks& marks) {
  double sum = 0;
  for (const std::uint8_t mark : marks) sum += mark;
  return sum / static_cast<double>(marks.size());
}

constexpr Index many = 100000;

}  // namespace

TEST_CASE("cells fire at the rate that is asked for", "[unit][fire]") {
  for (const double rate : {0.1, 0.5, 0.9}) {
    // Five standard deviations of the mean of `many` draws; one seed in a million would miss it.
    const double bound = 5 * std::sqrt(rate * (1 - rate) / static_cast<double>(many));
    for (const std::int64_t step : {0, 1, 95}) {
      CAPTURE(rate, step);
      CHECK(std::abs(share(mask({.rate = rate, .seed = 7}, step, 3, 0, many)) - rate) < bound);
    }
  }
  CHECK(share(mask({.rate = 0}, 0, 0, 0, many)) == 0);
  CHECK(share(mask({.rate = 1}, 0, 0, 0, many)) == 1);
}

TEST_CASE("each cell, step, sample and seed fires by itself", "[unit][fire]") {
  const RandomFire fire{.rate = 0.5, .seed = 1};
  const Marks one = mask(fire, 4, 2, 0, many);
  const double bound = 5 * 0.5 / std::sqrt(static_cast<double>(many));
  CHECK(mask(fire, 4, 2, 0, many) == one);
  CHECK(std::abs(agreement(one, mask(fire, 5, 2, 0, many)) - 0.5) < bound);
  CHECK(std::abs(agreement(one, mask(fire, 4, 3, 0, many)) - 0.5) < bound);
  CHECK(std::abs(agreement(one, mask({.rate = 0.5, .seed = 2}, 4, 2, 0, many)) - 0.5) < bound);
  for (const Index away : {1, 2, 3, 4, 5, 64}) {
    CHECK(std::abs(agreement(one, mask(fire, 4, 2, away, many)) - 0.5) < bound);
  }
}

TEST_CASE("each draw has masks of its own, and the first those of the seed alone", "[unit][fire]") {
  const RandomFire fire{.rate = 0.5, .seed = 1};
  const Marks one = mask(fire, 4, 2, 0, many);
  const double bound = 5 * 0.5 / std::sqrt(static_cast<double>(many));
  CHECK(mask(fire, {.step = 4, .draw = 0, .first_sample = 2}) == one);
  for (const std::uint64_t draw : {1ull, 2ull, 3ull, 1ull << 40, ~0ull}) {
    CAPTURE(draw);
    const Marks other = mask(fire, {.step = 4, .draw = draw, .first_sample = 2});
    CHECK(std::abs(agreement(one, other) - 0.5) < bound);
    CHECK(std::abs(share(other) - 0.5) < bound);
    CHECK(std::abs(agreement(other, mask(fire, {.step = 4, .draw = draw + 1, .first_sample = 2})) - 0.5) < bound);
  }
}

TEST_CASE("samples with large numbers fire by themselves", "[unit][fire]") {
  if (sizeof(Index) < 8) return;
  const RandomFire fire{.rate = 0.5, .seed = 1};
  const double bound = 5 * 0.5 / std::sqrt(static_cast<double>(many));
  const std::int64_t at[] = {1, (1 << 24) + 1, (std::int64_t{1} << 40) + 1, (std::int64_t{1} << 62) + 1};
  for (const std::int64_t a : at) {
    const Marks one = mask(fire, 4, static_cast<Index>(a), 0, many);
    for (const std::int64_t b : at) {
      if (a != b) CHECK(std::abs(agreement(one, mask(fire, 4, static_cast<Index>(b), 0, many)) - 0.5) < bound);
    }
  }
}

TEST_CASE("a mask follows the numbers of samples and cells that the context says", "[unit][fire]") {
  const RandomFire fire{.rate = 0.5, .seed = 1};
  const auto part = [&](const Context& context, Index i, Index first, Index count) {
    Marks marks(static_cast<std::size_t>(count), 1);
    fire.clear_idle(context, i, first, marks);
    return marks;
  };
  const std::array<Index, 3> left{4, 7, 9};
  for (Index i = 0; i < 3; ++i) {
    const Marks whole = mask(fire, 2, left[static_cast<std::size_t>(i)], 0, 1000);
    CHECK(part({.step = 2, .samples = left.data()}, i, 0, 1000) == whole);
    CHECK(part(Context{.step = 2, .samples = left.data()}.from_sample(i), 0, 0, 1000) == whole);
    // The cells of a grid's second half.
    const Marks half(whole.begin() + 501, whole.end());
    CHECK(part({.step = 2, .samples = left.data(), .first_cell = 501}, i, 0, 499) == half);
    // Its last 300 cells and then its first 200, as where a part of a torus of 1000 reaches over the seam.
    Marks around(whole.begin() + 700, whole.end());
    around.insert(around.end(), whole.begin(), whole.begin() + 200);
    CHECK(part({.step = 2, .samples = left.data(), .first_cell = 700, .cells_around = 1000}, i, 0, 500) == around);
  }
}

TEST_CASE("a mask does not depend on how its cells are asked for", "[unit][fire]") {
  const RandomFire fire{.rate = 0.4, .seed = 5};
  const Marks whole = mask(fire, 3, 1, 0, 1000);
  for (const Index part : {1, 2, 3, 5, 7, 64, 999}) {
    Marks parts;
    for (Index first = 0; first < 1000; first += part) {
      const Marks some = mask(fire, 3, 1, first, std::min(part, 1000 - first));
      parts.insert(parts.end(), some.begin(), some.end());
    }
    CAPTURE(part);
    CHECK(parts == whole);
  }
  // Cells that are cleared already stay so, and those that fire keep their mark.
  Marks some(1000, 3);
  for (std::size_t i = 0; i < some.size(); i += 2) some[i] = 0;
  fire.clear_idle({.step = 3, .first_sample = 1}, 0, 0, some);
  for (std::size_t i = 0; i < some.size(); ++i) {
    if (some[i] != (i % 2 == 0 || whole[i] == 0 ? 0 : 3)) FAIL("cell " << i << " has mark " << int{some[i]});
  }
}

TEST_CASE("a lower rate fires a part of the cells of a higher one", "[unit][fire]") {
  const Marks low = mask({.rate = 0.3, .seed = 1}, 2, 0, 0, 1000), high = mask({.rate = 0.6, .seed = 1}, 2, 0, 0, 1000);
  bool within = true;
  for (std::size_t i = 0; i < low.size(); ++i) within = within && low[i] <= high[i];
  CHECK(within);
}

TEST_CASE("whether a cell fires says nothing of its noise", "[unit][fire]") {
  // The same seed for both: the first cell at many steps, its noise where it fires and where it does not.
  const RandomFire fire{.rate = 0.5, .seed = 3};
  const Increment increment{.noise = 1, .seed = 3};
  double sum = 0;
  const int tries = 20000;
  for (int i = 0; i < tries; ++i) {
    double r[1] = {0};
    increment.add_noise<1>({.step = i}, 0, 0, r);
    sum += mask(fire, i, 0, 0, 1)[0] != 0 ? r[0] : -r[0];
  }
  CHECK(std::abs(sum / tries) < 5 / std::sqrt(static_cast<double>(tries)));
}

TEST_CASE("factors of an update", "[unit][fire]") {
  CHECK(EveryCell{}.factor() == 1);
  CHECK(RandomFire{.rate = 0.25}.factor() == 1);
  CHECK(RandomFire{.rate = 0.25, .rescaled = true}.factor() == 4);
  CHECK(MeanField{.rate = 0.25}.factor() == 0.25);
  CHECK(MeanField{.rate = 0}.factor() == 0);
  CHECK(MeanField{.rate = 1}.factor() == 1);
}

TEST_CASE("a rate is a share", "[unit][fire]") {
  CHECK_THROWS_WITH(MeanField{.rate = 1.5}.factor(), "MeanField: rate is 1.5, expected 0 to 1");
  CHECK_THROWS_WITH(MeanField{.rate = -0.5}.factor(), "MeanField: rate is -0.5, expected 0 to 1");
  CHECK_THROWS_WITH(mask({.rate = 1.5}, 0, 0, 0, 4), "RandomFire: rate is 1.5, expected 0 to 1");
  CHECK_THROWS_WITH(mask({.rate = -1}, 0, 0, 0, 4), "RandomFire: rate is -1, expected 0 to 1");
  CHECK_THROWS_AS(mask({.rate = std::numeric_limits<double>::quiet_NaN()}, 0, 0, 0, 4), std::invalid_argument);
}
