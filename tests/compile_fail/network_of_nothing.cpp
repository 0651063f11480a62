// expect: network_of: the task has no dense layer
// A task that has nothing but an activation.

#include "basin/layers/activation.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/network.hpp"

int main() { return static_cast<int>(basin::network_of<basin::Sequential<basin::Relu>>().cells()); }
