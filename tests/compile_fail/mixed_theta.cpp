// expect: theta and all states have the same scalar: take theta.cast<...>
// lines: 20

#include "basin/layers/dense.hpp"

int main() {
  const basin::Parameters<basin::Dense<2, 3>, float> theta;
  basin::State<double> x(basin::Shape{2}), y(basin::Shape{3});
  basin::Dense<2, 3>{}.apply(theta, x, y.view());
}
