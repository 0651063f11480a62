// expect: a view of a matrix that is a temporary, and ends before it: give it a name first
// lines: 20

#include "basin/core/state.hpp"

int main() {
  const auto x = basin::view(Eigen::MatrixXf(2, 4));
  return static_cast<int>(x.size());
}
