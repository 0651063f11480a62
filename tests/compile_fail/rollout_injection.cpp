// expect: Rollout: what takes an injection must be an automaton whose cells are told it \(Conditioned\)
// A rollout of a cell that takes an injection, and has no steps with one.

#include "basin/layers/dense.hpp"
#include "basin/nca/gated.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"

using See = basin::Perceive<4, basin::Zero, basin::Centre>;

int main() {
  return basin::Rollout<basin::Gated<basin::Automaton<See, basin::Dense<4, 4>, basin::MeanField>>>::state_features;
}
