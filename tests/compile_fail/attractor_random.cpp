// expect: an attractor is one of a map: take the mean_field of an automaton that fires at random
// The attractor of an automaton that has none, since its mask is random.

#include "basin/fixed_point/attractor.hpp"
#include "basin/layers/dense.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"

using See = basin::Perceive<4, basin::Zero, basin::Centre>;
using Random = basin::Automaton<See, basin::Dense<4, 4>>;

int main() {
  const basin::State<float> z(basin::Shape{4, {3, 3, 1}, 1}), u(basin::Shape{0, {3, 3, 1}, 1});
  const basin::Parameters<Random, float> theta;
  return basin::find_attractor(Random{}, theta.span(), u.view(), z).period == 1 ? 0 : 1;
}
