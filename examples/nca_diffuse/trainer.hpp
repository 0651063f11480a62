#pragma once

// Training of nca_diffuse: noise that hides more or less of the picture, and states at which earlier rollouts ended,
// are to look like the picture in the last quarter of a rollout. Nothing is ever erased. Everything random is a
// function of the seed and the iteration, so a run resumes bit for bit (basin/io/training.hpp).

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "../nca_grow/pattern.hpp"
#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/target_image.hpp"
#include "basin/io/training.hpp"
#include "basin/nca/pool.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_diffuse {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { draw_stream = 1, amount_stream, noise_stream, fire_stream, show_stream };

/// The picture as a state (4, X, Y, 1, 1).
inline State<float> load_target(const Settings& settings) {
  const basin::TargetOptions options{.size = settings.size, .padding = settings.padding};
  return settings.target.empty() ? basin::target_state<float>(nca_grow::drawn_pattern(8 * settings.size), options)
                                 : basin::read_target_image<float>(settings.target, options);
}

class Trainer : public basin::examples::ResumableTrainer<Trainer> {
 public:
  Trainer(const Settings& settings, State<float> target)
      : settings_(settings),
        target_(std::move(target)),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)) {
    const State<float> empty(target_.shape.with_features(features));
    pool_ = basin::Pool<float>(settings.pool, empty.view());
    if (kept() > 0) basin::examples::check_batch(static_cast<int>(kept()), settings.pool);
    for (Index i = 0; i < settings.pool; ++i) {
      State<float> fresh(empty.shape);
      begin(fresh.view(), static_cast<std::uint64_t>(i));
      pool_.put(std::vector{i}, fresh.view());
    }
  }

  [[nodiscard]] const State<float>& target() const { return target_; }
  [[nodiscard]] basin::LeadingFeaturesError<float> error() const { return {target_}; }
  [[nodiscard]] const Theta& parameters() const { return theta_; }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }
  [[nodiscard]] Index kept() const { return std::lround(settings_.keep * settings_.batch); }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    self.pool_.each(file.under("pool"));
  }

  /// Fresh noise, the `index`-th that the run takes.
  void begin(View<float> state, std::uint64_t index) const {
    blur(state, target_.view(), random(amount_stream).uniform(index, 0.0, 1.0), random(noise_stream), index << 28);
  }

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const auto number = [&](Index n) {
      return static_cast<std::uint64_t>(settings_.pool) + iteration * static_cast<std::uint64_t>(settings_.batch) +
             static_cast<std::uint64_t>(n);
    };
    State<float> batch(target_.shape.with_features(features).with_samples(settings_.batch));
    const std::vector<Index> drawn = pool_.draw(random(draw_stream), iteration << 20, kept());
    batch.view().samples(0, kept()).vector() = pool_.take(drawn).values;
    for (Index n = kept(); n < settings_.batch; ++n) begin(batch.view().sample(n), number(n));
    Model model;
    model.steps = settings_.steps;
    model.automaton.fire.seed = random(fire_stream).bits(iteration);
    const auto loss = basin::SumOf(error(), basin::Overflow{-2, 2, settings_.overflow});
    const auto result = basin::value_and_gradient_along(model, theta_.as<Model>(), batch.view(), loss,
                                                        basin::loss_along(model.steps - model.steps / 4, model.steps));
    auto gradient = result.gradient.as<Rule>();
    basin::examples::check_gradient(basin::normalize_leaves(gradient), i);
    adam().step(theta_, gradient, moments_,
                basin::examples::rate_scale(training.share(), settings_.rate, settings_.final_rate));
    // A fresh one takes the place of one that was kept, if there is one.
    pool_.put(drawn, result.output.view().samples(kept() < settings_.batch ? 1 : 0, kept()));
    return result.value;
  }

  Settings settings_;
  State<float> target_;
  Theta theta_;
  basin::AdamState<Rule, float> moments_;
  basin::Pool<float> pool_;
};

}  // namespace nca_diffuse
