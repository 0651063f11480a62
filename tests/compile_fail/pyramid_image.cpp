// expect: Pyramid: the image must have a feature, and at most as many as the automaton
// An image of more features than the automaton has.

#include "basin/layers/dense.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/pyramid.hpp"

using Nca = basin::Automaton<basin::Perceive<4, basin::Zero, basin::Centre>, basin::Dense<4, 4>, basin::RandomFire>;

int main() { return basin::Pyramid<basin::Rollout<Nca>, 5, 2>::out_features; }
