// expect: value_and_gradient_along: u must be given if the cells of the rollout are told something \(Conditioned\), and
// The gradient of a rollout whose cells are told nothing, with what they are to be told.

#include "basin/layers/dense.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"

using Nca = basin::Rollout<basin::Automaton<basin::Perceive<4, basin::Zero, basin::Centre>, basin::Dense<4, 4>>>;

int main() {
  const basin::Parameters<Nca, float> theta;
  const basin::State<float> z({4, {1, 1, 1}, 1}), goal({2, {1, 1, 1}, 1});
  const basin::LeadingFeaturesError<float> loss{z};
  return static_cast<int>(basin::value_and_gradient_along(Nca{}, theta, z.view(), goal.view(), loss, {{1, 1}}).value);
}
