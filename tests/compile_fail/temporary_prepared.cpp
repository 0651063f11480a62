// expect: what was prepared is a temporary, and ends before what refers to it: give it a name first
// lines: 15
// What a linearization would refer to, as a temporary that ends before it.

#include "basin/layers/conv.hpp"

int main() {
  using Layer = basin::Conv<1, 2, 3>;
  const Layer layer;
  const basin::Parameters<Layer, float> theta;
  const basin::State<float> x(basin::Shape{1, {4, 4, 1}, 1});
  basin::State<float> y(layer.out_shape(x.shape));
  const auto linear = layer.linearize<float>(theta, x.view(), y.view(), {}, layer.prepare<float>(theta.span()));
  static_cast<void>(linear);
}
