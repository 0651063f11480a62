// expect: Join<8, 16>
// lines: 29
// predict meets the layer that takes 16 features after one that gives 8.

#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/train/value_and_gradient.hpp"

using Model = basin::Sequential<basin::Dense<2, 8>, basin::Dense<16, 1>>;

int main() {
  const basin::Parameters<Model, float> theta;
  const basin::State<float> x(basin::Shape{2, {1, 1, 1}, 4});
  return static_cast<int>(basin::predict(Model(), theta, x.view()).output.values.size());
}
