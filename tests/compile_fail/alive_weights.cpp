// expect: Automaton: an alive mask looks at the neighbours in a grid, which this perception has not
// lines: 30
// Cells that are the weights of a network, and a mask by the neighbours in a grid.

#include "basin/layers/dense.hpp"
#include "basin/meta/perceive_weights.hpp"
#include "basin/nca/automaton.hpp"

using See = basin::PerceiveWeights<4, basin::WithinMatrix>;
using Rule = basin::Dense<See::seen_features, 4>;

int main() { return basin::Automaton<See, Rule, basin::EveryCell, basin::AliveMask<3>>::state_features; }
