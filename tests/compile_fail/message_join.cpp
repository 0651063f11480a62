// expect: a layer takes another number of features than the layer before it gives
// A message through a layer that does not take both cells of an edge.

#include "basin/layers/dense.hpp"
#include "basin/nca/perceive_messages.hpp"

int main() { return basin::PerceiveMessages<4, basin::Dense<7, 3>>::seen_features; }
