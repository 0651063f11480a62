// expect: State<float>.* is not derived from .*View<S>|could not match 'View' against 'State'
// lines: 20
// The output of apply and linearize is a view: its scalar is that of all other arguments.

#include "basin/layers/dense.hpp"

int main() {
  const basin::Parameters<basin::Dense<2, 3>, float> theta;
  const basin::State<float> x(basin::Shape{2});
  basin::State<float> y(basin::Shape{3});
  basin::Dense<2, 3>{}.apply(theta, x, y);
}
