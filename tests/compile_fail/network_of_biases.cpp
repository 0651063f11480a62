// expect: network_of: either all dense layers have biases, or none of them
// A task of which one layer has biases.

#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/meta/network.hpp"

using Task = basin::Sequential<basin::Dense<3, 4>, basin::Dense<4, 2, basin::Bias::no>>;

int main() { return static_cast<int>(basin::network_of<Task>().cells()); }
