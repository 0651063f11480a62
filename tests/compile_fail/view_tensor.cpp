// expect: a view of a tensor that is a temporary: give it a name first
// lines: 20

#include "basin/core/tensor.hpp"

int main() {
  const auto x = basin::view(Eigen::Tensor<float, 3>(2, 4, 3));
  return static_cast<int>(x.size());
}
