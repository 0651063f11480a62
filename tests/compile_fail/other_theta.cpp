// expect: theta belongs to another model than the one that it is given to
// The theta of another model, of the same length.

#include "basin/layers/dense.hpp"
#include "basin/train/value_and_gradient.hpp"

int main() {
  const basin::Parameters<basin::Dense<3, 4>, float> theta;  // 16 numbers
  const basin::Dense<7, 2> model;                            // 16 numbers
  const basin::State<float> x(basin::Shape{7});
  return static_cast<int>(basin::predict(model, theta, x.view()).output.values.size());
}
