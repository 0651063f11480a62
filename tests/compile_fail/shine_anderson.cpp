// expect: Shine needs a solver that estimates the inverse: write Equilibrium<Cell, Broyden<>, Shine>

#include "basin/adjoint/shine.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"

using Cell = basin::Injected<basin::Sequential<basin::Dense<4, 4>, basin::Tanh>>;

int main() { return basin::Equilibrium<Cell, basin::Anderson<5>, basin::Shine>::out_features; }
