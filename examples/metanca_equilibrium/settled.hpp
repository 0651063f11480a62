#pragma once

// The rule of metanca_mnist as an equilibrium z = f(z): f replaces the state of every cell by the rule's answer. It has
// the fixed points of every update that goes a part of the way, for all cells or for random ones in their mean.

#include <cstdint>
#include <vector>

#include "../metanca_mnist/trainer.hpp"
#include "../support/resumable_trainer.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/train/schedule.hpp"
#include "settings.hpp"

namespace metanca_equilibrium {

using basin::Index;
using basin::State;
using basin::View;
using metanca_mnist::Architecture;
using metanca_mnist::Digits;
using Placed = metanca_mnist::Rule;

using Map = basin::Automaton<Placed::Sees, Placed::Rule, basin::EveryCell, basin::Everywhere, basin::Replace>;
using Settled = basin::Equilibrium<Map, basin::Anderson<3>, basin::Implicit<basin::Gmres<8>>>;
using Theta = basin::Parameters<Settled, float>;

/// The same numbers as parameters of the map or of its updates, which have them in the same order without "cell.".
template <class Model>
basin::Parameters<Model, float> parameters_of(const Theta& theta) {
  basin::Parameters<Model, float> same;
  same.vector() = theta.vector();
  return same;
}

/// What the rule begins with, as that of metanca_mnist does.
inline Theta initial_theta(const Settings& settings) {
  Theta theta;
  theta.vector() = Placed::initial(settings.seed).vector();
  return theta;
}

inline Map map_of(const Architecture& of) {
  Map map;
  map.perception = {of.network, of.codes, true};
  return map;
}

inline Settled settled_of(const Architecture& of, const Settings& settings) {
  Settled model;
  model.cell = map_of(of);
  model.stop = {.tolerance = settings.tolerance, .max_evaluations = 100};
  model.adjoint = {.tolerance = settings.adjoint_tolerance, .max_evaluations = 60};
  return model;
}

/// The equilibrium has no input: a state without features that says how many networks there are.
inline State<float> no_input(const Architecture& of, Index networks) {
  return State<float>(of.network.shape(0, networks));
}

/// Trains the rule by implicit gradients: each iteration solves some networks, one an architecture.
class SettledTrainer : public basin::examples::ResumableTrainer<SettledTrainer> {
 public:
  SettledTrainer(const Settings& settings, const std::vector<Architecture>& architectures, const Digits& digits)
      : settings_(settings), architectures_(architectures), digits_(digits), rule_(initial_theta(settings), muon()) {}

  [[nodiscard]] std::int64_t iterations() const { return settings_.iterations; }
  [[nodiscard]] const Theta& parameters() const { return rule_.parameters(); }
  /// Of all solves.
  [[nodiscard]] const basin::Report& solves() const { return solves_; }
  [[nodiscard]] std::int64_t roll_backs() const { return rule_.roll_back().count(); }

 private:
  friend basin::examples::ResumableTrainer<SettledTrainer>;  // calls visit() and iterate()

  [[nodiscard]] basin::Muon muon() const { return {.rate = settings_.rate, .vectors = {.rate = settings_.rate / 10}}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    basin::examples::GuardedMuon<Settled>::visit(file, self.rule_);
    self.solves_.forward.each(file.under("solves.forward"));
    self.solves_.adjoint.each(file.under("solves.adjoint"));
  }

  [[nodiscard]] double iterate(std::int64_t iteration, const basin::Training& /*training*/) {
    const basin::WarmUp schedule{50, basin::Cosine{.total = settings_.iterations, .final = 0.01}};
    const basin::Random choice{settings_.seed, 200};
    std::vector<basin::ValueAndGradient<Settled, float>> each(static_cast<std::size_t>(settings_.networks));
    basin::parallel_for(settings_.networks, [&](Index n) {
      const auto number = static_cast<std::uint64_t>(iteration * settings_.networks + n);
      const Architecture& of = architectures_[choice.below(number, architectures_.size())];
      const auto [images, labels] = metanca_mnist::batch_of(digits_, settings_.images, settings_.seed, number);
      const State<float> none = no_input(of, 1);
      each[static_cast<std::size_t>(n)] =
          basin::value_and_gradient(settled_of(of, settings_), rule_.parameters(), none.view(),
                                    metanca_mnist::loss_of(of, images.view(), labels), {.samples_per_part = 1});
    });
    Theta gradient;
    double value = 0;
    for (const auto& one : each) {
      value += one.value / settings_.networks;
      gradient.vector() += one.gradient.vector() / static_cast<float>(settings_.networks);
    }
    if (rule_.step(muon(), schedule(iteration), iteration, value, gradient)) {
      basin::limit_output_norms(rule_.parameters(), "cell.cell", settings_.state_limit);
    }
    for (const auto& one : each) solves_ += one.report;
    return value;
  }

  const Settings& settings_;
  const std::vector<Architecture>& architectures_;
  const Digits& digits_;
  basin::examples::GuardedMuon<Settled> rule_;
  basin::Report solves_{};
};

}  // namespace metanca_equilibrium
