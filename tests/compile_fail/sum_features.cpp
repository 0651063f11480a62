// expect: the layers of a Sum give different numbers of features
// lines: 29
// A sum of 4 features and 6.

#include "basin/layers/dense.hpp"
#include "basin/layers/parallel.hpp"

int main() { return basin::Sum<basin::Dense<8, 4>, basin::Dense<8, 6>>::out_features; }
