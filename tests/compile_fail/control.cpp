// What the cases beside this file get wrong, done right.

#include "basin/basin.hpp"

int main() {}
