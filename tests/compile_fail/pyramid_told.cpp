// expect: Pyramid: the image must have the features that the cells of the levels are told
// An image of one feature for cells that are told two.

#include "basin/layers/dense.hpp"
#include "basin/nca/conditioned.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/pyramid.hpp"

using Sees = basin::Conditioned<basin::Perceive<4, basin::Zero, basin::Centre>, 2>;
using Nca = basin::Automaton<Sees, basin::Dense<6, 4>, basin::EveryCell>;

int main() { return basin::Pyramid<basin::Rollout<Nca>, 1, 2>::input_features; }
