#pragma once

// Training of metanca_settle's rule: at each iteration some networks of one architecture, each on a task of its own,
// settle, and are asked for other points of their tasks. Everything random is a function of the seed and the iteration,
// so a run resumes bit for bit (basin/io/training.hpp).

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/learning_loss.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace metanca_settle {

/// One batch of each of some tasks.
struct Data {
  State<float> x, y;
  basin::Outputs kind;

  Data(const std::vector<Task>& tasks, Part part, Index points, std::uint64_t seed, std::uint64_t number)
      : x(Shape{tasks.front().family().inputs, {points, 1, 1}, static_cast<Index>(tasks.size())}),
        y(x.shape.with_features(tasks.front().family().outputs)),
        kind(tasks.front().family().kind) {
    for (std::size_t k = 0; k < tasks.size(); ++k) {
      const Batches one(tasks[k], part, points, 1, seed, number + k);
      x.view().sample(static_cast<Index>(k)).vector() = one.x.values;
      y.view().sample(static_cast<Index>(k)).vector() = one.y.values;
    }
  }
  [[nodiscard]] basin::LearningData view() const { return {x.view(), y.view(), kind}; }
};

class Trainer : public basin::examples::ResumableTrainer<Trainer> {
 public:
  explicit Trainer(const Settings& settings)
      : settings_(settings),
        family_(Family::named(settings.family)),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)) {}

  [[nodiscard]] const Family& family() const { return family_; }
  [[nodiscard]] const Theta& parameters() const { return theta_; }
  /// All solves of the training.
  [[nodiscard]] const basin::Report& solves() const { return solves_; }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  static constexpr int warm_up = 100;  // iterations over which the rate rises

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate, .beta2 = 0.99}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    self.solves_.forward.each(file.under("forward"));
    self.solves_.adjoint.each(file.under("adjoint"));
  }

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    const auto iteration = static_cast<std::uint64_t>(i), networks = static_cast<std::uint64_t>(settings_.networks);
    Dice dice(settings_.seed, metanca_learn::life_stream, iteration);
    const basin::Network network = metanca_learn::random_network(family_, dice);
    std::vector<Task> tasks;
    State<float> u(network.shape(1, settings_.networks));
    for (std::uint64_t k = 0; k < networks; ++k) {
      const std::uint64_t number = iteration * networks + k;
      tasks.emplace_back(family_, settings_.seed, number, nullptr);
      u.view().sample(static_cast<Index>(k)).vector() =
          metanca_learn::fresh_network(network, settings_.seed, number, 1).values;
    }
    const Data shown(tasks, Part::shown, settings_.points, settings_.seed, 2 * iteration * networks),
        asked(tasks, Part::asked, std::max(64, settings_.points), settings_.seed, (2 * iteration + 1) * networks);
    // A network that has not settled has no gradient of where it rests: it is left out.
    auto result = basin::value_and_gradient(
        model_of(network, shown.view(), settings_.evaluations, settings_.penalty / settings_.networks), theta_,
        u.view(), basin::LearningLoss{network, asked.view()},
        {.samples_per_part = 1, .failed = basin::FailedSolve::leave_out, .context = {.draw = iteration}});
    solves_ += result.report;
    basin::examples::check_gradient(basin::clip_by_global_norm(result.gradient, 1.0), i);
    adam().step(theta_, result.gradient, moments_,
                basin::examples::warm_rate_scale(i, warm_up, training.share(), settings_.rate, settings_.final_rate));
    return result.value;
  }

  Settings settings_;
  Family family_;
  Theta theta_;
  basin::AdamState<Model, float> moments_;
  basin::Report solves_;
};

}  // namespace metanca_settle
