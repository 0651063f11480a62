#pragma once

// An automaton of nca_grow with its parameters, whatever its kind (model.hpp): what is run, shown, trained and kept.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../support/processes.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/nca/damage.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_grow {

/// In CAX's conventions what fires makes its update over the rate, and all of the seed but alpha is 0.
inline bool as_cax(const Settings& settings) { return settings.conventions == "cax"; }

inline basin::RandomFire fire_of(const Settings& settings, std::uint64_t seed) {
  return {.rate = settings.fire_rate, .seed = seed, .rescaled = as_cax(settings)};
}

inline State<float> seed_of(const Settings& settings) {
  const Index side = settings.size + 2 * settings.padding;
  State<float> seed = basin::one_cell_seed<float>(Shape{settings.channels, {side, side, 1}, 1});
  if (as_cax(settings)) seed.view().columns().bottomRows(settings.channels - 4).setZero();
  return seed;
}

/// What an iteration of training consists of.
struct Iteration {
  std::int64_t number;
  Index steps;  // of each rollout
  basin::RandomFire fire;
  View<const float> batch;  // the states at which the rollouts start
  basin::SumOf<basin::LeadingFeaturesError<float>, basin::Overflow> loss;
  std::vector<basin::LossStep> looks;  // the steps at which the loss looks
  double rate_scale;                   // of the optimizer
};

/// An automaton, its parameters and the state of their optimizer.
class Automaton {
 public:
  virtual ~Automaton() = default;
  [[nodiscard]] virtual std::size_t param_count() const = 0;
  /// Takes the parameters of a model's file. Throws FileError if it is of another kind.
  virtual void load(const std::string& path) = 0;
  /// Writes the parameters as a safetensors file.
  virtual void save(const std::string& path, const basin::CheckpointLabel& label) const = 0;
  /// The same in the form of the published models.
  virtual void save_as_published(const std::string& path) const = 0;
  /// What a checkpoint keeps.
  virtual void visit(basin::CheckpointWriter& file) = 0;
  virtual void visit(basin::CheckpointReader& file) = 0;
  /// Step t, from z to next.
  virtual void step(bool torus, const basin::RandomFire& fire, Index t, View<const float> z,
                    View<float> next) const = 0;
  /// An iteration of training; returns the loss, and the last states in `end`.
  virtual double learn(const Settings& settings, basin::examples::Processes& processes, const Iteration& iteration,
                       State<float>& end) = 0;
};

template <class K>
class AutomatonOf final : public Automaton {
 public:
  explicit AutomatonOf(std::uint64_t seed) : theta_(initial_theta<K>(seed)), moments_(basin::Adam{}.init(theta_)) {}

  [[nodiscard]] std::size_t param_count() const override { return Rule::param_count; }
  void load(const std::string& path) override { theta_ = load_model<K>(path); }
  void save(const std::string& path, const basin::CheckpointLabel& label) const override {
    basin::save_parameters(path, theta_, label);
  }
  void save_as_published(const std::string& path) const override { basin::write_growing_model(path, theta_); }
  void visit(basin::CheckpointWriter& file) override { visit_with(file); }
  void visit(basin::CheckpointReader& file) override { visit_with(file); }

  void step(bool torus, const basin::RandomFire& fire, Index t, View<const float> z, View<float> next) const override {
    torus ? step_on<basin::Periodic>(fire, t, z, next) : step_on<basin::Zero>(fire, t, z, next);
  }

  double learn(const Settings& settings, basin::examples::Processes& processes, const Iteration& iteration,
               State<float>& end) override {
    if (settings.tape == "kept") return learn_with<basin::Kept>(settings, processes, iteration, end);
    if (settings.tape == "checkpointed") return learn_with<basin::Checkpointed>(settings, processes, iteration, end);
    return learn_with<basin::Recomputed>(settings, processes, iteration, end);
  }

 private:
  using Rule = typename K::Rule;

  template <class File>
  void visit_with(File& file) {
    file("", theta_);
    moments_.each(file.under("optimizer"));
  }

  template <class Edge>
  void step_on(const basin::RandomFire& fire, Index t, View<const float> z, View<float> next) const {
    using Model = typename K::template Grown<Edge>;
    Model model;  // of one step: a run a sample, so that they share out to the threads
    model.steps = 1;
    model.automaton.fire = fire;
    const auto theta = theta_.template as<Model>();
    (void)model.apply(theta.span(), z, next, {.step = t});
  }

  template <class Tape>
  double learn_with(const Settings& settings, basin::examples::Processes& processes, const Iteration& iteration,
                    State<float>& end) {
    typename K::template Grown<basin::Zero, Tape> model;
    model.steps = iteration.steps;
    model.automaton.fire = iteration.fire;
    const auto theta = theta_.template as<decltype(model)>();
    const auto mine = processes.samples_of(settings.batch, 1);
    auto result = processes.value_and_gradient_along(model, theta, iteration.batch.samples(mine.first, mine.count),
                                                     iteration.loss, iteration.looks);
    auto gradient = result.gradient.template as<Rule>();
    basin::examples::check_gradient(basin::normalize_leaves(gradient), iteration.number);
    basin::Adam{.rate = settings.rate}.step(theta_, gradient, moments_, iteration.rate_scale);
    end = std::move(result.output);
    return result.value;
  }

  typename K::Theta theta_;
  basin::AdamState<Rule, float> moments_;
};

/// With initial parameters. Throws UsageError if the settings are of no kind that is compiled.
inline std::unique_ptr<Automaton> make_automaton(const Settings& settings) {
  std::unique_ptr<Automaton> made;
  const bool is = visit_kind(settings.channels, settings.hidden, settings.filters,
                             [&]<class K>(const K&) { made = std::make_unique<AutomatonOf<K>>(settings.seed); });
  if (!is) {
    throw basin::examples::UsageError("--channels, --hidden and --filters are " + std::to_string(settings.channels) +
                                      " " + std::to_string(settings.hidden) + " " + settings.filters +
                                      ", expected one of: " + kinds_text());
  }
  return made;
}

}  // namespace nca_grow
