#include "basin/stencil/border.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <utility>
#include <vector>

#include "stencil/naive_boundary.hpp"

using namespace basin;

namespace {

/// Whole numbers from -4 to 4, so that sums are exact.
std::vector<float> whole_numbers(Index count, std::uint32_t seed) {
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (float& number : numbers) {
    seed = seed * 1664525u + 1013904223u;
    number = static_cast<float>(static_cast<int>((seed >> 16) % 9) - 4);
  }
  return numbers;
}

/// All lines, one after the other.
template <Boundary B>
void add_border(const std::vector<float>& plane, Index features, Index width, Index height, Index border,
                std::vector<float>& bordered) {
  for (Index y = -border; y < height + border; ++y) {
    bordered_line<B>(plane.data(), features, width, height, border, y,
                     bordered.data() + (y + border) * features * (width + 2 * border));
  }
}

template <Boundary B>
void check_border(Index features, Index width, Index height, Index border) {
  CAPTURE(B::label, features, width, height, border);
  const Index wide = width + 2 * border, high = height + 2 * border;
  const auto plane = whole_numbers(features * width * height, 1), g = whole_numbers(features * wide * high, 2);

  std::vector<float> bordered(g.size(), -77.0f);  // every number is written, whatever was there
  add_border<B>(plane, features, width, height, border, bordered);
  bool right = true;
  for (Index y = 0; y < high; ++y) {
    for (Index x = 0; x < wide; ++x) {
      const Index from_x = test::naive_source<B>(x - border, width), from_y = test::naive_source<B>(y - border, height);
      for (Index c = 0; c < features; ++c) {
        const bool inside = from_x >= 0 && from_y >= 0;
        const float expected =
            inside ? plane[static_cast<std::size_t>(c + features * (from_x + width * from_y))] : 0.0f;
        right = right && bordered[static_cast<std::size_t>(c + features * (x + wide * y))] == expected;
      }
    }
  }
  CHECK(right);

  std::vector<float> folded(plane.size(), -77.0f);
  fold_border<B>(g.data(), features, width, height, border, folded.data());
  double through = 0, back = 0;
  for (std::size_t i = 0; i < g.size(); ++i) through += bordered[i] * g[i];
  for (std::size_t i = 0; i < plane.size(); ++i) back += plane[i] * folded[i];
  CHECK(through == back);

  // The identity with one number of the plane at a time gives each number of the transpose.
  std::vector<float> one(plane.size());
  bool transposed = true;
  for (std::size_t i = 0; i < plane.size(); ++i) {
    one[i] = 1;
    add_border<B>(one, features, width, height, border, bordered);
    float sum = 0;
    for (std::size_t k = 0; k < g.size(); ++k) sum += bordered[k] * g[k];
    transposed = transposed && folded[i] == sum;
    one[i] = 0;
  }
  CHECK(transposed);
}

template <Boundary B>
void check_borders() {
  for (const Index border : {0, 1, 2, 4}) {
    for (const auto& [width, height] : {std::pair<Index, Index>{1, 1}, {2, 3}, {3, 2}, {5, 7}, {9, 5}}) {
      if (std::is_same_v<B, Reflect> && std::min(width, height) <= border) continue;
      for (const Index features : {1, 3}) check_border<B>(features, width, height, border);
    }
  }
}

}  // namespace

TEST_CASE("a border shows what the boundary says, and its transpose is exact", "[unit][border]") {
  check_borders<Zero>();
  check_borders<Periodic>();
  check_borders<Reflect>();
  check_borders<Replicate>();
}
