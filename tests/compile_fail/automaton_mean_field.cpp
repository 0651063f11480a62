// expect: Automaton: Replace takes the rule's answer whole, so a mean field would not be the mean; take Relax
// The mean field of an automaton whose rule gives the new state itself, but for a feature that stays.

#include "basin/layers/dense.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"

using See = basin::Perceive<4, basin::Zero, basin::Centre>;
using Some = basin::Keeping<basin::Features<0>, basin::Replace>;
using Mean = basin::Automaton<See, basin::Dense<4, 3>, basin::MeanField, basin::Everywhere, Some>;

int main() { return Mean::state_features; }
