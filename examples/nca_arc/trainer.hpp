#pragma once

// Training of nca_arc: a task's own examples are its questions, one of them asked and the two others shown, at other
// places each time. The first of some iterations begins with zeros, the others go on from where
// the one before ended, so that an answer is learned that stays. Everything random is a function of the seed and the
// iteration, so a run resumes bit for bit (basin/io/training.hpp).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "../support/dice.hpp"
#include "../support/process.hpp"
#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_arc {

/// Cross-entropy of what the cells of the places answer: the weighted mean over each line, and the mean over lines.
struct AnswerLoss {
  const std::vector<Line>& answers;
  const std::vector<std::vector<double>>& weights;  // of each line, of sum 1

  template <class S>
  double value_and_gradient(std::type_identity_t<View<const S>> y, Index first_sample, Index batch_size,
                            View<S> dy) const {
    if (dy) dy.vector().setZero();
    double sum = 0;
    for (Index n = 0; n < y.samples(); ++n) {
      const Line& right = answers[static_cast<std::size_t>(first_sample + n)];
      const std::vector<double>& weight = weights[static_cast<std::size_t>(first_sample + n)];
      for (std::size_t x = 0; x < right.size(); ++x) {
        const double part = weight[x] / static_cast<double>(batch_size);
        const auto logs = log_softmax(answers_at(y.sample(n), static_cast<Index>(x)));
        sum -= part * logs[right[x]];
        if (!dy) continue;
        for (int k = 0; k < colours; ++k) {
          answer_at(dy.sample(n), static_cast<Index>(x), k) =
              static_cast<S>(part * (std::exp(logs[static_cast<std::size_t>(k)]) - (k == right[x] ? 1 : 0)));
        }
      }
    }
    return sum;
  }
};

class Trainer : public basin::examples::ResumableTrainer<Trainer> {
 public:
  Trainer(const Settings& settings, std::vector<Task> tasks)
      : settings_(settings),
        tasks_(std::move(tasks)),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)) {
    basin::examples::check_steps(settings.min_steps, settings.max_steps);
  }

  [[nodiscard]] const std::vector<Task>& tasks() const { return tasks_; }
  [[nodiscard]] const Theta& parameters() const { return theta_; }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

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

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const auto segments = static_cast<std::uint64_t>(settings_.segments);
    Batch batch = batch_of(draw(iteration / segments));
    const bool goes_on = iteration % segments > 0 && static_cast<Index>(carried_.size()) == batch.start.values.size();
    if (goes_on) std::copy(carried_.begin(), carried_.end(), batch.start.values.begin());
    Model model;
    const auto range = static_cast<std::uint64_t>(settings_.max_steps - settings_.min_steps);
    model.steps = settings_.min_steps + static_cast<Index>(random(steps_stream).below(iteration, range));
    const auto result = basin::value_and_gradient_along(model, theta_.as<Model>(), batch.start.view(),
                                                        batch.told.view(), AnswerLoss{batch.answers, batch.weights},
                                                        {{model.steps, 0.5}, {model.steps * 3 / 4, 0.5}});
    auto gradient = result.gradient.template as<Rule>();
    basin::examples::check_gradient(basin::clip_by_global_norm(gradient, 1.0), i);
    adam().step(theta_, gradient, moments_,
                basin::examples::warm_rate_scale(i, warm_up, training.share(), settings_.rate, settings_.final_rate));
    carried_.assign(result.output.values.begin(), result.output.values.end());
    return result.value;
  }

  /// The questions of a batch.
  [[nodiscard]] std::vector<Question> draw(std::uint64_t number) const {
    std::vector<Question> questions;
    for (int k = 0; k < settings_.batch; ++k) {
      basin::examples::Dice dice(settings_.seed, draw_stream, number * 4096 + static_cast<std::uint64_t>(k));
      const Task& task = tasks_[dice.below(tasks_.size())];
      const std::size_t hidden_one = dice.below(shown);
      Question question = question_of(task, task.examples[hidden_one], hidden_one);
      place(question.asked, dice);
      for (Placed& example : question.examples) place(example, dice);
      questions.push_back(std::move(question));
    }
    return questions;
  }

  /// Carries a pair to where its coloured cells have room.
  static void place(Placed& placed, basin::examples::Dice& dice) {
    const Room room = room_of(*placed.pair);
    if (room.left >= placed.size()) return;
    placed.by = (dice.below(room.left + room.right + 1) + placed.size() - room.left) % placed.size();
  }

  Settings settings_;
  std::vector<Task> tasks_;
  Theta theta_;
  basin::AdamState<Rule, float> moments_;
  std::vector<float> carried_;  // where the last iteration ended
};

}  // namespace nca_arc
