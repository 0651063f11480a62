// expect: Join<16, 15>
// A rule with an answer for each of 16 features where the update leaves the first as it is.

#include "basin/layers/dense.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"

using See = basin::Perceive<16, basin::Zero, basin::Centre>;
using Nca = basin::Automaton<See, basin::Dense<16, 16>, basin::RandomFire, basin::Everywhere, basin::Keeping<basin::Features<0>>>;

int main() { return Nca::state_features; }
