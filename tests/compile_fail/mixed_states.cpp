// expect: theta and all states have the same scalar: cast what has another
// lines: 20

#include "basin/layers/dense.hpp"

int main() {
  const basin::Parameters<basin::Dense<2, 3>, float> theta;
  basin::State<double> x(basin::Shape{2});
  basin::State<float> y(basin::Shape{3});
  basin::Dense<2, 3>{}.apply(theta, x, y.view());
}
