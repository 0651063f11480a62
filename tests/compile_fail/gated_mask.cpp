// expect: Gated: the automaton has a mask of its own
// A gate for an automaton whose cells die by an alive mask.

#include "basin/layers/dense.hpp"
#include "basin/nca/gated.hpp"
#include "basin/nca/perceive.hpp"

using See = basin::Perceive<4, basin::Zero, basin::Centre>;
using Masked = basin::Automaton<See, basin::Dense<4, 4>, basin::MeanField, basin::AliveMask<3>>;

int main() { return basin::Gated<Masked>::state_features; }
