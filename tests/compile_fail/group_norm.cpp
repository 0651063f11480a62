// expect: GroupNorm: the number of features must be a multiple of the number of groups
// Groups that do not divide the features.

#include "basin/layers/group_norm.hpp"

int main() { return basin::GroupNorm<16, 5>::out_features; }
