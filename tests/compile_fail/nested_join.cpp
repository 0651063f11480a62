// expect: Join<8, 16>
// lines: 29
// The same, where the layer that takes 16 is inside a Sequential.

#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"

using Model = basin::Sequential<basin::Dense<3, 8>, basin::Sequential<basin::Dense<16, 10>>>;

int main() { return Model::out_features; }
