// expect: Automaton: a feature that stays \(of Keeping, or of an alive mask\) is not one of the state's
// An update that keeps feature 3 of a state that has three.

#include "basin/layers/dense.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"

using See = basin::Perceive<3, basin::Zero, basin::Centre>;
using Keeps = basin::Keeping<basin::Features<3>>;

int main() {
  return basin::Automaton<See, basin::Dense<3, 3>, basin::RandomFire, basin::Everywhere, Keeps>::state_features;
}
