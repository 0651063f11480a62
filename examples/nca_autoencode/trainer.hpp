#pragma once

// Training of nca_autoencode: digits on their way, and states at which earlier rollouts ended, are to be shown by the
// last plane in the last quarter of a rollout. Everything random is a function of the seed and the iteration, so a run
// resumes bit for bit (basin/io/training.hpp).

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/nca/pool.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "images.hpp"
#include "settings.hpp"

namespace nca_autoencode {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { draw_stream = 1, image_stream };

class Trainer : public basin::examples::ResumableTrainer<Trainer> {
 public:
  /// `images`: (1, X, Y, 1, N).
  Trainer(const Settings& settings, const State<float>& images)
      : settings_(settings),
        images_(images),
        grid_(grid_of(images.shape, settings.planes)),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)) {
    if (kept() > 0) basin::examples::check_batch(static_cast<int>(kept()), settings.pool);
    const State<float> empty(grid_);
    pool_ = basin::Pool<float>(settings.pool, empty.view());
    for (Index i = 0; i < settings.pool; ++i) {
      State<float> fresh(grid_);
      numbers_.push_back(any_image(static_cast<std::uint64_t>(i)));
      begin(fresh.view(), images_.view().sample(numbers_.back()));
      pool_.put(std::array{i}, fresh.view());
    }
  }

  [[nodiscard]] const Theta& parameters() const { return theta_; }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }
  [[nodiscard]] Index kept() const { return std::lround(settings_.keep * settings_.batch); }
  [[nodiscard]] std::int32_t any_image(std::uint64_t index) const {
    return static_cast<std::int32_t>(
        random(image_stream).below(index, static_cast<std::uint64_t>(images_.shape.samples)));
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    file("images", self.numbers_, basin::Length{self.settings_.pool},
         basin::Within{0, static_cast<std::int32_t>(self.images_.shape.samples - 1)});
    self.pool_.each(file.under("pool"));
  }

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const std::vector<Index> drawn = pool_.draw(random(draw_stream), iteration << 20, kept());
    std::vector<std::int32_t> numbers;
    State<float> batch(grid_.with_samples(settings_.batch)), wanted(images_.shape.with_samples(settings_.batch));
    batch.view().samples(0, kept()).vector() = pool_.take(drawn).values;
    for (const Index one : drawn) numbers.push_back(numbers_[static_cast<std::size_t>(one)]);
    for (Index n = 0; n < settings_.batch; ++n) {
      if (n >= kept()) {
        numbers.push_back(any_image(static_cast<std::uint64_t>(settings_.pool) +
                                    iteration * static_cast<std::uint64_t>(settings_.batch) +
                                    static_cast<std::uint64_t>(n)));
        begin(batch.view().sample(n), images_.view().sample(numbers.back()));
      }
      wanted.view().sample(n).vector() = images_.view().sample(numbers[static_cast<std::size_t>(n)]).vector();
    }
    Model model;
    model.steps = settings_.steps;
    const auto loss = basin::SumOf(LastPlaneError{std::move(wanted)}, basin::Overflow{-2, 2, settings_.overflow});
    const auto result = basin::value_and_gradient_along(model, theta_.as<Model>(), batch.view(), loss,
                                                        basin::loss_along(model.steps - model.steps / 4, model.steps));
    auto gradient = result.gradient.as<Rule>();
    basin::examples::check_gradient(basin::normalize_leaves(gradient), i);
    adam().step(theta_, gradient, moments_,
                basin::examples::rate_scale(training.share(), settings_.rate, settings_.final_rate));
    // A fresh one takes the place of one that was kept, if there is one.
    const Index first = kept() < settings_.batch ? 1 : 0;
    pool_.put(drawn, result.output.view().samples(first, kept()));
    for (std::size_t n = 0; n < drawn.size(); ++n) {
      numbers_[static_cast<std::size_t>(drawn[n])] = numbers[n + static_cast<std::size_t>(first)];
    }
    return result.value;
  }

  Settings settings_;
  const State<float>& images_;
  Shape grid_;  // of one digit on its way
  Theta theta_;
  basin::AdamState<Rule, float> moments_;
  basin::Pool<float> pool_;
  std::vector<std::int32_t> numbers_;  // of the images of the states in the pool
};

}  // namespace nca_autoencode
