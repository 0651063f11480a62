// expect: Split: expected 0 <= First < End <= Inputs
// More features than there are.

#include "basin/layers/split.hpp"

int main() { return basin::Split<8, 4, 10>::out_features; }
