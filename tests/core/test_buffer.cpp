#include "basin/core/buffer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "support/counting_allocator.hpp"

using namespace basin;

namespace {

using Store = detail::BufferStore;

constexpr std::size_t MiB = std::size_t{1} << 20;

}  // namespace

TEST_CASE("a buffer owns its numbers, which stay where they are when it moves", "[unit][buffer]") {
  for (const Index size : {1, 100, 5000, 100'000}) {
    Buffer<double> first(size);
    REQUIRE(first.size() == size);
    CHECK(reinterpret_cast<std::uintptr_t>(first.data()) % 64 == 0);
#ifndef NDEBUG
    CHECK(std::all_of(first.data(), first.data() + size, [](double a) { return std::isnan(a); }));
#endif
    std::iota(first.data(), first.data() + size, 1.0);
    const double* const place = first.data();

    Buffer<double> copy = first;
    CHECK(copy.data() != place);
    CHECK(copy.vector() == first.vector());
    copy[0] = -1;
    CHECK(first[0] == 1);

    Buffer<double> second = std::move(first);
    CHECK(second.data() == place);
    copy = std::move(second);
    CHECK(copy.data() == place);
    CHECK(copy[size - 1] == static_cast<double>(size));
  }
  CHECK(Buffer<float>(0).data() == nullptr);
  const Buffer<float> empty, copy_of_empty = empty;
  CHECK(copy_of_empty.size() == 0);
}

TEST_CASE("what a buffer gives back is there for the next one of about its size, on any thread",
          "[allocation][buffer]") {
  if (!basin_test::counts_allocations()) return;
  release_idle_buffers();
  const auto use = [](Index size) {
    Buffer<float> buffer(size);
    buffer.vector().setZero();
  };
  use(1'000'000);
  const basin_test::AllocationCount count;
  for (int i = 0; i < 3; ++i) use(1'000'000);
  use(990'000);
  use(700'000);
  std::thread([&] { use(1'000'000); }).join();
  CHECK(count.large() == 0);
  use(300'000);  // would waste most of it
  CHECK(count.large() == 1);
  use(1'100'000);
  CHECK(count.large() == 2);
}

TEST_CASE("buffers keep no more than the most that was in use, and 32 MiB", "[allocation][buffer]") {
  Store store;
  std::size_t most = 0, kept_otherwise = 0;
  const auto use = [&](std::size_t bytes, std::size_t pieces) {
    std::vector<Store::Piece> taken;
    for (std::size_t i = 0; i < pieces; ++i) taken.push_back(store.take(bytes));
    CHECK(store.in_use() >= bytes * pieces);
    CHECK(store.in_use() <= bytes * pieces * 3 / 2);
    most = std::max(most, store.in_use());
    for (const Store::Piece& piece : taken) store.give(piece);
    CHECK(store.in_use() == 0);
    CHECK(store.held() <= most + 32 * MiB);
  };
  use(16 * MiB, 4);
  CHECK(store.held() == 64 * MiB);
  for (const std::size_t size : {1, 2, 4, 8, 32}) {
    use(size * MiB, 64 / size);
    kept_otherwise += 64 * MiB;
  }
  CHECK(kept_otherwise > most + 64 * MiB);
  CHECK(store.held() > 64 * MiB);
  use(16 * MiB, 10);  // more in use may keep more
  CHECK(store.held() >= 160 * MiB);
  store.release(100 * MiB);
  CHECK(store.held() <= 100 * MiB);
  CHECK(store.held() > 64 * MiB);
  store.release(0);
  CHECK(store.held() == 0);
}

TEST_CASE("idle buffers go back to the system when that is asked for", "[allocation][buffer]") {
  if (!basin_test::counts_allocations()) return;
  release_idle_buffers();
  const std::size_t before = basin_test::live_bytes();
  const Buffer<char> used(1'000'000);
  { const Buffer<char> idle(2'000'000); }
  CHECK(basin_test::live_bytes() - before >= 3'000'000);
  release_idle_buffers();
  CHECK(basin_test::live_bytes() - before >= 1'000'000);
  CHECK(basin_test::live_bytes() - before < 1'200'000);
}

TEST_CASE("threads take buffers from one another, and each has its own while it holds it", "[repeatable][buffer]") {
  constexpr int threads = 4, rounds = 200;
  std::vector<std::unique_ptr<Buffer<int>>> handed_on(threads * rounds);  // made by one thread, destroyed by another
  const auto work = [&](int thread, int from) {
    for (int round = 0; round < rounds; ++round) {
      const Index size = 9000 + 700 * (round % 11);
      auto& mine = handed_on[static_cast<std::size_t>(thread * rounds + round)];
      mine = std::make_unique<Buffer<int>>(size);
      std::fill_n(mine->data(), size, thread * rounds + round);
      Buffer<int> other(size);
      std::fill_n(other.data(), size, -1);
      if (from >= 0) handed_on[static_cast<std::size_t>(from * rounds + round)].reset();
    }
  };
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) running.emplace_back(work, t, -1);
  for (std::thread& one : running) one.join();
  bool whole = true;
  for (int i = 0; i < threads * rounds; ++i) {
    const Buffer<int>& one = *handed_on[static_cast<std::size_t>(i)];
    whole = whole && std::all_of(one.data(), one.data() + one.size(), [i](int a) { return a == i; });
  }
  CHECK(whole);
  // While threads 0 and 1 make theirs anew, 2 and 3 destroy those of one another.
  running.clear();
  for (auto& one : handed_on) one = std::make_unique<Buffer<int>>(10'000);
  running.emplace_back(work, 0, 2);
  running.emplace_back(work, 1, 3);
  for (std::thread& one : running) one.join();
  for (int i = 0; i < 2 * rounds; ++i) {
    const Buffer<int>& one = *handed_on[static_cast<std::size_t>(i)];
    whole = whole && std::all_of(one.data(), one.data() + one.size(), [i](int a) { return a == i; });
  }
  CHECK(whole);
}

TEST_CASE("arrays of a list stay where they are as it grows and moves", "[unit][buffer]") {
  for (const Index length : {0, 1, 37, 4000, 100'000}) {
    ArrayList<int> list(length);
    CHECK(list.length() == length);
    std::vector<const int*> places;
    for (int i = 0; i < 50; ++i) {
      int* const array = list.append();
      std::fill_n(array, length, i);
      places.push_back(array);
    }
    ArrayList<int> moved = std::move(list);
    REQUIRE(moved.size() == 50);
    CHECK(list.size() == 0);  // and can be used again
    CHECK(list.length() == length);
    std::fill_n(list.append(), length, 7);
    CHECK(list.size() == 1);
    list = ArrayList<int>(length);
    CHECK(list.size() == 0);
    for (std::size_t i = 0; i < 50; ++i) {
      CHECK(moved[i] == places[i]);
      CHECK(std::all_of(places[i], places[i] + length, [i](int a) { return a == static_cast<int>(i); }));
    }
    const auto part = moved.part(10, 3);
    CHECK(std::equal(part.begin(), part.end(), places.begin() + 10, places.begin() + 13));
    moved.pop_back();
    CHECK(moved.size() == 49);
    CHECK(moved.append() == places[49]);
    moved.clear();
    CHECK(moved.size() == 0);
    CHECK(moved.append() == places[0]);
  }
}
