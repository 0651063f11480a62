#pragma once

// What benchmarks share: the median and the least time of a call, and the multiply-add peak of one core, measured in
// the same run.

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>
#include <vector>

#include "basin/kernels/vector.hpp"

namespace basin::benchmarks {

/// Median seconds of one call of `work`, over `repeats` rounds of about `round_seconds` each.
template <class Work>
double median_seconds(const Work& work, int repeats = 11, double round_seconds = 0.02) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  work();  // warms caches and scratch memory
  auto start = Clock::now();
  work();
  const int calls = std::max(1, static_cast<int>(round_seconds / std::max(1e-9, seconds(start))));
  std::vector<double> times;
  for (int r = 0; r < repeats; ++r) {
    start = Clock::now();
    for (int i = 0; i < calls; ++i) work();
    times.push_back(seconds(start) / calls);
  }
  std::nth_element(times.begin(), times.begin() + repeats / 2, times.end());
  return times[static_cast<std::size_t>(repeats / 2)];
}

/// Least seconds of one call of `work`: where calls are short, what they take when no other program interrupts them.
template <class Work>
double least_seconds(const Work& work, int calls = 50) {
  using Clock = std::chrono::steady_clock;
  double least = std::numeric_limits<double>::infinity();
  for (int call = 0; call < calls; ++call) {
    const auto start = Clock::now();
    work();
    least = std::min(least, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return least;
}

/// Least seconds of processor time of one call of `work`, on one thread: where calls are long, and other programs run.
template <class Work>
double least_processor_seconds(const Work& work, int calls = 50) {
  std::clock_t least = std::numeric_limits<std::clock_t>::max();
  for (int call = 0; call < calls; ++call) {
    const std::clock_t start = std::clock();
    work();
    least = std::min(least, std::clock() - start);
  }
  return static_cast<double>(least) / CLOCKS_PER_SEC;
}

/// GFLOP/s of independent multiply-adds in registers, on the calling thread, when nothing interrupts them.
inline double peak_gflops() {
  constexpr int lanes = kernels::register_bytes / 4, sums = 12;
  constexpr long steps = 200000;
  volatile float sink = 0;
  const double seconds = least_seconds([&] {
    kernels::Lanes<float, lanes> sum[sums];
    // Different starts, not known to the compiler, so that no two sums are the same.
#pragma GCC unroll 12
    for (int k = 0; k < sums; ++k) sum[k] = kernels::broadcast<lanes>(sink + static_cast<float>(k));
    const auto factor = kernels::broadcast<lanes>(0.999f + sink);
    for (long i = 0; i < steps; ++i) {
#pragma GCC unroll 12
      for (int k = 0; k < sums; ++k) sum[k] = sum[k] * factor + factor;
      asm volatile("" : : : "memory");  // the loop must really run
    }
#pragma GCC unroll 12
    for (int k = 0; k < sums; ++k) sink = 1e-30f * sum[k][0];
  });
  return 2.0 * lanes * sums * steps / seconds * 1e-9;
}

}  // namespace basin::benchmarks
