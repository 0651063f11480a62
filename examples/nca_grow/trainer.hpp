#pragma once

// Training of nca_grow. Everything random is a function of the seed and the iteration, so a run resumes bit for bit
// (basin/io/training.hpp).

#include <algorithm>
#include <memory>
#include <numbers>
#include <numeric>
#include <vector>

#include "../support/resumable_trainer.hpp"
#include "automaton.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/target_image.hpp"
#include "basin/io/training.hpp"
#include "basin/nca/pool.hpp"
#include "pattern.hpp"
#include "settings.hpp"

namespace nca_grow {

inline State<float> load_target(const Settings& settings) {
  const basin::TargetOptions options{.size = settings.size, .padding = settings.padding};
  return settings.target.empty() ? basin::target_state<float>(drawn_pattern(8 * settings.size), options)
                                 : basin::read_target_image<float>(settings.target, options);
}

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  draw_stream = 1,
  steps_stream,
  fire_stream,
  damage_stream,
  loss_stream,
  show_stream,
  half_stream
};

class Trainer : public basin::examples::ResumableTrainer<Trainer> {
 public:
  /// Without a target (an empty state) the automaton can be run, but not trained. Each of several processes has the
  /// whole pool, and the rollouts of its samples.
  Trainer(const Settings& settings, const State<float>& target, basin::examples::Processes& processes)
      : settings_(settings),
        processes_(processes),
        target_(target),
        automaton_(make_automaton(settings)),
        seed_(seed_of(settings)) {
    basin::examples::check_steps(settings.min_steps, settings.max_steps);
    basin::examples::check_batch(settings.batch, settings.pool);
    if (pooled() && target.shape.features > 0) pool_ = basin::Pool<float>(settings.pool, seed_.view());
  }

  [[nodiscard]] const Shape& grid() const { return seed_.shape; }
  [[nodiscard]] const State<float>& seed() const { return seed_; }
  [[nodiscard]] bool has_target() const { return target_.shape.features > 0; }
  [[nodiscard]] basin::LeadingFeaturesError<float> error() const { return {target_}; }
  [[nodiscard]] Automaton& automaton() { return *automaton_; }
  [[nodiscard]] const Automaton& automaton() const { return *automaton_; }
  [[nodiscard]] double cell_steps() const { return cell_steps_; }
  /// To be watched, when nothing is trained any more.
  [[nodiscard]] std::unique_ptr<Automaton> take_automaton() { return std::move(automaton_); }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  [[nodiscard]] bool pooled() const { return settings_.regime != "growing"; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    self.automaton_->visit(file);
    file("cell_steps", self.cell_steps_, basin::Within{0.0, 1e300});
    if (self.pooled()) self.pool_.each(file.under("pool"));
  }

  [[nodiscard]] Index steps_of(std::uint64_t iteration) const {
    const auto range = static_cast<std::uint64_t>(settings_.max_steps - settings_.min_steps);
    const Index steps = settings_.min_steps + static_cast<Index>(random(steps_stream).below(iteration, range));
    if (static_cast<int>(iteration) >= settings_.warm_up) return steps;
    // From a quarter of the steps to all of them.
    const double share = 0.25 + 0.75 * static_cast<double>(iteration) / settings_.warm_up;
    return std::max<Index>(1, static_cast<Index>(share * static_cast<double>(steps)));
  }

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const double share = processes_.of_first(training.share());
    std::vector<Index> drawn;
    const State<float> batch = start(iteration, drawn);
    const Index steps = steps_of(iteration);
    std::vector<basin::LossStep> looks{{steps, 1}};
    if (settings_.loss == "along") looks = basin::loss_along(steps - steps / 4, steps);
    if (settings_.loss == "random") {
      looks = basin::loss_at_random(random(loss_stream), 4 * iteration, 4, steps / 2, steps);
    }
    State<float> end;
    const double loss =
        automaton_->learn(settings_, processes_,
                          {.number = i,
                           .steps = steps,
                           .fire = fire_of(settings_, random(fire_stream).bits(iteration)),
                           .batch = batch.view(),
                           .loss = basin::SumOf(error(), basin::Overflow{-2, 2, settings_.overflow}),
                           .looks = looks,
                           .rate_scale = basin::examples::rate_scale(share, settings_.rate, settings_.final_rate)},
                          end);
    if (pooled()) pool_.put(drawn, end.view());
    cell_steps_ += static_cast<double>(steps * grid().cells() * settings_.batch);
    return loss;
  }

  /// The states from which an iteration starts; of the pool, sorted so that the worst comes first.
  [[nodiscard]] State<float> start(std::uint64_t iteration, std::vector<Index>& drawn) const {
    if (!pooled()) {
      State<float> seeds(grid().with_samples(settings_.batch));
      seeds.view().columns().colwise() = seed_.values;
      return seeds;
    }
    drawn = pool_.draw(random(draw_stream), iteration << 20, settings_.batch);
    const State<float> taken = pool_.take(drawn);
    const std::vector<double> losses = basin::losses_of_samples(error(), taken.view());
    std::vector<std::size_t> order(drawn.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return losses[a] > losses[b]; });
    std::vector<Index> sorted;
    for (const std::size_t i : order) sorted.push_back(drawn[i]);
    drawn = sorted;
    State<float> batch = pool_.take(drawn);
    batch.view().sample(0).vector() = seed_.values;
    if (settings_.regime == "regenerating") {
      // The best three (fewer of a small batch) are damaged: two lose a circle, one a half in a random direction.
      const Index damaged = std::min<Index>(3, settings_.batch - 1);
      for (Index i = 0; i < damaged; ++i) {
        const View<float> sample = batch.view().sample(settings_.batch - 1 - i);
        const std::uint64_t number = 3 * iteration + static_cast<std::uint64_t>(i);
        if (i == 0) {
          basin::erase(sample, basin::HalfPlane{random(half_stream).uniform(number, 0, 2 * std::numbers::pi)});
        } else {
          basin::erase(sample, basin::random_circle(random(damage_stream), number));
        }
      }
    }
    return batch;
  }

  Settings settings_;
  basin::examples::Processes& processes_;
  State<float> target_;
  std::unique_ptr<Automaton> automaton_;
  State<float> seed_;
  basin::Pool<float> pool_;
  double cell_steps_ = 0;
};

}  // namespace nca_grow
