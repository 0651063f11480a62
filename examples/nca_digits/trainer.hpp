#pragma once

// Training of nca_digits. Everything random is a function of the seed and the iteration, so a run resumes bit for bit
// (basin/io/training.hpp).

#include <array>
#include <vector>

#include "../support/digits.hpp"
#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/training.hpp"
#include "basin/nca/pool.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_digits {

using basin::LabelledImages;

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { draw_stream = 1, image_stream, fire_stream, noise_stream, show_stream };

class Trainer : public basin::examples::ResumableTrainer<Trainer> {
 public:
  Trainer(const Settings& settings, const basin::examples::DigitSets& data)
      : settings_(settings),
        data_(data),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)),
        pool_(empty_pool(settings, data)),
        labels_(static_cast<std::size_t>(settings.pool), 0) {
    basin::examples::check_batch(settings.batch, settings.pool);
    for (Index i = 0; i < settings.pool; ++i) {
      State<float> fresh(pool_.shape());
      labels_[static_cast<std::size_t>(i)] = show_image(fresh.view(), i);
      pool_.put(std::array{i}, fresh.view());
    }
  }

  [[nodiscard]] const Theta& parameters() const { return theta_; }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  static basin::Pool<float> empty_pool(const Settings& settings, const basin::examples::DigitSets& data) {
    const State<float> empty(data.train.images.shape.with_features(features).with_samples(1));
    return basin::Pool<float>(settings.pool, empty.view());
  }

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    file("labels", self.labels_, basin::Length{self.settings_.pool}, basin::Within{0, classes - 1});
    self.pool_.each(file.under("pool"));
  }

  /// Draws a training image, the `number`-th that the run takes, under a state; returns its label.
  std::int32_t show_image(View<float> state, Index number) const {
    const auto images = static_cast<std::uint64_t>(data_.train.images.shape.samples);
    const Index image = static_cast<Index>(random(image_stream).below(static_cast<std::uint64_t>(number), images));
    draw(state, data_.train.images.view().sample(image));
    return data_.train.labels[static_cast<std::size_t>(image)];
  }

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& /*training*/) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const std::vector<Index> drawn = pool_.draw(random(draw_stream), iteration << 20, settings_.batch);
    State<float> batch = pool_.take(drawn);
    VoteError loss;
    for (const Index one : drawn) loss.labels.push_back(labels_[static_cast<std::size_t>(one)]);
    const Index quarter = settings_.batch / 4;
    for (Index k = 0; k < 2 * quarter; ++k) {
      const Index n = k < quarter ? k : settings_.batch - 1 - (k - quarter);
      if (k < quarter) batch.view().sample(n).vector().setZero();  // fresh; the others keep what they think
      loss.labels[static_cast<std::size_t>(n)] =
          show_image(batch.view().sample(n), settings_.pool + i * 2 * quarter + k);
    }
    Model model;
    model.steps = settings_.steps;
    model.automaton.fire.seed = random(fire_stream).bits(iteration);
    model.automaton.update.update = {.noise = settings_.noise, .seed = random(noise_stream).bits(iteration)};
    const auto result =
        basin::value_and_gradient(model, theta_.as<Model>(), batch.view(), loss, {.samples_per_part = 1});
    auto gradient = result.gradient.as<Rule>();
    basin::examples::check_gradient(basin::normalize_leaves(gradient), i);
    const basin::Cosine schedule{.total = settings_.iterations, .final = settings_.final_rate / settings_.rate};
    adam().step(theta_, gradient, moments_, schedule(i));
    pool_.put(drawn, result.output.view());
    for (std::size_t n = 0; n < drawn.size(); ++n) labels_[static_cast<std::size_t>(drawn[n])] = loss.labels[n];
    return result.value;
  }

  Settings settings_;
  const basin::examples::DigitSets& data_;
  Theta theta_;
  basin::AdamState<Rule, float> moments_;
  basin::Pool<float> pool_;
  std::vector<std::int32_t> labels_;  // of the states in the pool
};

}  // namespace nca_digits
