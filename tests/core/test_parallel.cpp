#include "basin/core/parallel.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace basin;

namespace {

/// Sets the number of threads for a scope.
struct Threads {
  explicit Threads(int count) { set_threads(count); }
  ~Threads() { set_threads(0); }
};

#ifdef _OPENMP
constexpr bool parallel = true;
#else
constexpr bool parallel = false;
#endif

std::string message_of(Index count, const std::function<void(Index)>& task) {
  try {
    parallel_for(count, task);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("parallel_for does each task once", "[repeatable][parallel]") {
  for (const int count : {1, 2, 5}) {
    const Threads threads(count);
    for (const Index tasks : {0, 1, 2, 7, 1000}) {
      std::vector<int> done(static_cast<std::size_t>(tasks));
      parallel_for(tasks, [&](Index i) { ++done[static_cast<std::size_t>(i)]; });
      CHECK(done == std::vector<int>(static_cast<std::size_t>(tasks), 1));
    }
  }
}

TEST_CASE("what parallel_for computes does not depend on the number of threads", "[repeatable][parallel]") {
  // Each task rounds on its own; the sum is made afterwards, in the order of the tasks.
  const auto sum = [](int count) {
    const Threads threads(count);
    std::vector<double> part(501);
    parallel_for(501, [&](Index i) {
      double& mine = part[static_cast<std::size_t>(i)];
      for (Index k = 1; k < 200 + 7 * (i % 13); ++k)
        mine += std::sin(static_cast<double>(i * k)) / static_cast<double>(k);
    });
    double all = 0;
    for (const double one : part) all += one;
    return all;
  };
  const double alone = sum(1);
  CHECK(std::isfinite(alone));
  CHECK(sum(2) == alone);
  CHECK(sum(5) == alone);
  CHECK(sum(2) == alone);
}

TEST_CASE("a parallel_for inside a parallel_for runs on the thread of its task", "[repeatable][parallel]") {
  const Threads threads(3);
  constexpr Index outer = 8, inner = 5;
  std::vector<int> in_order(outer), same_thread(outer, 1);
  parallel_for(outer, [&](Index i) {
    const auto here = std::this_thread::get_id();
    int& next = in_order[static_cast<std::size_t>(i)];
    parallel_for(inner, [&](Index k) {
      if (std::this_thread::get_id() != here) same_thread[static_cast<std::size_t>(i)] = 0;
      if (next == k) ++next;
    });
  });
  CHECK(in_order == std::vector<int>(outer, inner));
  CHECK(same_thread == std::vector<int>(outer, 1));
}

TEST_CASE("parallel_for throws what the lowest task threw, after all tasks", "[repeatable][parallel]") {
  for (const int count : {1, 2, 5}) {
    CAPTURE(count);
    const Threads threads(count);
    std::vector<int> done(50);
    const auto task = [&](Index i) {
      done[static_cast<std::size_t>(i)] = 1;
      if (i == 9 || i == 10 || i == 40) throw std::runtime_error("task " + std::to_string(i));
    };
    CHECK(message_of(50, task) == "task 9");
    CHECK(done == std::vector<int>(50, 1));

    // Nested, and with a single task.
    const auto fails_from_9 = [](Index i) {
      if (i >= 9) throw std::runtime_error("task " + std::to_string(i));
    };
    CHECK(message_of(3, [&](Index) { parallel_for(50, fails_from_9); }) == "task 9");
    CHECK(message_of(1, [](Index) { throw std::runtime_error("alone"); }) == "alone");

    // And the next one runs as if nothing had been.
    CHECK(message_of(3, [](Index) {}) == "nothing thrown");
  }
}

TEST_CASE("set_threads limits the threads of parallel_for", "[repeatable][parallel]") {
  CHECK(threads() >= 1);
  {
    const Threads limit(3);
    CHECK(threads() == (parallel ? 3 : 1));
  }
  {
    const Threads limit(1);
    CHECK(threads() == 1);
    bool same = true;
    parallel_for(
        100, [here = std::this_thread::get_id(), &same](Index) { same = same && std::this_thread::get_id() == here; });
    CHECK(same);
  }
  CHECK_THROWS_WITH(set_threads(-2), "number of threads is -2, expected 0 (all) or more");
}
