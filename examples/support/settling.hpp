#pragma once

// What trainings of equilibria that are to think longer have in common: problems that grow as the training goes on, and
// the count of those that are solved, certified or not.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/core/state.hpp"
#include "basin/core/status.hpp"
#include "basin/io/json.hpp"

namespace basin::examples {

/// Sizes of problems, from `least` to a limit that grows evenly to `most` over the first `growing` of a training.
struct Curriculum {
  Index least = 1, most = 1;
  double growing = 0.4;  ///< a share of the training, above 0

  /// Drawn evenly; `share`, from 0 to 1, is how far the training is, and `draw` is uniform in [0, 1).
  [[nodiscard]] Index size(double share, double draw) const {
    const double grown = std::min(1.0, share / growing);
    const Index sizes = 1 + static_cast<Index>(grown * static_cast<double>(most - least));
    return least + static_cast<Index>(draw * static_cast<double>(sizes));
  }
};

/// A state of normal numbers with standard deviation sigma, where a solve may begin; all zero if sigma is 0.
[[nodiscard]] inline State<float> random_start(const Shape& shape, double sigma, const Random& random) {
  State<float> start(shape);
  if (sigma == 0) return start;
  for (Index i = 0; i < start.values.size(); ++i) {
    start.values[i] = static_cast<float>(sigma * random.normal(static_cast<std::uint64_t>(i)));
  }
  return start;
}

/// How many of some problems are solved: all of an answer right. An answer whose solve converged is certified: who does
/// not know the right one knows as much.
struct Solved {
  std::int64_t problems = 0, solved = 0, converged = 0, solved_and_converged = 0, evaluations = 0;

  void add(bool right, const SampleResult& result) {
    const bool settled = result.status == Status::converged;
    ++problems;
    solved += right ? 1 : 0;
    converged += settled ? 1 : 0;
    solved_and_converged += right && settled ? 1 : 0;
    evaluations += result.evaluations;
  }

  [[nodiscard]] double share() const { return over(solved, problems); }
  [[nodiscard]] double nonconverged_fraction() const { return over(problems - converged, problems); }
  [[nodiscard]] double evaluations_mean() const { return over(evaluations, problems); }

  /// Its shares, under the names that all programs use; null for the share of those that converged, if none did.
  void write(OrderedJson& json) const {
    json["solved"] = share();
    json["solved_when_converged"] =
        converged > 0 ? OrderedJson(over(solved_and_converged, converged)) : OrderedJson(nullptr);
    json["nonconverged_fraction"] = nonconverged_fraction();
    json["evaluations_mean"] = evaluations_mean();
  }

 private:
  static double over(std::int64_t part, std::int64_t all) {
    return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0;
  }
};

/// The share of problems whose answer is right after k evaluations, k = 0, 1, ..., where right[n][k] tells of problem
/// n; one whose solve ended before stays as it was.
[[nodiscard]] inline std::vector<double> right_after(const std::vector<std::vector<bool>>& right) {
  std::size_t longest = 0;
  for (const std::vector<bool>& one : right) longest = std::max(longest, one.size());
  std::vector<double> share(longest, 0.0);
  for (const std::vector<bool>& one : right) {
    for (std::size_t k = 0; k < longest && !one.empty(); ++k) share[k] += one[std::min(k, one.size() - 1)] ? 1 : 0;
  }
  for (double& one : share) one /= static_cast<double>(right.size());
  return share;
}

}  // namespace basin::examples
