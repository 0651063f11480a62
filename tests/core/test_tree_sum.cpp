// Sums over parts: the bits of one tree on any number of threads, in a bounded number of slots.

#include "basin/core/tree_sum.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <thread>

using namespace basin;

namespace {

constexpr Index size = 19;

float number(Index part, Index i) {
  return static_cast<float>(std::sin(double(37 * part + i)) * std::pow(10.0, part % 7));
}

/// The sum over parts first to last - 1 by the definition of the tree.
std::vector<float> by_definition(Index first, Index last) {
  std::vector<float> sum(size);
  if (last - first == 1) {
    for (Index i = 0; i < size; ++i) sum[static_cast<std::size_t>(i)] = number(first, i);
    return sum;
  }
  Index half = 1;
  while (2 * half < last - first) half *= 2;
  sum = by_definition(first, first + half);
  const std::vector<float> upper = by_definition(first + half, last);
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += upper[i];
  return sum;
}

template <class Before>
std::vector<float> by_tree(Index parts, const Before& before) {
  const TreeSum tree(parts, size);
  Vector<float> memory(tree.memory());
  std::vector<float> sum(size);
  tree.add(std::span<float>(sum), memory.data(), [&](Index part, std::span<float> into) {
    before(part);
    for (Index i = 0; i < size; ++i) into[static_cast<std::size_t>(i)] += number(part, i);
  });
  return sum;
}

struct Threads {
  explicit Threads(int count) { set_threads(count); }
  ~Threads() { set_threads(0); }
};

}  // namespace

TEST_CASE("a sum over parts has the bits of its tree on any number of threads", "[unit][repeatable]") {
  for (const Index parts : {1, 2, 3, 4, 5, 7, 8, 13, 64, 100, 257}) {
    const std::vector<float> expected = by_definition(0, parts);
    for (const int count : {1, 2, 3, 8}) {
      const Threads threads(count);
      CAPTURE(parts, count);
      CHECK(by_tree(parts, [](Index) {}) == expected);
    }
  }
}

TEST_CASE("a slow part holds the others up when slots run out, and changes nothing", "[unit][repeatable]") {
  const Threads threads(4);
  for (const Index slow : {0, 1, 31, 63}) {
    CHECK(by_tree(64, [&](Index part) {
            if (part == slow) std::this_thread::sleep_for(std::chrono::milliseconds(20));
          }) == by_definition(0, 64));
  }
}

TEST_CASE("a sum over parts needs few slots whatever their number", "[unit]") {
  const Threads threads(3);
  const Index used = std::min<Index>(basin::threads(), 1 << 20);
  CHECK(TreeSum(1 << 20, size).slots() == 2 * used + 21);
  CHECK(TreeSum(2, size).slots() == 2);
  std::vector<float> sum(size, 5.0f);
  TreeSum(0, size).add(std::span<float>(sum), static_cast<float*>(nullptr), [](Index, std::span<float>) {});
  CHECK(sum == std::vector<float>(size, 5.0f));
}

TEST_CASE("who has some of the parts has whole branches of the tree", "[unit][repeatable]") {
  for (const int count : {1, 3}) {
    const Threads threads(count);
    for (const auto& bounds : {std::vector<Index>{0, 5, 5, 11, 13}, {0, 7, 8, 100}, {0, 33, 64, 65}}) {
      const Index parts = bounds.back();
      std::vector<float> sum(size);
      for (std::size_t p = 0; p + 1 < bounds.size(); ++p) {
        const TreeSum tree(parts, size, bounds[p], bounds[p + 1]);
        Vector<float> memory(tree.memory());
        Index next = bounds[p];
        const auto join = [&](const std::vector<TreeBranch<float>>& branches, float* spare) {
          std::fill_n(spare, size, -1.0f);  // must not be part of what is here
          std::array<int, 8> of_level{};
          for (const auto& one : branches) {
            CHECK(one.first() == next);
            next = std::min(parts, (one.index + 1) << one.level);
            CHECK(std::vector<float>(one.values, one.values + size) == by_definition(one.first(), next));
            CHECK(++of_level[static_cast<std::size_t>(one.level)] <= 2);
          }
          return sum.data();
        };
        tree.add(
            std::span<float>(sum), memory.data(),
            [&](Index part, std::span<float> into) {
              for (Index i = 0; i < size; ++i) into[static_cast<std::size_t>(i)] += number(part, i);
            },
            join);
        CHECK(next == bounds[p + 1]);
      }
    }
  }
  CHECK_THROWS_WITH(TreeSum(4, 2, 2, 5),
                    "first part of a sum is 2, expected 0 or more, at most the last, which is at "
                    "most their number");
}

TEST_CASE("a part that throws leaves the sum as it was, and the lowest one's exception comes", "[unit]") {
  for (const int count : {1, 3}) {
    const Threads threads(count);
    const TreeSum tree(40, 2);
    Vector<double> memory(tree.memory());
    std::vector<double> sum{1, 2};
    std::atomic<int> calls{0};
    CHECK_THROWS_WITH(tree.add(std::span<double>(sum), memory.data(),
                               [&](Index part, std::span<double> into) {
                                 ++calls;
                                 into[0] += 1;
                                 if (part % 10 == 7) throw std::runtime_error("part " + std::to_string(part));
                               }),
                      "part 7");
    CHECK(calls == 40);
    CHECK(sum == std::vector<double>{1, 2});
  }
  CHECK_THROWS_WITH(TreeSum(-1, 2), "number of parts of a sum is -1, expected 0 or more");
}
