// expect: Unrolled differentiates Picard iteration: write Equilibrium<Cell, Picard, Unrolled>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"

using Cell = basin::Injected<basin::Sequential<basin::Dense<4, 4>, basin::Tanh>>;

int main() { return basin::Equilibrium<Cell, basin::Anderson<5>, basin::Unrolled>::out_features; }
