#pragma once

// The rule of metanca_mnist as an equilibrium z = f(z): f replaces the state of every cell by the rule's answer. It has
// the fixed points of every update that goes a part of the way, for all cells or for random ones in their mean.

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../metanca_mnist/trainer.hpp"
#include "../support/process.hpp"
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

struct Trained {
  Theta theta{};
  basin::Report report{};  ///< of all solves
  double seconds = 0;
  std::int64_t roll_backs = 0;
};

/// Trains the rule by implicit gradients: each iteration solves some networks, one an architecture.
inline Trained train_settled(const Settings& settings, const std::vector<Architecture>& architectures,
                             const Digits& digits) {
  Trained trained{.theta = initial_theta(settings)};
  const basin::Muon muon{.rate = settings.rate, .vectors = {.rate = settings.rate / 10}};
  auto moments = muon.init(trained.theta);
  basin::RollBack roll_back(trained.theta, moments);
  const basin::WarmUp schedule{50, basin::Cosine{.total = settings.iterations, .final = 0.01}};
  const basin::Random choice{settings.seed, 200};
  std::vector<double> losses;
  basin::examples::Stopwatch watch;
  basin::examples::Progress progress;
  for (Index iteration = 0; iteration < settings.iterations && basin::examples::interrupted == 0; ++iteration) {
    std::vector<basin::ValueAndGradient<Settled, float>> each(static_cast<std::size_t>(settings.networks));
    basin::parallel_for(settings.networks, [&](Index n) {
      const auto number = static_cast<std::uint64_t>(iteration * settings.networks + n);
      const Architecture& of = architectures[choice.below(number, architectures.size())];
      const auto [images, labels] = metanca_mnist::batch_of(digits, settings.images, settings.seed, number);
      const State<float> none = no_input(of, 1);
      each[static_cast<std::size_t>(n)] =
          basin::value_and_gradient(settled_of(of, settings), trained.theta, none.view(),
                                    metanca_mnist::loss_of(of, images.view(), labels), {.samples_per_part = 1});
    });
    Theta gradient;
    double value = 0;
    for (const auto& one : each) {
      value += one.value / settings.networks;
      gradient.vector() += one.gradient.vector() / static_cast<float>(settings.networks);
      trained.report += one.report;
    }
    losses.push_back(value);
    if (basin::examples::step_or_go_back(muon, schedule(iteration), losses, gradient, trained.theta, moments,
                                         roll_back)) {
      basin::limit_output_norms(trained.theta, "cell.cell", settings.state_limit);
    }
    trained.seconds = watch.seconds();
    progress.show_training(settings.iterations, losses, trained.seconds);
  }
  progress.end();
  trained.roll_backs = roll_back.count();
  return trained;
}

}  // namespace metanca_equilibrium
