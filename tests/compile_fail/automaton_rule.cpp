// expect: Join<48, 32>
// A rule that takes 32 features where a cell sees 48.

#include "basin/layers/dense.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"

using See = basin::Perceive<16, basin::Zero, basin::Centre, basin::SobelX, basin::SobelY>;

int main() { return basin::Automaton<See, basin::Dense<32, 16>>::state_features; }
