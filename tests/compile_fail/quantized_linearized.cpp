// expect: Quantized layers have no derivative: train the layer itself, and quantize it then
// A layer of 8 bits, linearized.

#include "basin/layers/quantized.hpp"

using Layer = basin::Quantized<basin::Dense<2, 3>>;

int main() {
  const basin::State<float> x(basin::Shape{2, {1, 1, 1}, 1});
  basin::State<float> y(basin::Shape{3, {1, 1, 1}, 1});
  const basin::Parameters<Layer, float> theta;
  static_cast<void>(Layer{}.linearize(theta.span(), x.view(), y.view()));
}
