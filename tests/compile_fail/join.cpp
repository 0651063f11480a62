// expect: Join<8, 16>
// lines: 29
// A layer that takes 16 features after one that gives 8.

#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"

using Model = basin::Sequential<basin::Conv<3, 8, 3>, basin::Relu, basin::Dense<16, 10>>;

int main() { return Model::out_features; }
