#pragma once

// Training of nca_inpaint: from a pool of states that live on, each with its image. Half of a batch begins anew, a
// quarter gets other hidden pixels of the same image while it lives, and some lose what a circle of cells has made.
// Everything random is a function of the seed and the iteration, so a run resumes bit for bit (basin/io/training.hpp).

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../support/held_back.hpp"
#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/nca/pool.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/state_loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_inpaint {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  draw_stream = 1,
  image_stream,
  hiding_stream,
  squares_stream,
  steps_stream,
  fire_stream,
  damage_stream,
  show_stream
};

/// The sides of the squares that are hidden, each as often as the others.
inline constexpr std::array<int, 3> sides{1, 2, 4};
/// More than the random numbers that one image takes.
inline constexpr std::uint64_t numbers_of_an_image = 1 << 11;

using basin::examples::ImageSets;

template <class Kind>
class Trainer : public basin::examples::ResumableTrainer<Trainer<Kind>> {
 public:
  using Model = typename Kind::Model;
  using Theta = basin::Parameters<Model, float>;

  Trainer(const Settings& settings, const State<float>& images)
      : settings_(settings),
        images_(images),
        theta_(initial_theta<Kind>(settings.seed)),
        moments_(adam().init(theta_)) {
    basin::examples::check_batch(settings.batch, settings.pool);
    basin::examples::check_steps(settings.min_steps, settings.max_steps);
    const State<float> empty(images.shape.with_features(features).with_samples(1));
    pool_ = basin::Pool<float>(settings.pool, empty.view());
    for (Index i = 0; i < settings.pool; ++i) {
      State<float> fresh(empty.shape);
      numbers_.push_back(any_image(static_cast<std::uint64_t>(i)));
      hide(fresh.view(), numbers_.back(), static_cast<std::uint64_t>(i));
      pool_.put(std::array{i}, fresh.view());
    }
  }

  [[nodiscard]] const Theta& parameters() const { return theta_; }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }
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

  /// Gives a state an image; `index` counts how often the run does so.
  void hide(View<float> state, std::int32_t image, std::uint64_t index) const {
    const Hiding hiding{sides[random(hiding_stream).below(2 * index, sides.size())],
                        random(hiding_stream).uniform(2 * index + 1, settings_.least_hidden, settings_.most_hidden)};
    give(state, images_.view().sample(image), hiding, random(squares_stream), index * numbers_of_an_image);
  }

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const std::vector<Index> drawn = pool_.draw(random(draw_stream), iteration << 20, settings_.batch);
    State<float> batch = pool_.take(drawn), wanted(images_.shape.with_samples(settings_.batch));
    const Index anew = settings_.batch / 4, changed = settings_.batch / 4,
                damaged = std::lround(settings_.damage * settings_.batch);
    for (Index n = 0; n < settings_.batch; ++n) {
      std::int32_t& image = numbers_[static_cast<std::size_t>(drawn[static_cast<std::size_t>(n)])];
      const View<float> state = batch.view().sample(n);
      const std::uint64_t index = static_cast<std::uint64_t>(settings_.pool) +
                                  iteration * static_cast<std::uint64_t>(settings_.batch) +
                                  static_cast<std::uint64_t>(n);
      if (n < anew) {
        image = any_image(index);
        state.vector().setZero();
      }
      if (n < anew + changed) hide(state, image, index);
      if (n >= settings_.batch - damaged) forget(state, basin::random_circle(random(damage_stream), index));
      wanted.view().sample(n).vector() = images_.view().sample(image).vector();
    }
    Model model;
    model.steps = settings_.min_steps +
                  static_cast<Index>(
                      random(steps_stream)
                          .below(iteration, static_cast<std::uint64_t>(settings_.max_steps - settings_.min_steps)));
    model.automaton.fire.seed = random(fire_stream).bits(iteration);
    const auto loss =
        basin::SumOf(basin::LeadingFeaturesError{std::move(wanted)}, basin::Overflow{-1, 1, settings_.overflow});
    const auto result = basin::value_and_gradient(model, theta_, batch.view(), loss, {.samples_per_part = 1});
    auto gradient = result.gradient;
    basin::examples::check_gradient(basin::normalize_leaves(gradient), i);
    adam().step(theta_, gradient, moments_,
                basin::examples::rate_scale(training.share(), settings_.rate, settings_.final_rate));
    pool_.put(drawn, result.output.view());
    return result.value;
  }

  Settings settings_;
  const State<float>& images_;
  Theta theta_;
  basin::AdamState<Model, float> moments_;
  basin::Pool<float> pool_;
  std::vector<std::int32_t> numbers_;  // of the images of the states in the pool
};

}  // namespace nca_inpaint
