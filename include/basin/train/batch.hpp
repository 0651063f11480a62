#pragma once

// A batch in parts of a few samples, and how the solves for its samples ended. train/value_and_gradient.hpp runs them.

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "basin/core/context.hpp"
#include "basin/core/solve_log.hpp"
#include "basin/core/tree_sum.hpp"

namespace basin {

/// How the solves for one sample ended, and what became of its gradient.
struct SampleOutcome {
  std::vector<SampleResult> forward{};  ///< of each equilibrium inside the model, from the first to the last
  std::vector<SampleResult> adjoint{};  ///< of their adjoint equations, from the last to the first
  /// Of equilibria in cells of others and in rules of automata (core/solve_log.hpp), forward and adjoint.
  std::vector<SolveRecord> nested{};
  double share = 1;  ///< its gradient has been multiplied by this: 1 as it is, 0 left out, between them made shorter

  /// Whether one of its solves failed.
  [[nodiscard]] bool failed() const {
    const auto did = [](const SampleResult& one) { return detail::solve_failed(one.status); };
    return std::any_of(forward.begin(), forward.end(), did) || std::any_of(adjoint.begin(), adjoint.end(), did) ||
           std::any_of(nested.begin(), nested.end(), [&](const SolveRecord& one) { return did(one.result); });
  }
};

namespace detail {

/// The parts of a sum that each of some processes has: those of process p are bounds[p] ... bounds[p + 1] - 1.
using PartBounds = std::vector<Index>;

/// What one run of some samples gave.
struct Run {
  double value = 0;
  Report report{};
};

/// Who works on a batch: this process alone. mpi/batch.hpp has several, by the same functions.
struct OneProcess {
  static constexpr bool alone = true;

  [[nodiscard]] std::size_t rank() const { return 0; }
  /// Which process has which of so many parts.
  [[nodiscard]] PartBounds bounds(Index parts) const { return {0, parts}; }
  /// Samples of the whole batch, of which there are so many here.
  [[nodiscard]] Index samples(Index here, Index /*samples_per_part*/) const { return here; }
  /// The root of a tree over parts (core/tree_sum.hpp), of which those of `bounds` are at each process.
  template <class S>
  [[nodiscard]] const S* join(const std::vector<TreeBranch<S>>& branches, S* /*spare*/, const PartBounds&,
                              Index /*size*/) const {
    return branches.front().values;
  }
  /// Fills what other processes have: number i of some is where part i is.
  void gather(std::span<double>, const PartBounds&) const {}
};

/// A batch in parts of a few samples, and what their runs say.
class Batch {
 public:
  /// keeps_records: also where the context has no log.
  Batch(Index samples, Index samples_per_part, const Context& context, bool keeps_records = false)
      : samples_(samples), per_part_(samples_per_part), context_(context) {
    check(samples_per_part > 0, "samples_per_part", samples_per_part, "at least 1");
    check(context.samples == nullptr, "numbers of the samples of a batch", "a list",
          "the first one's (Context::first_sample)");
    check(context.overwritten == nullptr, "Context::overwritten of a batch", "given", "none: it is the batch's own");
    if (context.log != nullptr || keeps_records) logs_.resize(static_cast<std::size_t>(parts()));
  }

  [[nodiscard]] Index parts() const { return (samples_ + per_part_ - 1) / per_part_; }
  [[nodiscard]] Index first(Index part) const { return part * per_part_; }
  [[nodiscard]] Index count(Index part) const { return std::min(per_part_, samples_ - first(part)); }

  /// Of samples from one on.
  [[nodiscard]] Context context(Index first, SolveLog* log, Overwritten* overwritten = nullptr) const {
    Context of = context_.from_sample(first);
    of.log = log;
    of.overwritten = overwritten;
    return of;
  }

  /// What was overwritten for `count` samples from `first` on is as it was.
  void restore(Index first, Index count, const Overwritten& overwritten) const {
    overwritten.restore(context_.first_sample + first, count);
  }

  /// Which sample of the batch a record is of, one of `count` from `first` on.
  [[nodiscard]] Index sample_of(const SolveRecord& record, Index first, Index count) const {
    const Index sample = record.sample - context_.first_sample;
    check(sample >= first && sample < first + count, "sample of a solve", sample,
          std::to_string(first) + " to " + std::to_string(first + count - 1));
    return sample;
  }

  /// Files the records of a part. Several threads may file different parts.
  void file(Index part, const std::vector<SolveRecord>& records, std::vector<SampleOutcome>& outcomes) {
    for (const SolveRecord& record : records) {
      SampleOutcome& of = outcomes[static_cast<std::size_t>(sample_of(record, first(part), count(part)))];
      if (record.depth > 0) {
        of.nested.push_back(record);
      } else {
        (record.pass == Pass::forward ? of.forward : of.adjoint).push_back(record.result);
      }
    }
    if (!logs_.empty()) logs_[static_cast<std::size_t>(part)] = records;
  }

  /// What was filed for a part; only if records are kept.
  [[nodiscard]] const std::vector<SolveRecord>& records(Index part) const {
    return logs_[static_cast<std::size_t>(part)];
  }

  /// Hands what was filed on to the log of the whole batch.
  void hand_on() const {
    if (context_.log == nullptr) return;
    for (const auto& records : logs_) {
      if (!records.empty()) context_.log->append(records);
    }
  }

 private:
  Index samples_, per_part_;
  Context context_;
  std::vector<std::vector<SolveRecord>> logs_;
};

/// The first sample of a batch that this process has.
template <class Processes>
[[nodiscard]] Index first_sample_of(const Processes& processes, Index samples, Index samples_per_part) {
  check(samples_per_part > 0, "samples_per_part", samples_per_part, "at least 1");
  const Index parts = (samples + samples_per_part - 1) / samples_per_part;
  return processes.bounds(parts)[processes.rank()] * samples_per_part;
}

}  // namespace detail

}  // namespace basin
