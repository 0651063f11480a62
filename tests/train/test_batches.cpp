#include "basin/train/batches.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <set>
#include <vector>

using namespace basin;

TEST_CASE("in an epoch each sample comes once, in an order that is new in every epoch", "[unit]") {
  Batches batches({.samples = 12, .batch = 4, .random = {7, 3}});
  CHECK(batches.an_epoch() == 3);
  std::vector<std::vector<Index>> epochs;
  for (Index epoch = 0; epoch < 3; ++epoch) {
    std::vector<Index> order;
    for (Index i = 0; i < 3; ++i) {
      const std::span<const Index> of = batches.of(3 * epoch + i);
      CHECK(of.size() == 4);
      order.insert(order.end(), of.begin(), of.end());
    }
    CHECK(std::set<Index>(order.begin(), order.end()).size() == 12);
    CHECK(*std::max_element(order.begin(), order.end()) == 11);
    epochs.push_back(order);
  }
  CHECK(epochs[0] != epochs[1]);
  CHECK(epochs[1] != epochs[2]);

  // A training that is resumed in the middle of an epoch sees what it would have seen.
  Batches resumed({.samples = 12, .batch = 4, .random = {7, 3}});
  const std::span<const Index> of = resumed.of(4);
  CHECK(std::equal(of.begin(), of.end(), epochs[1].begin() + 4));
}

TEST_CASE("samples that fill no batch wait for another epoch", "[unit]") {
  Batches batches({.samples = 7, .batch = 3, .random = {1, 1}});
  CHECK(batches.an_epoch() == 2);
  std::set<Index> seen;
  for (Index i = 0; i < 2 * 20; ++i) {
    const std::span<const Index> of = batches.of(i);
    seen.insert(of.begin(), of.end());
  }
  CHECK(seen.size() == 7);
  Batches ordered({.samples = 5, .batch = 2, .shuffle = false});
  CHECK(ordered.of(3)[0] == 2);
  CHECK(ordered.of(3)[1] == 3);
  CHECK_THROWS_WITH(Batches({.samples = 3, .batch = 4}),
                    "samples of a batch is 4, expected at most the number of samples, 3");
  CHECK_THROWS_WITH(Batches({.samples = 3, .batch = 0}), "samples of a batch is 0, expected at least 1");
  CHECK_THROWS_WITH(batches.of(-1), "number of a batch is -1, expected 0 or more");
}

TEST_CASE("every order of a few numbers is as likely as any other", "[unit]") {
  std::array<int, 6> counts{};
  for (std::uint64_t i = 0; i < 6000; ++i) {
    const std::vector<Index> order = shuffled(3, {i, 5});
    ++counts[static_cast<std::size_t>(2 * order[0] + (order[1] > order[2] ? 1 : 0))];
  }
  for (const int count : counts) CHECK(std::abs(count - 1000) < 150);  // five standard deviations
  CHECK(shuffled(0, {1, 5}).empty());
  CHECK_THROWS_WITH(shuffled(-1, {1, 5}), "numbers to shuffle is -1, expected 0 or more");
}

TEST_CASE("what is held back is not trained on", "[unit]") {
  const SampleSplit split = hold_back(100, 30, {3, 1});
  CHECK(split.held_back.size() == 30);
  std::vector<Index> all = split.train;
  all.insert(all.end(), split.held_back.begin(), split.held_back.end());
  std::sort(all.begin(), all.end());
  for (Index i = 0; i < 100; ++i) CHECK(all[static_cast<std::size_t>(i)] == i);
  CHECK(std::is_sorted(split.train.begin(), split.train.end()));
  CHECK(hold_back(10, 0, {3, 1}).train.size() == 10);
  CHECK(hold_back(100, 30, {4, 1}).held_back != split.held_back);
  CHECK_THROWS_WITH(hold_back(10, 10, {3, 1}),
                    "samples to hold back is 10, expected 0 to less than the number of samples, 10");
}

TEST_CASE("samples are taken by their numbers", "[unit]") {
  State<float> x(Shape{2, {3, 1, 1}, 4});
  for (Index i = 0; i < x.values.size(); ++i) x.values[i] = static_cast<float>(i);
  const State<float> taken = samples_at(x.view(), std::array<Index, 3>{3, 0, 3});
  CHECK(taken.shape == x.shape.with_samples(3));
  CHECK(taken.values[0] == 18);
  CHECK(taken.values[6] == 0);
  CHECK(taken.values[17] == 23);
  CHECK_THROWS_WITH(samples_at(x.view(), std::array<Index, 1>{4}), "number of a sample is 4, expected 0 to 3");
}
