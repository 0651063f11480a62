#pragma once

// Training of nca_logic. Everything random is a function of the seed and the iteration, so a run resumes bit for bit
// (basin/io/training.hpp).

#include <string>

#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/train/best.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "tasks.hpp"

namespace nca_logic {

template <class Task>
class Trainer : public basin::examples::ResumableTrainer<Trainer<Task>> {
 public:
  using Model = basin::Rollout<Automaton<typename Task::See, typename Task::Rule>, basin::Kept>;
  using Theta = basin::Parameters<Model, float>;
  using Hard = basin::LogicAutomaton<typename Task::Edge, basin::RandomFire>;

  Trainer(const Settings& settings, const Task& task)
      : settings_(settings), task_(task), theta_(passing_on()), moments_(adam().init(theta_)), best_(theta_) {
    model_.automaton.perception = typename Task::See(settings.seed);
    model_.automaton.rule = typename Task::Rule(settings.seed);
    model_.automaton.fire = {settings.fire, settings.seed};
    model_.steps = Task::steps;
  }

  [[nodiscard]] const Task& task() const { return task_; }
  [[nodiscard]] Index iterations() const { return settings_.iterations > 0 ? settings_.iterations : Task::iterations; }

  /// The gates that made the fewest mistakes when they were hard, as they stand.
  [[nodiscard]] basin::Circuit circuit() const { return circuit_of(best_.parameters()); }
  [[nodiscard]] Hard hard(const basin::Circuit& circuit) const { return Hard(circuit, model_.automaton.fire); }
  /// Of all gates as they were learned, the kernels' once, those that do not just hand on, or give a constant.
  [[nodiscard]] int active_gates() const {
    const float* logits = best_.parameters().span().data();
    basin::Circuit all;
    all.gates = basin::likeliest_gates(std::span<const basin::GateWires>(*model_.automaton.perception.wires), logits);
    const int seeing = all.active_gates();
    all.gates = basin::likeliest_gates(std::span<const basin::GateWires>(*model_.automaton.rule.wires),
                                       logits + Task::See::param_count);
    return seeing + all.active_gates();
  }
  /// Of that circuit; NaN before the first look.
  [[nodiscard]] double mistakes() const { return best_.value(); }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  /// Every gate hands its first input on, with a logit of 10 against fifteen zeros.
  static Theta passing_on() {
    Theta theta;
    for (Index i = basin::gate_first; i < theta.vector().size(); i += basin::gate_functions) theta.vector()[i] = 10;
    return theta;
  }

  [[nodiscard]] basin::AdamW adam() const {
    return {.rate = settings_.rate, .beta2 = 0.99, .weight_decay = settings_.decay};
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    self.best_.each(file.under("best"));
  }

  [[nodiscard]] basin::Circuit circuit_of(const Theta& theta) const {
    return basin::hard_circuit(model_.automaton, std::span<const float, Model::param_count>(theta.span()));
  }

  [[nodiscard]] double iterate(std::int64_t i, basin::Training& training) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const Example example = task_.example(iteration);
    const basin::LeadingFeaturesError<float> loss{example.wanted};
    auto result =
        basin::value_and_gradient_along(model_, with_hard_gates(iteration), example.start.view(), loss,
                                        {{model_.steps, 1}}, {.samples_per_part = 1, .context = {.draw = iteration}});
    // Of the sum of squares, and no number above 100, as published.
    const Index numbers = example.wanted.shape.sample_size() * example.start.shape.samples;
    auto& gradient = result.gradient.vector();
    basin::examples::check_gradient(static_cast<double>(gradient.norm()), i);
    gradient = (gradient.array() * static_cast<float>(numbers)).max(-100.0f).min(100.0f);
    adam().step(theta_, result.gradient, moments_);
    if ((i + 1) % settings_.check_every == 0 || i + 1 == training.options().iterations) look(training);
    return result.value;
  }

  /// A share of the gates at random is hard: the others then learn beside gates as they will be in the end (as a part
  /// of the weights is quantized in A. Fan et al. 2021, "Training with quantization noise").
  [[nodiscard]] Theta with_hard_gates(std::uint64_t iteration) const {
    Theta theta = theta_;
    const std::span<float> all(theta.span());
    const Random random{settings_.seed, (std::uint64_t{1} << 42) + iteration};
    const auto limit = static_cast<std::uint64_t>(settings_.hard * 0x1p32);
    for (std::size_t i = 0; i < all.size(); i += basin::gate_functions) {
      const std::uint64_t gate = i / basin::gate_functions;
      if (random.words(gate / 4)[gate % 4] < limit) basin::harden(all.subspan(i, basin::gate_functions));
    }
    return theta;
  }

  /// Makes all gates hard, and counts mistakes.
  void look(basin::Training& training) {
    const Index wrong = task_.wrong(hard(circuit_of(theta_)));
    if (best_.offer(static_cast<double>(wrong), theta_)) training.save_after_this();
    if (wrong == 0) training.stop_after_this();
    training.detail("hard: " + std::to_string(wrong) + " " + Task::mistakes);
  }

  Settings settings_;
  Task task_;
  Model model_;
  Theta theta_;
  basin::AdamState<Model, float> moments_;
  basin::Best<Model, float> best_;
};

}  // namespace nca_logic
