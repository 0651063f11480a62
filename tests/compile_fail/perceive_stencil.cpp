// expect: constraint.*Stencil<|does not satisfy .Stencil.
// A perception by something that has no taps.

#include "basin/nca/perceive.hpp"

int main() { return basin::Perceive<4, basin::Zero, basin::Centre, int>::state_features; }
