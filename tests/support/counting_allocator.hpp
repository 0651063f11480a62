#pragma once

// Counts what a test program takes from the heap, through operator new or malloc (Eigen uses the latter), on all its
// threads. Link support/counting_allocator.cpp with it. Works beside the sanitizers.
//
//   const basin_test::AllocationCount count;      // from here on
//   ...
//   CHECK(count.allocations() == 0);
//
// Peak memory: reset_peak(), work, then peak_bytes() less what live_bytes() was before the work.

#include <cstddef>

namespace basin_test {

/// Allocations so far.
[[nodiscard]] std::size_t allocations();
/// Those of large_bytes and more.
[[nodiscard]] std::size_t large_allocations();
inline constexpr std::size_t large_bytes = std::size_t{1} << 15;
/// Bytes that are allocated now.
[[nodiscard]] std::size_t live_bytes();
/// The largest live_bytes() since the last reset_peak().
[[nodiscard]] std::size_t peak_bytes();
void reset_peak();

/// False on systems whose allocator this cannot watch; a test then has nothing to assert.
[[nodiscard]] bool counts_allocations();

/// The allocations since it was made.
class AllocationCount {
 public:
  [[nodiscard]] std::size_t allocations() const { return basin_test::allocations() - before_; }
  [[nodiscard]] std::size_t large() const { return basin_test::large_allocations() - large_before_; }

 private:
  std::size_t before_ = basin_test::allocations(), large_before_ = basin_test::large_allocations();
};

}  // namespace basin_test
