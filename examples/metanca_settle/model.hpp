#pragma once

// The rule of metanca_settle. A cell holds features z, of which the first is its weight, is told the weight u that it
// was drawn with, and sees signals s(z) of all data at once (basin/meta/perceive_signals.hpp). Where it rests,
//
//   z = r(s(z), u),
//
// and r begins as "the weight is u". (With r = u - K P, P the derivative of a loss L, that is where L + |z - u|^2 / 2K
// has no slope: a fit that stays close to where it began. What r is instead is learned.)

#include <cstddef>
#include <cstdint>
#include <span>

#include "../metanca_learn/optimisers.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/jacobian_penalty.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/nca/conditioned.hpp"
#include "basin/nca/update.hpp"

namespace metanca_settle {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;
using metanca_learn::Batches;
using metanca_learn::Dice;
using metanca_learn::Family;
using metanca_learn::Part;
using metanca_learn::Task;

inline constexpr int features = 4, messages = 2, hidden = 24;

using Sees = basin::Conditioned<basin::PerceiveSignals<features, messages>, 1>;
using Rule = basin::Sum<
    basin::Dense<Sees::seen_features, features>,
    basin::Sequential<basin::Dense<Sees::seen_features, hidden>, basin::Tanh, basin::Dense<hidden, features>>>;
using Cells = basin::Automaton<Sees, Rule, basin::EveryCell, basin::Everywhere, basin::Replace>;
using Settled = basin::Equilibrium<Cells, basin::Broyden<40>, basin::Implicit<basin::Gmres<20>>>;
using Model = basin::JacobianPenalty<Settled>;
using Theta = basin::Parameters<Model, float>;

/// Random numbers; a cell's weight is what it was told and little else at first, and neurons pass half of each message.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Model{}, seed);
  for (const char* leaf : {"cell.0.weight", "cell.1.2.weight"}) {
    for (float& one : theta.leaf(leaf)) one *= 0.3f;
  }
  const std::span<float> gates = theta.leaf("cell.neurons.2.bias");
  for (int c = 0; c < messages; ++c) gates[static_cast<std::size_t>(c * messages + c)] = 0.5f;
  theta.leaf("cell.0.weight")[std::size_t{features} * (Sees::seen_features - 1)] = 1;
  return theta;
}

/// Networks that settle on these data, which outlive the model. The floor of signals' sizes keeps messages of a small
/// error small: without one, cells answer to the direction alone, and go on for ever.
inline Model model_of(const basin::Network& network, const basin::LearningData& data, int evaluations, double penalty) {
  Model model;
  model.weight = penalty;
  model.equilibrium.cell.perception.grid.network = network;
  model.equilibrium.cell.perception.grid.data = data;
  model.equilibrium.cell.perception.grid.floor = 0.1;
  model.equilibrium.stop = {.tolerance = 1e-3, .max_evaluations = evaluations};
  model.equilibrium.adjoint = {.tolerance = 1e-2, .max_evaluations = 60};
  return model;
}

}  // namespace metanca_settle
