// expect: Equilibrium: the first argument must be a cell f\(z, u\), such as Injected<...>
// A layer of one argument where a cell of two is wanted.

#include "basin/deq/equilibrium.hpp"
#include "basin/layers/dense.hpp"

int main() { return basin::Equilibrium<basin::Dense<4, 4>>::out_features; }
