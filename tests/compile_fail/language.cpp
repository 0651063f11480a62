// expect: basin needs C\+\+20: compile with -std=c\+\+20
// standard: c++17
// lines: 20

#include "basin/basin.hpp"

int main() {}
