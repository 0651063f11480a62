#pragma once

// Training of nca_goals: from a pool of states that live on, each with its goal. In an iteration some samples get
// another goal, some lose a circle of cells, the worst begins anew from one cell, and after the rollout each is to look
// like its goal. Everything random is a function of the seed and the iteration, so a run resumes bit for bit
// (basin/io/training.hpp).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "../support/process.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/nca/damage.hpp"
#include "basin/nca/pool.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "pictures.hpp"
#include "settings.hpp"

namespace nca_goals {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  draw_stream = 1,
  goal_stream,
  steps_stream,
  fire_stream,
  damage_stream,
  first_goal_stream,
  show_stream
};

class Trainer {
 public:
  /// `targets`: the goals' pictures as states (4, X, Y, 1, goals).
  Trainer(const Settings& settings, State<float> targets)
      : settings_(settings),
        targets_(std::move(targets)),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)) {
    basin::examples::check_steps(settings.min_steps, settings.max_steps);
    basin::examples::check_batch(settings.batch, settings.pool);
    seed_ = basin::one_cell_seed<float>(targets_.shape.with_features(features).with_samples(1));
    pool_ = basin::Pool<float>(settings.pool, seed_.view());
    for (int i = 0; i < settings.pool; ++i) {
      goals_.push_back(any_goal(first_goal_stream, static_cast<std::uint64_t>(i)));
    }
  }

  [[nodiscard]] const State<float>& seed() const { return seed_; }
  [[nodiscard]] const State<float>& targets() const { return targets_; }
  [[nodiscard]] Index goals() const { return targets_.shape.samples; }
  [[nodiscard]] const Theta& parameters() const { return theta_; }

  /// The error of states whose goals are these.
  [[nodiscard]] basin::LeadingFeaturesError<float> error(const std::vector<std::int64_t>& goals) const {
    State<float> wanted(targets_.shape.with_samples(static_cast<Index>(goals.size())));
    for (std::size_t n = 0; n < goals.size(); ++n) {
      wanted.view().sample(static_cast<Index>(n)).vector() = targets_.view().sample(goals[n]).vector();
    }
    return {std::move(wanted)};
  }

  [[nodiscard]] basin::TrainingEnd run(basin::Training& training) {
    return training.run([this](auto& file) { visit(file, *this); },
                        [&](std::int64_t i) { return iterate(i, training.share()); });
  }

  /// Takes up what a training kept.
  void resume(basin::Training& training, const std::string& path) {
    training.resume(path, [this](auto& file) { visit(file, *this); });
    for (const std::int64_t goal : goals_) {
      basin::check_file(goal >= 0 && goal < goals(), path, "goal of a state", goal,
                        "0 to " + std::to_string(goals() - 1));
    }
    basin::check_file(static_cast<int>(goals_.size()) == settings_.pool, path, "number of the states' goals",
                      goals_.size(), settings_.pool);
  }

 private:
  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }
  [[nodiscard]] std::int64_t any_goal(Stream stream, std::uint64_t index) const {
    return static_cast<std::int64_t>(random(stream).below(index, static_cast<std::uint64_t>(goals())));
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    self.pool_.each(file.under("pool"));
    file("goals", self.goals_);
  }

  [[nodiscard]] double iterate(std::int64_t i, double share) {
    const auto iteration = static_cast<std::uint64_t>(i);
    std::vector<Index> drawn;
    std::vector<std::int64_t> goals;
    const State<float> batch = start(iteration, drawn, goals);
    Model model;
    model.automaton.fire.seed = random(fire_stream).bits(iteration);
    const auto range = static_cast<std::uint64_t>(settings_.max_steps - settings_.min_steps);
    model.steps = settings_.min_steps + static_cast<Index>(random(steps_stream).below(iteration, range));
    const auto loss = error(goals);
    const State<float> u = told(goals);
    auto result =
        basin::value_and_gradient_along(model, theta_.as<Model>(), batch.view(), u.view(), loss, {{model.steps, 1}});
    auto gradient = result.gradient.template as<Rule>();
    basin::examples::check_gradient(basin::normalize_leaves(gradient), i);
    adam().step(theta_, gradient, moments_, basin::examples::rate_scale(share, settings_.rate, settings_.final_rate));
    pool_.put(drawn, result.output.view());
    for (std::size_t n = 0; n < drawn.size(); ++n) goals_[static_cast<std::size_t>(drawn[n])] = goals[n];
    return result.value;
  }

  /// The states from which an iteration starts, and their goals; the worst by the goals that they had comes first.
  [[nodiscard]] State<float> start(std::uint64_t iteration, std::vector<Index>& drawn,
                                   std::vector<std::int64_t>& goals) const {
    const std::vector<Index> any = pool_.draw(random(draw_stream), iteration << 20, settings_.batch);
    for (const Index one : any) goals.push_back(goals_[static_cast<std::size_t>(one)]);
    const State<float> taken = pool_.take(any);
    const std::vector<double> losses = basin::losses_of_samples(error(goals), taken.view());
    std::vector<std::size_t> order(any.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return losses[a] > losses[b]; });
    drawn.clear();
    goals.clear();
    for (const std::size_t n : order) {
      drawn.push_back(any[n]);
      goals.push_back(goals_[static_cast<std::size_t>(any[n])]);
    }
    State<float> batch = pool_.take(drawn);
    batch.view().sample(0).vector() = seed_.values;
    const std::uint64_t number = iteration << 12;
    goals[0] = any_goal(goal_stream, number);
    // From the end, where the best are: these change, and those before them are damaged.
    const auto some = [&](double share) {
      return static_cast<std::size_t>(std::lround(share * static_cast<double>(settings_.batch)));
    };
    const std::size_t changes = std::min(some(settings_.change), goals.size() - 1);
    const std::size_t damaged = std::min(some(settings_.damage), goals.size() - 1 - changes);
    for (std::size_t k = 0; k < changes + damaged; ++k) {
      const std::size_t n = goals.size() - 1 - k;
      if (k < changes) {
        goals[n] = any_goal(goal_stream, number + k + 1);
      } else {
        basin::erase(batch.view().sample(static_cast<Index>(n)),
                     basin::random_circle(random(damage_stream), number + k));
      }
    }
    return batch;
  }

  Settings settings_;
  State<float> targets_, seed_;
  Theta theta_;
  basin::AdamState<Rule, float> moments_;
  basin::Pool<float> pool_;
  std::vector<std::int64_t> goals_;  // of the pool's states
};

}  // namespace nca_goals
