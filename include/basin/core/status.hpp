#pragma once

// How a solve ended, sample by sample and summed over many. Nothing fails silently: whatever solves returns one of
// these, and [[nodiscard]] reminds who forgets to look.

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "basin/core/state.hpp"

namespace basin {

/// How the solve of one sample ended.
enum class Status {
  converged,       ///< the residual fell below the tolerance
  max_iterations,  ///< the limit of evaluations came first
  stalled,         ///< the residual no longer falls
  diverged,        ///< the residual, or the state, grew beyond hope
  non_finite,      ///< a NaN or an infinity at the start, or at more trial points than the solve may retry
  interrupted,     ///< an observer ended the solve
  approximated,    ///< nothing was to be solved: a method that only approaches an equation, as Phantom, has done so
};

/// How many values Status has.
inline constexpr std::size_t status_count = 7;

/// The status in words, as the enumerator is called.
[[nodiscard]] constexpr std::string_view name(Status status) {
  constexpr std::array<std::string_view, status_count> names{"converged",  "max_iterations", "stalled",     "diverged",
                                                             "non_finite", "interrupted",    "approximated"};
  return names[static_cast<std::size_t>(status)];
}

/// What a solve returns for each sample.
struct SampleResult {
  Status status = Status::max_iterations;  ///< how the solve ended
  int iterations = 0;                      ///< steps taken
  int evaluations = 0;                     ///< of the map or of the operator, derivatives included
  double residual = 0;                     ///< of the returned value, in the measure that the stop test used
  int retries = 0;                         ///< trial points where the map was not finite
  bool adjusted = false;                   ///< the value is not what the solver reached: see adjoint/implicit.hpp
};

/// What a solve returns: the best state that each sample reached, and how it got there.
template <class S>
struct [[nodiscard]] Solution {
  State<S> value;                     ///< the returned iterates, in the shape of the start
  std::vector<SampleResult> samples;  ///< one for each sample, in the order of the batch

  /// Whether every sample has converged.
  [[nodiscard]] bool converged() const {
    for (const SampleResult& sample : samples) {
      if (sample.status != Status::converged) return false;
    }
    return true;
  }
};

/// Sums over the solves of many samples.
struct SolveCounts {
  std::array<std::size_t, status_count> by_status{};  ///< results with each Status, in the order of its enumerators
  std::size_t evaluations = 0;                        ///< of the map or the operator, in all solves together
  std::size_t adjusted = 0;                           ///< results whose value is not what their solver reached
  double worst_residual = 0;                          ///< the largest one; NaN if any is

  /// Counts one more result.
  void add(const SampleResult& sample) {
    ++by_status[static_cast<std::size_t>(sample.status)];
    adjusted += sample.adjusted ? 1 : 0;
    evaluations += static_cast<std::size_t>(sample.evaluations);
    worst_residual =
        sample.residual > worst_residual || !(sample.residual == sample.residual) ? sample.residual : worst_residual;
  }

  /// Adds the counts of other solves.
  SolveCounts& operator+=(const SolveCounts& other) {
    for (std::size_t s = 0; s < status_count; ++s) by_status[s] += other.by_status[s];
    evaluations += other.evaluations;
    adjusted += other.adjusted;
    if (other.worst_residual > worst_residual || !(other.worst_residual == other.worst_residual)) {
      worst_residual = other.worst_residual;
    }
    return *this;
  }

  /// Calls visit(name, value) for what a checkpoint must keep.
  template <class Visit>
  void each(Visit&& visit) {
    each_of(*this, visit);
  }
  template <class Visit>
  void each(Visit&& visit) const {
    each_of(*this, visit);
  }

  /// Results of every kind.
  [[nodiscard]] std::size_t results() const {
    std::size_t sum = 0;
    for (const std::size_t count : by_status) sum += count;
    return sum;
  }
  /// Results of what was to be solved. What only approximates neither converges nor fails: it is counted apart.
  [[nodiscard]] std::size_t solves() const { return results() - approximated(); }
  /// Results with Status::approximated.
  [[nodiscard]] std::size_t approximated() const { return by_status[static_cast<std::size_t>(Status::approximated)]; }
  /// Results with Status::converged.
  [[nodiscard]] std::size_t converged() const { return by_status[static_cast<std::size_t>(Status::converged)]; }
  /// Evaluations a result; 0 if there was none.
  [[nodiscard]] double mean_evaluations() const {
    return results() == 0 ? 0.0 : static_cast<double>(evaluations) / static_cast<double>(results());
  }
  /// Share of the solves that did not converge; 0 if there was none.
  [[nodiscard]] double nonconverged_fraction() const {
    return solves() == 0 ? 0.0 : 1.0 - static_cast<double>(converged()) / static_cast<double>(solves());
  }

 private:
  template <class Self, class Visit>
  static void each_of(Self& self, Visit& visit) {
    for (std::size_t s = 0; s < status_count; ++s) visit(name(static_cast<Status>(s)), self.by_status[s]);
    visit("evaluations", self.evaluations);
    visit("adjusted", self.adjusted);
    visit("worst_residual", self.worst_residual);
  }
};

/// What the solves inside a model did during one call: layers that solve return it, layers that contain others add up.
struct [[nodiscard]] Report {
  SolveCounts forward;  ///< equilibria
  SolveCounts adjoint;  ///< adjoint (or tangent) equations

  /// Adds what the solves of another call did.
  Report& operator+=(const Report& other) {
    forward += other.forward;
    adjoint += other.adjoint;
    return *this;
  }
};

namespace detail {

/// The report of a call: what it returned, or nothing to report if it returns void.
template <class Call>
Report report_of(Call&& call) {
  if constexpr (std::is_void_v<decltype(call())>) {
    call();
    return {};
  } else {
    return call();
  }
}

}  // namespace detail

}  // namespace basin
