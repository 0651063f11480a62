// expect: Gated: the gate looks at the neighbours in a grid, which the automaton's perception has not
// A gate by the mean around a cell, where there is no around.

#include "basin/layers/dense.hpp"
#include "basin/nca/gated.hpp"
#include "basin/nca/perceive_graph.hpp"

using Nca = basin::Automaton<basin::PerceiveGraph<4>, basin::Dense<8, 4>, basin::MeanField>;

int main() { return basin::Gated<Nca>::state_features; }
