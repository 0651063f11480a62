// expect: a view of an expression, which has no memory: put its values into a matrix first
// lines: 20

#include "basin/core/state.hpp"

int main() {
  const auto x = basin::view(Eigen::MatrixXf::Zero(2, 4));
  return static_cast<int>(x.size());
}
