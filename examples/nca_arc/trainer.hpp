#pragma once

// Training of nca_arc: a task's own examples are its questions, one of them asked and the two others shown, in other
// colours each time. The first of some iterations begins with zeros, the others go on from where the one before ended,
// so that an answer is learned that stays. Everything random is a function of the seed and the iteration, so a run
// resumes bit for bit (basin/io/training.hpp).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../support/dice.hpp"
#include "../support/process.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_arc {

/// Cross-entropy of what the cells answer: the mean over the cells of each line, and over lines.
struct AnswerLoss {
  const std::vector<Line>& answers;

  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    if (dy) dy.vector().setZero();
    double sum = 0;
    for (Index n = 0; n < y.samples(); ++n) {
      const Line& right = answers[static_cast<std::size_t>(first_sample + n)];
      const double part = 1 / static_cast<double>(right.size()) / static_cast<double>(batch_size);
      for (std::size_t x = 0; x < right.size(); ++x) {
        const S* cell = answer_at(y.sample(n), static_cast<Index>(x));
        const double most = *std::max_element(cell, cell + colours);
        double total = 0;
        for (int k = 0; k < colours; ++k) total += std::exp(cell[k] - most);
        sum += part * (std::log(total) + most - cell[right[x]]);
        if (!dy) continue;
        S* slope = answer_at(dy.sample(n), static_cast<Index>(x));
        for (int k = 0; k < colours; ++k) {
          slope[k] = static_cast<S>(part * (std::exp(cell[k] - most) / total - (k == right[x] ? 1 : 0)));
        }
      }
    }
    return sum;
  }
};

class Trainer {
 public:
  Trainer(const Settings& settings, std::vector<Task> tasks)
      : settings_(settings),
        tasks_(std::move(tasks)),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)) {
    basin::examples::check_steps(settings.min_steps, settings.max_steps);
    // Long lines have batches of their own, so that the others are not made as long.
    std::vector<Index> widths;
    for (const Task& task : tasks_) widths.push_back(task.width());
    std::sort(widths.begin(), widths.end());
    const Index usual = widths[widths.size() * 4 / 5];
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      (tasks_[i].width() > usual + usual / 4 ? long_ : short_).push_back(i);
  }

  [[nodiscard]] const std::vector<Task>& tasks() const { return tasks_; }
  [[nodiscard]] const Theta& parameters() const { return theta_; }

  [[nodiscard]] basin::TrainingEnd run(basin::Training& training) {
    return training.run([this](auto& file) { visit(file, *this); },
                        [&](std::int64_t i) { return iterate(i, training.share()); });
  }

  /// Takes up what a training kept.
  void resume(basin::Training& training, const std::string& path) {
    training.resume(path, [this](auto& file) { visit(file, *this); });
  }

 private:
  static constexpr int warm_up = 200;  // iterations over which the rate rises

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    file("carried", self.carried_, basin::Finite{});
  }

  [[nodiscard]] double iterate(std::int64_t i, double share) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const auto segments = static_cast<std::uint64_t>(settings_.segments);
    Batch batch = batch_of(draw(iteration / segments));
    const bool goes_on = iteration % segments > 0 && static_cast<Index>(carried_.size()) == batch.start.values.size();
    if (goes_on) std::copy(carried_.begin(), carried_.end(), batch.start.values.begin());
    Model model;
    const auto range = static_cast<std::uint64_t>(settings_.max_steps - settings_.min_steps);
    model.steps = settings_.min_steps + static_cast<Index>(random(steps_stream).below(iteration, range));
    const auto result =
        basin::value_and_gradient_along(model, theta_.as<Model>(), batch.start.view(), batch.told.view(),
                                        AnswerLoss{batch.answers}, {{model.steps, 0.5}, {model.steps * 3 / 4, 0.5}});
    auto gradient = result.gradient.template as<Rule>();
    basin::examples::check_gradient(basin::clip_by_global_norm(gradient, 1.0), i);
    adam().step(theta_, gradient, moments_,
                std::min(1.0, static_cast<double>(i + 1) / warm_up) *
                    basin::examples::rate_scale(share, settings_.rate, settings_.final_rate));
    carried_.assign(result.output.values.begin(), result.output.values.end());
    return result.value;
  }

  /// The questions of a batch.
  [[nodiscard]] std::vector<Question> draw(std::uint64_t number) const {
    const bool are_long = random(width_stream).below(number, tasks_.size()) < long_.size();
    const std::vector<std::size_t>& from = are_long ? long_ : short_;
    const int count = are_long ? std::max(1, settings_.batch / 2) : settings_.batch;
    std::vector<Question> questions;
    for (int k = 0; k < count; ++k) {
      basin::examples::Dice dice(settings_.seed, draw_stream, number * 4096 + static_cast<std::uint64_t>(k));
      const Task& task = tasks_[from[dice.below(from.size())]];
      const std::size_t hidden_one = dice.below(shown);
      Question question = question_of(task, task.examples[hidden_one], hidden_one);
      for (std::size_t c = colours - 1; c > 1; --c) std::swap(question.as[c], question.as[1 + dice.below(c)]);
      questions.push_back(std::move(question));
    }
    return questions;
  }

  Settings settings_;
  std::vector<Task> tasks_;
  std::vector<std::size_t> short_, long_;  // numbers of tasks
  Theta theta_;
  basin::AdamState<Rule, float> moments_;
  std::vector<float> carried_;  // where the last iteration ended
};

}  // namespace nca_arc
