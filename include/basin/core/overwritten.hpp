#pragma once

// States of the caller's memory as they were before a computation wrote there, so that it can begin once more from what
// it began from.

#include <cstddef>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/core/threads.hpp"

namespace basin {

/// Takes copies; several threads may add at once. It neither copies nor moves: contexts refer to it.
class Overwritten {
 public:
  /// Before a state is written for the sample with this number in its batch. What has been added before stays.
  template <class S>
  void add(Index sample, View<S> state) {
    const std::lock_guard lock(mutex_);
    auto* const memory = reinterpret_cast<std::byte*>(state.data());
    const auto [at, is_new] = before_.try_emplace({sample, memory});
    if (is_new) at->second.assign(memory, memory + static_cast<std::size_t>(state.size()) * sizeof(S));
  }

  /// The states of samples first ... first + count - 1 as they were. Not while others add.
  void restore(Index first, Index count) const {
    for (auto at = before_.lower_bound({first, nullptr}); at != before_.end() && at->first.first < first + count;
         ++at) {
      std::memcpy(at->first.second, at->second.data(), at->second.size());
    }
  }

 private:
  detail::Mutex mutex_;
  std::map<std::pair<Index, std::byte*>, std::vector<std::byte>> before_;
};

}  // namespace basin
