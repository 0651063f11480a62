// expect: network_of: the task must be a Sequential of dense layers and activations
// A task with a layer that is neither dense nor an activation.

#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/network.hpp"

int main() {
  return static_cast<int>(basin::network_of<basin::Sequential<basin::Conv<1, 4, 3>, basin::Dense<4, 2>>>().cells());
}
