// expect: Join<8, 16>
// lines: 29
// initial_parameters meets the layer that takes 16 features after 8.

#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/initial.hpp"

using Model = basin::Sequential<basin::Dense<2, 8>, basin::Dense<16, 1>>;

int main() { return static_cast<int>(basin::initial_parameters<float>(Model(), 1).vector().size()); }
