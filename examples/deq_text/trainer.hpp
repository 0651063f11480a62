#pragma once

// Training of deq_text, for each of its models. Everything random is a function of the seed and the iteration, so a run
// resumes bit for bit (basin/io/training.hpp).

#include <cmath>
#include <cstdint>
#include <string>

#include "../support/process.hpp"
#include "../support/resumable_trainer.hpp"
#include "../support/settling.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/train/average.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/muon.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace deq_text {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { window_stream = 1, steps_stream, start_stream, test_start_stream, writing_stream };

/// M is Settled, whose parameters are those of the tied layers too, or Untied.
template <class M>
class Trainer : public basin::examples::ResumableTrainer<Trainer<M>> {
 public:
  using Theta = basin::Parameters<M, float>;

  /// `text` must live as long.
  Trainer(const Settings& settings, const std::vector<Token>& text)
      : settings_(settings), text_(text), theta_(initial_theta<M>(settings.seed)), average_(theta_, 0.99) {}

  /// The mean over the last steps.
  [[nodiscard]] const Theta& parameters() const { return average_.parameters(); }
  [[nodiscard]] double processor_seconds() const { return processor_seconds_; }  ///< of the training, of all threads

  struct Step {
    double loss;
    Theta gradient;
  };

  /// Through steps of windows, or of layers. `draw` decides what is dropped.
  [[nodiscard]] Step gradient_through(const Steps& steps, const Windows& windows, std::uint64_t draw = 0,
                                      double start_noise = 0, const basin::Random& noise = {}) const {
    State<float> start = start_of(theta_.span(), windows.tokens.view());
    start.values += basin::examples::random_start(start.shape, start_noise, noise).values;
    if constexpr (std::is_same_v<M, Untied>) {
      return gradient_of(untied_model<TrainedUntied>(start.view(), steps.dropout), windows, draw);
    } else {
      return gradient_of(unrolled_model(steps, start.view()), windows, draw);
    }
  }

  /// Of the state that `evaluations` evaluations come to, as if it were the equilibrium.
  [[nodiscard]] Step gradient_at_equilibrium(const std::string& adjoint, const Windows& windows, int evaluations) const
      requires(!std::is_same_v<M, Untied>) {
    const State<float> start = start_of(theta_.span(), windows.tokens.view());
    Settled model = settled_model(1e-30, evaluations, start.view());
    middle(model).adjoint = Adjoint(adjoint);
    return gradient_of(model, windows, 0);
  }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.average_.each(file.under("average"));
    self.matrices_.each(file.under("muon"));
    self.tables_.each(file.under("adam"));
    file("processor_seconds", self.processor_seconds_, basin::Within{0.0, 1e300});
  }

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    const double before = basin::examples::cpu_seconds();
    const auto iteration = static_cast<std::uint64_t>(i);
    const auto random = [&](Stream stream) { return basin::Random{settings_.seed, stream}; };
    const Windows windows = random_windows(text_, settings_.context, settings_.batch,
                                           {random(window_stream).bits(iteration), window_stream});
    Steps steps{.dropout = settings_.dropout};
    if (settings_.model == "deq") {
      const auto more = random(steps_stream).below(iteration, 2 * static_cast<std::uint64_t>(settings_.steps) + 1);
      steps.count = settings_.steps + static_cast<int>(more);
      steps.last = settings_.steps;
      steps.penalty = settings_.penalty * std::pow(training.share(), 2) / settings_.batch;
    }
    Step step = gradient_through(steps, windows, iteration, settings_.start_noise,
                                 {random(start_stream).bits(iteration), start_stream});
    basin::examples::check_gradient(basin::clip_by_global_norm(step.gradient, 1.0), i);
    move(step.gradient, rate_scale(training.share()));
    average_.take(theta_);
    processor_seconds_ += basin::examples::cpu_seconds() - before;
    return step.loss;
  }

  /// Warmed up, then even, then along a line to zero.
  [[nodiscard]] static double rate_scale(double share) {
    return std::min({1.0, 0.01 + share / 0.04, (1 - share) / 0.6});
  }

  /// Muon for the matrices inside; Adam for the table and the logits, of which most rows say nothing in most steps.
  void move(basin::Parameters<M, float>& gradient, double scale) {
    basin::Parameters<M, float> of_tables;
    for (const basin::Leaf& leaf : basin::leaves_of<M>()) {
      if (leaf.name != "embedding" && leaf.name != logits_leaf) continue;
      const auto part = [&](auto& of) {
        return of.vector().segment(static_cast<Index>(leaf.offset), static_cast<Index>(leaf.size));
      };
      part(of_tables) = part(gradient);
      part(gradient).setZero();
    }
    const basin::Muon muon{.rate = settings_.rate,
                           .weight_decay = settings_.decay,
                           .vectors = {.rate = 0.3 * settings_.rate, .beta2 = 0.99}};
    muon.step(theta_, gradient, matrices_, scale);
    basin::Adam{.rate = 0.3 * settings_.rate, .beta2 = 0.99}.step(theta_, of_tables, tables_, scale);
  }

  template <class Trained>
  [[nodiscard]] Step gradient_of(const Trained& model, const Windows& windows, std::uint64_t draw) const {
    auto result = basin::value_and_gradient(model, theta_.template as<Trained>(), windows.tokens.view(),
                                            basin::CrossEntropy{windows.labels}, {.context = {.draw = draw}});
    return {result.value, result.gradient.template as<M>()};
  }

  Settings settings_;
  const std::vector<Token>& text_;
  Theta theta_;
  basin::WeightAverage<M, float> average_;
  basin::MuonState<M, float> matrices_;
  basin::AdamState<M, float> tables_;
  double processor_seconds_ = 0;
};

}  // namespace deq_text
