#include "basin/core/scratch.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <thread>
#include <vector>

#include "support/counting_allocator.hpp"

using namespace basin;

namespace {

bool aligned(const void* piece) { return reinterpret_cast<std::uintptr_t>(piece) % 64 == 0; }

}  // namespace

TEST_CASE("pieces of scratch memory are aligned and do not overlap", "[unit][scratch]") {
  Scratch scratch;
  std::vector<std::pair<char*, Index>> pieces;
  // Small ones, and some that are larger than everything before them.
  for (const Index bytes : {1, 3, 64, 65, 1000, 300'000, 7, 900'000, 1, 262'144}) {
    char* piece = scratch.take<char>(bytes);
    CHECK(aligned(piece));
    std::fill_n(piece, bytes, static_cast<char>(pieces.size()));
    pieces.emplace_back(piece, bytes);
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto [piece, bytes] = pieces[i];
    CHECK(std::all_of(piece, piece + bytes, [i](char c) { return c == static_cast<char>(i); }));
  }
  CHECK(aligned(scratch.take<double>(0)));
  CHECK(aligned(scratch.take<double>(5)));
}

TEST_CASE("scratch memory comes back when its scope ends", "[unit][scratch]") {
  Scratch outer;
  double* kept = outer.take<double>(10);
  std::iota(kept, kept + 10, 1.0);
  double* first = nullptr;
  {
    Scratch inner;
    first = inner.take<double>(100);
    CHECK(first >= kept + 10);
    std::fill_n(first, 100, -1.0);
    {
      Scratch innermost;
      CHECK(innermost.take<double>(1) >= first + 100);
      (void)innermost.take<double>(200'000);  // goes to a block of its own
    }
    double* next = inner.take<double>(1);
    CHECK(next >= first + 100);
    CHECK(next < first + 120);
  }
  CHECK(outer.take<double>(100) == first);
  CHECK(std::accumulate(kept, kept + 10, 0.0) == 55.0);
}

TEST_CASE("a loop over scratch memory finds the same memory again", "[unit][scratch]") {
  std::vector<void*> first_pass;
  for (int pass = 0; pass < 3; ++pass) {
    std::vector<void*> places;
    Scratch scratch;
    for (const Index count : {100, 50'000, 3, 400'000}) {
      places.push_back(scratch.take<float>(count));
      Scratch nested;
      places.push_back(nested.take<double>(count));
    }
    if (pass == 0) first_pass = places;
    CHECK(places == first_pass);
  }
}

TEST_CASE("only the first pass over scratch memory allocates", "[allocation][scratch]") {
  if (!basin_test::counts_allocations()) return;
  const auto pass = [] {
    Scratch scratch;
    (void)scratch.take<double>(3'000'000);
    for (int i = 0; i < 10; ++i) {
      Scratch nested;
      (void)nested.take<float>(1000 + i * 100'000);
    }
  };
  std::thread([&] {  // whose memory starts empty, whatever ran before
    const basin_test::AllocationCount first;
    pass();
    CHECK(first.allocations() > 0);
    const basin_test::AllocationCount later;
    pass();
    pass();
    CHECK(later.allocations() == 0);
  })
      .join();
}

TEST_CASE("scratch memory that was reserved is taken at once, and no more of it", "[allocation][scratch]") {
  if (!basin_test::counts_allocations()) return;
  std::thread([] {  // whose memory starts empty, whatever ran before
    constexpr Index pieces = 10, bytes = 64;
    constexpr Index between = detail::poisons ? 64 : 0;  // what the address sanitizer is to see
    reserve_scratch(static_cast<std::size_t>(pieces * (bytes + between)));
    const basin_test::AllocationCount later;
    char* last = nullptr;
    for (int pass = 0; pass < 2; ++pass) {
      Scratch scratch;
      for (Index i = 0; i < pieces; ++i) last = scratch.take<char>(bytes);
    }
    CHECK(later.allocations() == 0);
    CHECK(aligned(last));
    Scratch scratch;
    (void)scratch.take<char>(2 * pieces * bytes);
    CHECK(later.allocations() > 0);
  })
      .join();
}

TEST_CASE("a scratch state has the shape that was asked for", "[unit][scratch]") {
  const Shape shape{3, {4, 5, 1}, 2};
  Scratch scratch;
  const View<float> state = scratch.state<float>(shape);
  CHECK(state.shape() == shape);
  CHECK(aligned(state.data()));
#ifndef NDEBUG
  // Reading before writing shows.
  CHECK(std::all_of(state.data(), state.data() + state.size(), [](float a) { return std::isnan(a); }));
#endif
  state.vector().setOnes();
  CHECK(state.vector().sum() == 120.0f);
}

TEST_CASE("each thread has scratch memory of its own", "[unit][scratch]") {
  Scratch scratch;
  int* here = scratch.take<int>(16);
  std::fill_n(here, 16, 1);
  int* there = nullptr;
  std::thread([&] {
    Scratch other;
    there = other.take<int>(16);
    std::fill_n(there, 16, 2);
  }).join();
  CHECK(there != nullptr);
  CHECK(there != here);
  CHECK(std::accumulate(here, here + 16, 0) == 16);
}

TEST_CASE("the address sanitizer sees who uses scratch memory that nobody took", "[unit][scratch]") {
  Scratch outer;
  const auto* const kept = outer.take<char>(13);
  const char* gone = nullptr;
  {
    Scratch inner;
    const auto* const piece = inner.take<char>(128);
    CHECK_FALSE(detail::is_unused(piece));
    CHECK_FALSE(detail::is_unused(piece + 127));
    CHECK(detail::is_unused(piece + 128) == detail::poisons);
    CHECK(detail::is_unused(inner.take<double>(200'000) + 200'000) == detail::poisons);
    gone = piece;
  }
  CHECK(detail::is_unused(gone) == detail::poisons);
  CHECK_FALSE(detail::is_unused(kept + 12));
  CHECK(detail::is_unused(kept + 13) == detail::poisons);
  Scratch again;
  const auto* const piece = again.take<char>(20);
  CHECK(piece == gone);
  CHECK_FALSE(detail::is_unused(piece + 19));
  CHECK(detail::is_unused(piece + 20) == detail::poisons);
}
