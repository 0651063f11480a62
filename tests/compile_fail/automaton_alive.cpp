// expect: Automaton: the feature that decides about life is not one of the state's
// A mask by feature 3 of a state that has three.

#include "basin/layers/dense.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"

using See = basin::Perceive<3, basin::Zero, basin::Centre>;

int main() { return basin::Automaton<See, basin::Dense<3, 3>, basin::RandomFire, basin::AliveMask<3>>::state_features; }
