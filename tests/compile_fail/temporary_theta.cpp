// expect: the theta of Parameters that are a temporary, and end before its use: give them a name first
// lines: 20
// A linearization refers to theta, which is gone before it is used.

#include "basin/layers/dense.hpp"
#include "basin/train/initial.hpp"

int main() {
  const basin::Dense<2, 3> layer;
  basin::State<float> x(basin::Shape{2}), y(basin::Shape{3});
  const auto j = layer.linearize<float>(basin::initial_parameters<float>(layer, 1), x, y.view());
  j.jvp(x, y.view());
}
