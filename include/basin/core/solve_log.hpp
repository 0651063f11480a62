#pragma once

// How each sample of each equilibrium inside a model ended, for who has to know more than the sums of a Report:
//
//   SolveLog log;
//   model.linearize(theta, x, y, Context{.log = &log})          forward records
//        .pullback(w, dx, dtheta);                              adjoint records
//
// Every equilibrium appends its records in the order of its samples, whatever the number of threads; equilibria that
// follow one another in a Sequential, in that order, and back from the last to the first. An equilibrium inside the
// cell of another is solved again at each evaluation of that cell: its solves are in the Report alone.

#include <mutex>
#include <span>
#include <vector>

#include "basin/core/status.hpp"

namespace basin {

enum class Pass {
  forward,  ///< the equilibrium itself
  adjoint,  ///< its adjoint, or tangent, equation
};

/// How one solve ended.
struct SolveRecord {
  Index sample = 0;  ///< its number in the batch (Context::sample)
  Pass pass = Pass::forward;
  SampleResult result{};
};

/// Takes records; several threads may append at once. It neither copies nor moves: linearizations refer to it.
class SolveLog {
 public:
  void append(std::span<const SolveRecord> records) {
    const std::lock_guard lock(mutex_);
    records_.insert(records_.end(), records.begin(), records.end());
  }

  /// Not while others append.
  [[nodiscard]] const std::vector<SolveRecord>& records() const { return records_; }
  void clear() { records_.clear(); }

 private:
  std::mutex mutex_;
  std::vector<SolveRecord> records_;
};

}  // namespace basin
