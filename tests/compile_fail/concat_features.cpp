// expect: layers side by side take different numbers of features
// lines: 29
// A layer that takes 16 features beside one that takes 8.

#include "basin/layers/dense.hpp"
#include "basin/layers/parallel.hpp"

int main() { return basin::Concat<basin::Dense<8, 4>, basin::Dense<16, 4>>::out_features; }
