#pragma once

// Training of nca_tissue. A mixture and one rule learn from the same recorded steps: of a state with some noise, each
// is to say how it goes on, without the noise, so that a state which is a little off comes back. The mixture's loss is
// the likelihood of what was recorded, that of the one rule the squared error, which is the same of a mixture of one.
// Most places are empty and far from all cells, and of a hundred cells one is a stem cell, on which all others depend:
// the rarer a place's surroundings are, the more it counts for the mixture. As a rule sees these too, in spite of the
// noise, the probabilities that are best stay what they are.
// Everything random is a function of the seed and the iteration, so a run resumes bit for bit (basin/io/training.hpp).

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/core/normals.hpp"
#include "basin/io/training.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_tissue {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  recorded_stream = std::uint64_t{1} << 32,  // before it, those of the initial parameters
  test_stream,
  held_back_stream,
  again_stream,  // tissues to compare those of the tests with
  choice_stream,
  noise_stream
};

/// A network that learns, and its optimizer.
template <class Model>
class Learner {
 public:
  Learner(std::uint64_t seed, double rate)
      : adam_{.rate = rate}, theta_(basin::initial_parameters<float>(Model{}, seed)), moments_(adam_.init(theta_)) {}

  [[nodiscard]] const basin::Parameters<Model, float>& parameters() const { return theta_; }

  /// One step down the loss of what follows these states; returns the loss.
  template <class Loss>
  double learn(View<const float> states, const Loss& loss, std::int64_t iteration, double rate_scale) {
    auto step = basin::value_and_gradient(Model{}, theta_, states, loss);
    basin::examples::check_gradient(basin::clip_by_global_norm(step.gradient, 1.0), iteration);
    adam_.step(theta_, step.gradient, moments_, rate_scale);
    return step.value;
  }

  /// What a checkpoint keeps of it, under a name.
  template <class File, class Self>
  static void visit(File& file, const std::string& name, Self& self) {
    file(name, self.theta_);
    self.moments_.each(file.under("optimizer_of_" + name));
  }

 private:
  basin::Adam adam_;
  basin::Parameters<Model, float> theta_;
  basin::AdamState<Model, float> moments_;
};

class Trainer : public basin::examples::ResumableTrainer<Trainer> {
 public:
  explicit Trainer(const Settings& settings)
      : settings_(settings), mixture_(settings.seed, settings.rate), one_(settings.seed + 1, settings.rate) {}

  [[nodiscard]] const MixtureTheta& mixture() const { return mixture_.parameters(); }
  [[nodiscard]] const OneTheta& one() const { return one_.parameters(); }

 private:
  friend class basin::examples::ResumableTrainer<Trainer>;

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    Learner<Mixture>::visit(file, "mixture", self.mixture_);
    Learner<OneRule>::visit(file, "one", self.one_);
  }

  /// Not before it is learned from: who only evaluates needs no recordings.
  void record() {
    for (int n = 0; n < settings_.recordings; ++n) {
      recorded_.push_back(
          recording(settings_.side, settings_.steps, settings_.seed, recorded_stream, static_cast<std::uint64_t>(n)));
    }
    std::array<double, contexts> counts{};
    double places = 0;
    for (const std::vector<Tissue>& tissues : recorded_) {
      for (const Tissue& tissue : tissues) {
        for (std::size_t place = 0; place < tissue.kind.size(); ++place) ++counts[context_of(tissue, place)];
        places += static_cast<double>(tissue.kind.size());
      }
    }
    double mean = 0;
    for (const double count : counts) mean += std::sqrt(count / places);
    for (std::size_t c = 0; c < contexts; ++c) {
      weights_[c] = static_cast<float>(counts[c] > 0 ? std::sqrt(places / counts[c]) / mean : 0);
    }
  }

  /// The mixture's loss.
  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    const auto iteration = static_cast<std::uint64_t>(i);
    if (recorded_.empty()) record();
    const basin::Random choice{settings_.seed, choice_stream};
    State<float> states(Shape{kinds, {settings_.side, settings_.side, 1}, settings_.batch}), next(states.shape),
        weights(states.shape.with_features(1));
    for (Index n = 0; n < settings_.batch; ++n) {
      const std::uint64_t index =
          2 * (iteration * static_cast<std::uint64_t>(settings_.batch) + static_cast<std::uint64_t>(n));
      const auto& tissue = recorded_[choice.below(index, recorded_.size())];
      const std::size_t t = choice.below(index + 1, static_cast<std::uint64_t>(settings_.steps));
      write(tissue[t], states.view().sample(n));
      write(tissue[t + 1], next.view().sample(n));
      for (std::size_t place = 0; place < tissue[t].kind.size(); ++place) {
        weights.view().sample(n).data()[place] = weights_[context_of(tissue[t], place)];
      }
    }
    State<float> noise(states.shape);
    basin::fill_normal({settings_.seed, noise_stream}, iteration * static_cast<std::uint64_t>(noise.values.size()),
                       {noise.values.data(), static_cast<std::size_t>(noise.values.size())});
    states.values += static_cast<float>(settings_.noise) * noise.values;
    next.values -= states.values;
    const double scale = basin::examples::rate_scale(training.share(), settings_.rate, settings_.final_rate);
    static_cast<void>(one_.learn(states.view(), basin::MeanSquaredError{next}, i, scale));
    return mixture_.learn(
        states.view(),
        basin::MixtureLoss<rules, kinds>{
            .target = std::move(next), .deviation = settings_.deviation, .weights = std::move(weights)},
        i, scale);
  }

  Settings settings_;
  std::vector<std::vector<Tissue>> recorded_;  // of each its steps
  std::array<float, contexts> weights_{};      // of places by their surroundings; about 1 in the mean
  Learner<Mixture> mixture_;
  Learner<OneRule> one_;
};

}  // namespace nca_tissue
