// expect: Gated: with a random mask there is no fixed point; take its mean field
// A random automaton where one is wanted that settles.

#include "basin/layers/dense.hpp"
#include "basin/nca/gated.hpp"
#include "basin/nca/perceive.hpp"

using See = basin::Perceive<4, basin::Zero, basin::Centre>;

int main() { return basin::Gated<basin::Automaton<See, basin::Dense<4, 4>, basin::RandomFire>>::state_features; }
