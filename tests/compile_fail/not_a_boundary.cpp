// expect: constraint.*Boundary<|does not satisfy .Boundary.
// A boundary condition that says nothing of what stands beyond the edge.

#include "basin/layers/conv.hpp"

struct Open {};

int main() { return basin::Conv<3, 8, 3, 1, Open>::out_features; }
