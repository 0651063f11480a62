#pragma once

// Training of metanca_learn's rule: several networks at once, each with a task and widths of its own, learn for a life
// of some segments; the rule is trained after each segment, on data that the network was not shown, and the network
// goes on from where it is. Or a segment is a whole life; and then the gradient may be estimated from values alone.
// Everything random is a function of the seed and the iteration, so a run resumes bit for bit (basin/io/training.hpp).

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../support/process.hpp"
#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/training.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/evolution.hpp"
#include "basin/train/learning_loss.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace metanca_learn {

class Trainer : public basin::examples::ResumableTrainer<Trainer> {
 public:
  /// digits: for tasks of that family, and then they outlive the trainer.
  Trainer(const Settings& settings, const basin::LabelledImages* digits)
      : settings_(settings),
        family_(Family::named(settings.family)),
        digits_(digits),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)) {
    basin::examples::check_option(settings.segment <= settings.life, "--segment", settings.segment,
                                  "at most --life, " + std::to_string(settings.life));
    basin::examples::check_option(
        Index{settings.batch} * longest(settings) <= 65536, whole() ? "--life" : "--segment", longest(settings),
        "65,536 data at most from one step of training to the next, so " + std::to_string(65536 / settings.batch));
    for (int k = 0; k < settings.networks; ++k) slots_.push_back(born(static_cast<std::uint64_t>(k)));
  }

  /// The most batches from one step of training to the next.
  [[nodiscard]] static int longest(const Settings& settings) {
    return settings.way == "truncated" ? settings.segment : settings.life;
  }
  [[nodiscard]] const Family& family() const { return family_; }
  [[nodiscard]] const Theta& parameters() const { return theta_; }
  [[nodiscard]] const basin::LabelledImages* digits() const { return digits_; }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  static constexpr int warm_up = 100;  // iterations over which the rate rises

  /// A network that learns. All but its state and its age follow from the number of its life.
  struct Slot {
    std::int64_t number = 0, age = 0;  // in batches
    Task task;
    basin::Network network;
    Index life = 0;
    std::vector<float> state{};
  };

  /// Whether segments are whole lives.
  [[nodiscard]] bool whole() const { return settings_.way != "truncated"; }

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate, .beta2 = 0.99}; }

  [[nodiscard]] Slot born(std::uint64_t number) const {
    Dice dice(settings_.seed, life_stream, number);
    const basin::Network network = random_network(family_, dice);
    // Short lives are as frequent as long ones are by their logarithm: beginnings count, and so do ends.
    const double most = static_cast<double>(settings_.life / settings_.segment);
    const Index life = settings_.segment * static_cast<Index>(std::exp(dice.uniform(0, std::log(most + 0.99))));
    Slot slot{static_cast<std::int64_t>(number), 0, Task(family_, settings_.seed, number, digits_), network, life};
    const State<float> z = fresh_network(slot.network, settings_.seed, number);
    slot.state.assign(z.values.begin(), z.values.end());
    return slot;
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    file("lives", self.lives_, basin::Within{std::int64_t{0}, std::int64_t{1} << 40});
    for (std::size_t k = 0; k < self.slots_.size(); ++k) {
      auto& slot = self.slots_[k];
      const std::string name = "network." + std::to_string(k) + ".";
      const std::int64_t was = slot.number;
      file(name + "number", slot.number, basin::Within{std::int64_t{0}, std::int64_t{1} << 40});
      if (slot.number != was) slot = self.born(static_cast<std::uint64_t>(slot.number));  // it is read
      file(name + "age", slot.age, basin::Within{std::int64_t{0}, static_cast<std::int64_t>(slot.life)});
      file(name + "state", slot.state, basin::Length{slot.network.cells() * features}, basin::Finite{});
    }
  }

  /// What one network of an iteration gives.
  struct Job {
    double value = 0;
    Theta gradient{};
    bool counts = false;
  };

  /// What a checkpoint keeps changes only at the end, when nothing can fail any more.
  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    std::vector<Slot> slots = slots_;
    std::int64_t lives = lives_;
    std::vector<Job> jobs(slots.size());
    basin::parallel_for(static_cast<Index>(jobs.size()), [&](Index k) {
      jobs[static_cast<std::size_t>(k)] = learn(slots[static_cast<std::size_t>(k)], i, k);
    });
    Theta gradient;
    double value = 0;
    const std::ptrdiff_t counted = std::count_if(jobs.begin(), jobs.end(), [](const Job& job) { return job.counts; });
    const auto count = static_cast<double>(counted);
    for (std::size_t k = 0; k < jobs.size(); ++k) {
      Slot& slot = slots[k];
      if (jobs[k].counts) {
        value += jobs[k].value / count;
        gradient.vector() += static_cast<float>(1 / count) * jobs[k].gradient.vector();
      }
      if (!jobs[k].counts || slot.age >= slot.life) {
        slot = born(static_cast<std::uint64_t>(settings_.networks) + static_cast<std::uint64_t>(lives++));
      }
    }
    lost_ = counted > 0 ? 0 : lost_ + 1;
    if (lost_ > most_lost) {
      throw std::runtime_error("all networks ran away in iteration " + std::to_string(i + 1) + ", and in the " +
                               std::to_string(most_lost) + " before: try a lower --rate");
    }
    if (counted > 0) basin::examples::check_gradient(basin::clip_by_global_norm(gradient, 1.0), i);
    slots_ = std::move(slots);
    lives_ = lives;
    if (counted == 0) return run_away;
    adam().step(theta_, gradient, moments_,
                basin::examples::warm_rate_scale(i, warm_up, training.share(), settings_.rate, settings_.final_rate));
    return value;
  }

  /// One segment of the life of a network. One that has run away says nothing of the rule's use: it is left out, and
  /// another takes its place.
  [[nodiscard]] Job learn(Slot& slot, std::int64_t iteration, Index k) const {
    const auto number = static_cast<std::uint64_t>(iteration) * 128 + 2 * static_cast<std::uint64_t>(k);
    const Index segment = whole() ? slot.life : settings_.segment;
    const bool pauses = !whole() && slot.age > 0 && chance(pause_stream, number) < settings_.pause;
    const Batches shown(slot.task, Part::shown, pauses ? 0 : settings_.batch, segment, settings_.seed, number),
        asked(slot.task, Part::asked, std::max<Index>(64, settings_.batch), 1, settings_.seed, number + 1);
    const Life life = life_on(slot.network, shown.view(), settings_.fire,
                              basin::Random{settings_.seed, fire_stream}.bits(number), segment, whole());
    const basin::LearningLoss loss{slot.network, asked.view()};
    State<float> start(slot.network.shape(features));
    std::copy(slot.state.begin(), slot.state.end(), start.values.begin());
    slot.age += segment;
    Job job;
    if (settings_.way == "evolution") {
      const auto of = basin::evolution_gradient(
          theta_, {settings_.seed, noise_stream + (number << 8)}, {settings_.pairs, settings_.deviation},
          [&](const Theta& theta, Index) { return loss_of_life(life, theta, start, loss); });
      job = {of.value, of.gradient, of.left_out < settings_.pairs};
    } else {
      const auto result =
          basin::value_and_gradient_along(life, theta_, start.view(), loss, basin::loss_along(1, segment));
      job = {result.value, result.gradient,
             std::isfinite(result.value) && result.value < run_away && result.gradient.vector().allFinite()};
      if (!whole()) go_on(slot, result.output, number);
    }
    return job;
  }

  /// The mean of the loss along a life, of which each counts as `worst_loss` at most. NaN if a network has run away so
  /// far that it answers nothing.
  [[nodiscard]] double loss_of_life(const Life& life, const Theta& theta, const State<float>& start,
                                    const basin::LearningLoss& loss) const {
    State<float> end(start.shape);
    double sum = 0;
    (void)life.run<float>(theta.span(), start, end, [&](Index t, View<const float> z) {
      const double now = t > 0 ? loss.results(z)[0].loss : 0;
      sum += std::isnan(now) ? now : std::min(now, worst_loss);
    });
    return sum / static_cast<double>(life.steps);
  }

  /// A network is kept for its next segment, and is damaged by chance.
  void go_on(Slot& slot, const State<float>& state, std::uint64_t number) const {
    State<float> end = state;
    Dice dice(settings_.seed, damage_stream, number);
    if (dice.uniform(0, 1) < settings_.damage) {
      const std::size_t layer = dice.below(slot.network.layers().size());
      lose_layer(end.view(), slot.network, layer, 0.3 * static_cast<double>(dice.below(2)),
                 {settings_.seed, damage_stream + (number << 8)});
    }
    slot.state.assign(end.values.begin(), end.values.end());
  }

  /// A number from 0 to 1.
  [[nodiscard]] double chance(Stream stream, std::uint64_t number) const {
    return basin::Random{settings_.seed, stream}.uniform(number);
  }

  static constexpr double run_away = 1000;  // a loss above which a network has run away
  static constexpr int most_lost = 20;      // iterations without a network that has not
  static constexpr double worst_loss = 10;  // a loss, so that one that ran away does not drown all others

  Settings settings_;
  Family family_;
  const basin::LabelledImages* digits_;
  Theta theta_;
  basin::AdamState<Life, float> moments_;
  std::int64_t lives_ = 0;  // of networks after the first
  std::vector<Slot> slots_;
  int lost_ = 0;  // iterations in a row in which all networks ran away
};

}  // namespace metanca_learn
