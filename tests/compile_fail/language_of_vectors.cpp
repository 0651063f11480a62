// expect: basin needs C\+\+20: compile with -std=c\+\+20
// standard: c++17
// lines: 20
// The same from a header that needs nothing of the core.

#include "basin/kernels/product.hpp"

int main() {}
