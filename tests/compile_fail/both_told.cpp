// expect: PerceiveBoth: what cells are told is put around both of what they see
// One half of a perception that is told something.

#include "basin/nca/perceive.hpp"
#include "basin/nca/perceive_both.hpp"

using Stencils = basin::Perceive<4, basin::Zero, basin::Centre>;

int main() { return basin::PerceiveBoth<basin::Conditioned<Stencils, 2>, Stencils>::seen_features; }
