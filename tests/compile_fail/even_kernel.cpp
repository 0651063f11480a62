// expect: Conv: the kernel must be odd, so that it has a centre cell

#include "basin/layers/conv.hpp"

int main() { return basin::Conv<3, 8, 4>::out_features; }
