// expect: the other model has another number of parameters
// Parameters as those of a model of another size.

#include "basin/layers/dense.hpp"

int main() {
  const basin::Parameters<basin::Dense<3, 4>, float> theta;
  return static_cast<int>(theta.as<basin::Dense<3, 5>>().vector().size());
}
