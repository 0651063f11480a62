// expect: Residual: F must give the features that it takes

#include "basin/layers/dense.hpp"
#include "basin/layers/residual.hpp"

int main() { return basin::Residual<basin::Dense<4, 8>>::out_features; }
