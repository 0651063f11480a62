// expect: Equilibrium: the cell is another map at each step, so it has no fixed point
// A cell with a mask that changes from one evaluation to the next.

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/dense.hpp"

struct Restless : basin::Injected<basin::Dense<2, 2>> {
  static constexpr bool changes_with_step = true;
};

int main() { return basin::Equilibrium<Restless>::out_features; }
