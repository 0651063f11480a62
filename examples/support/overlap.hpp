#pragma once

// How well segments agree with the truth.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "basin/core/check.hpp"
#include "basin/core/state.hpp"

namespace basin::examples {

/// Counts pixels of all images together, class by class.
class Overlap {
 public:
  explicit Overlap(int classes)
      : both_(static_cast<std::size_t>(classes), 0), said_(both_.size(), 0), true_(both_.size(), 0) {}

  /// Counts a pixel that is said to be of one class and is of another. What is said may be none of the classes.
  void add(int said, int truth) {
    const auto is = static_cast<std::size_t>(truth), seems = static_cast<std::size_t>(said);
    ++true_[is];
    if (seems < said_.size()) ++said_[seems];
    if (is == seems) ++both_[is];
  }
  void add(std::span<const int> said, std::span<const int> truth) {
    check(said.size() == truth.size(), "pixels of an answer", said.size(), truth.size());
    for (std::size_t i = 0; i < said.size(); ++i) add(said[i], truth[i]);
  }

  [[nodiscard]] std::size_t classes() const { return both_.size(); }
  /// Pixels that are of a class and are said to be, over those for which one of both holds (the Jaccard index); 1, if
  /// there is none.
  [[nodiscard]] double intersection_over_union(std::size_t c) const {
    return share(both_[c], said_[c] + true_[c] - both_[c]);
  }
  /// Twice the pixels that are of a class and are said to be, over those that are plus those that are said to be; 1, if
  /// there is none (Dice 1945).
  [[nodiscard]] double dice(std::size_t c) const { return share(2 * both_[c], said_[c] + true_[c]); }
  /// The share of pixels that are right.
  [[nodiscard]] double accuracy() const {
    std::int64_t right = 0, all = 0;
    for (std::size_t c = 0; c < classes(); ++c) {
      right += both_[c];
      all += true_[c];
    }
    return share(right, all);
  }

 private:
  static double share(std::int64_t part, std::int64_t whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 1.0;
  }

  std::vector<std::int64_t> both_, said_, true_;
};

/// The class of each cell: that of the largest of its first `classes` features, the first of equal ones.
[[nodiscard]] inline std::vector<int> classes_of(View<const float> state, int classes) {
  std::vector<int> all;
  all.reserve(static_cast<std::size_t>(state.shape().cells()));
  for (Index i = 0; i < state.shape().cells(); ++i) {
    const float* cell = state.data() + i * state.shape().features;
    all.push_back(static_cast<int>(std::max_element(cell, cell + classes) - cell));
  }
  return all;
}

}  // namespace basin::examples
