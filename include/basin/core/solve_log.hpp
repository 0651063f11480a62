#pragma once

// How each sample of each equilibrium inside a model ended, for who has to know more than the sums of a Report:
//
//   SolveLog log;
//   model.linearize(theta, x, y, Context{.log = &log})          forward records
//        .pullback(w, dx, dtheta);                              adjoint records
//
// Every equilibrium appends its records in the order of its samples, whatever the number of threads; equilibria that
// follow one another in a Sequential, in that order, and back from the last to the first.
//
// What is solved many times during one call leaves one record a sample, too:
//
//   - An equilibrium in the cell of another is solved at each evaluation of that cell. Logged is the solve whose result
//     is used: forward that of one more evaluation, at the z that is returned; adjoint that of the last pass through
//     the cell, with the w that solves the adjoint equation, and through Unrolled the worst of those of all steps.
//   - An equilibrium in an automaton's rule is solved for each cell at each step. Logged is the worst of all cells of a
//     sample, in a rollout of all steps too.
//
// Their records have a depth above 0 and stand after those of the equilibrium around them; those of one sample stand in
// the order of the solves. Every solve, logged or not, is in the Report.

#include <array>
#include <cmath>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "basin/core/status.hpp"
#include "basin/core/threads.hpp"

namespace basin {

/// Which equation a solve was of.
enum class Pass {
  forward,  ///< the equilibrium itself
  adjoint,  ///< its adjoint, or tangent, equation
};

/// How one solve ended.
struct SolveRecord {
  Index sample = 0;           ///< its number in the batch (Context::sample)
  Pass pass = Pass::forward;  ///< which equation was solved
  SampleResult result{};      ///< how it ended
  int depth = 0;              ///< in how many cells of equilibria and rules of automata it stands; 0: the model's own
};

/// Takes records; several threads may append at once. It neither copies nor moves: linearizations refer to it.
class SolveLog {
 public:
  /// Adds records behind those that are there, one after another, though other threads append too.
  void append(std::span<const SolveRecord> records) {
    const std::lock_guard lock(mutex_);
    records_.insert(records_.end(), records.begin(), records.end());
  }

  /// All so far. Not while others append.
  [[nodiscard]] const std::vector<SolveRecord>& records() const { return records_; }
  /// Removes all. Not while others append.
  void clear() { records_.clear(); }

 private:
  detail::Mutex mutex_;
  std::vector<SolveRecord> records_;
};

namespace detail {

[[nodiscard]] constexpr bool solve_failed(Status status) {
  return status != Status::converged && status != Status::approximated;
}

/// Whether `one` tells of more trouble than `other`. Results that differ are in an order, so that which of some is the
/// worst does not depend on who is asked first.
[[nodiscard]] inline bool worse(const SampleResult& one, const SampleResult& other) {
  const auto trouble = [](const SampleResult& r) {
    constexpr std::array<int, status_count> by_status{0, 3, 4, 5, 6, 2, 1};  // in the order of Status
    const bool measured = !std::isnan(r.residual);
    return std::tuple(by_status[static_cast<std::size_t>(r.status)], !measured, measured ? r.residual : 0.0,
                      r.evaluations, r.iterations, r.retries, r.adjusted);
  };
  return trouble(one) > trouble(other);
}

/// The worst record of each solve of each sample, of many logs that tell of the same solves: the n-th record of a
/// sample's forward solves is of the same solve in all of them, and of its adjoint solves likewise. Several threads may
/// give it logs at once; in which order makes no difference. Takes no memory as long as the logs are empty.
class WorstRecords {
 public:
  /// Takes the records of a log, and leaves it empty.
  void take(SolveLog& log) { take(log, nullptr); }
  /// The same for records of parts of one sample, its cells.
  void take(SolveLog& log, Index sample) { take(log, &sample); }

  /// Appends to a log, if there is one: solve by solve, each in the order of its samples.
  void hand_on(SolveLog* to, int deeper) const {
    if (to == nullptr || worst_.empty()) return;
    std::vector<SolveRecord> records;
    for (const auto& [key, record] : worst_) {
      records.push_back(record);
      records.back().depth += deeper;
    }
    to->append(records);
  }

 private:
  using Key = std::tuple<Pass, int, Index>;  // of the solves of a pass the n-th, of a sample

  void take(SolveLog& log, const Index* sample) {
    if (log.records().empty()) return;
    std::map<std::tuple<Pass, Index>, int> seen;
    const std::lock_guard lock(mutex_);
    for (SolveRecord record : log.records()) {
      const int n = seen[{record.pass, record.sample}]++;
      if (sample != nullptr) record.sample = *sample;
      const auto [at, is_new] = worst_.try_emplace({record.pass, n, record.sample}, record);
      if (!is_new && worse(record.result, at->second.result)) at->second = record;
    }
    log.clear();
  }

  Mutex mutex_;
  std::map<Key, SolveRecord> worst_;
};

/// For one call that makes many steps, each of which logs the same solves.
class LogOfSteps {
 public:
  explicit LogOfSteps(SolveLog* to) : to_(to) {}

  /// Where a step is to log; null where nobody asks.
  [[nodiscard]] SolveLog* of_step() { return to_ != nullptr ? &step_ : nullptr; }
  /// After each step.
  void next() { worst_.take(step_); }
  /// After the last: hands on the worst records of all.
  void finish() const { worst_.hand_on(to_, 0); }

 private:
  SolveLog* to_;
  SolveLog step_;
  WorstRecords worst_;
};

}  // namespace detail

}  // namespace basin
