#pragma once

// Observers: what can be handed to solve() to watch it. Each is called with every iterate of every sample, in the order
// of the solve. Any callable of a `const Iterate<S>&` is an observer; returning false ends that sample's solve.

#include <concepts>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/fixed_point/solve.hpp"

namespace basin {

/// Keeps every iterate: samples[n][i] is z of sample n after i steps, of the shape of one sample.
template <class S>
struct Trajectory {
  std::vector<std::vector<State<S>>> samples{};  ///< the iterates: [sample][step]

  /// Copies z of an iterate.
  void operator()(const Iterate<S>& iterate) {
    const auto n = static_cast<std::size_t>(iterate.sample);
    if (samples.size() <= n) samples.resize(n + 1);
    samples[n].emplace_back(iterate.z);
  }
};

/// Keeps every residual: samples[n][i] is that of sample n after i steps.
struct ResidualHistory {
  std::vector<std::vector<double>> samples{};  ///< [sample][step], in the measure of the stop test

  /// Takes the residual of an iterate.
  template <class S>
  void operator()(const Iterate<S>& iterate) {
    const auto n = static_cast<std::size_t>(iterate.sample);
    if (samples.size() <= n) samples.resize(n + 1);
    samples[n].push_back(iterate.residual);
  }
};

/// Hands every `count`-th iterate of each sample to `call`, the first one included. If call returns a bool, false ends
/// that sample's solve.
///   Every report{10, [](const auto& iterate) { show(iterate.sample, iterate.residual); }};
template <class Call>
struct Every {
  int count;  ///< steps from one call to the next; 1 or more
  Call call;  ///< takes a const Iterate<S>&, and returns nothing or a bool

  /// False if `call` said so. Throws std::invalid_argument if count is less than 1.
  template <class S>
  bool operator()(const Iterate<S>& iterate) {
    check(count >= 1, "count of Every", count, "1 or more");
    if (iterate.iteration % count != 0) return true;
    if constexpr (std::is_void_v<std::invoke_result_t<Call&, const Iterate<S>&>>) {
      call(iterate);
      return true;
    } else {
      return call(iterate);
    }
  }
};

template <class Call>
Every(int, Call) -> Every<Call>;

}  // namespace basin
