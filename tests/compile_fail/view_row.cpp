// expect: a view of a row or a row-major matrix: a state is column-major, features first
// lines: 20

#include "basin/core/state.hpp"

int main() {
  Eigen::MatrixXf matrix(2, 4);
  const auto x = basin::view(matrix.row(1));
  return static_cast<int>(x.size());
}
