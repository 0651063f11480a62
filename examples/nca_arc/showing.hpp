#pragma once

// What nca_arc measures and draws.

#include "trainer.hpp"

namespace nca_arc {

inline constexpr const char* loss_name = "cross-entropy";

/// Whether each task's test is answered without a wrong cell, after so many steps.
inline std::vector<bool> answered(const std::vector<Task>& tasks, const Theta& parameters, Index steps) {
  constexpr std::size_t at_once = 50;
  const auto theta = parameters.as<Model>();
  Model model;
  model.steps = steps;
  std::vector<bool> right;
  for (std::size_t first = 0; first < tasks.size(); first += at_once) {
    const std::size_t last = std::min(tasks.size(), first + at_once);
    std::vector<Question> questions;
    for (std::size_t i = first; i < last; ++i) questions.push_back(test_of(tasks[i]));
    const Batch batch = batch_of(questions);
    State<float> end(batch.start.shape);
    (void)model.apply(theta.span(), batch.start.view(), batch.told.view(), end.view());
    for (std::size_t i = first; i < last; ++i) {
      const Line& wanted = batch.answers[i - first];
      right.push_back(answer_of(end.view().sample(static_cast<Index>(i - first)), wanted.size()) == wanted);
    }
  }
  return right;
}

/// The share of each family's tests that is answered right.
inline std::map<std::string, double> shares(const std::vector<Task>& tasks, const std::vector<bool>& right) {
  std::map<std::string, std::pair<double, double>> counts;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    counts[tasks[i].family].first += right[i] ? 1 : 0;
    counts[tasks[i].family].second += 1;
  }
  std::map<std::string, double> shares;
  for (const auto& [family, count] : counts) shares[family] = count.first / count.second;
  return shares;
}

inline double mean_of(const std::map<std::string, double>& shares) {
  double sum = 0;
  for (const auto& [family, share] : shares) sum += share;
  return sum / static_cast<double>(shares.size());
}

}  // namespace nca_arc
