// A program outside this project that uses a little of the library.

#include <basin/core/state.hpp>
#include <basin/version.hpp>
#include <iostream>

int main() {
  Eigen::MatrixXf z{{1, 2}, {2, 1}};
  const basin::View<float> view = basin::view(z);
  std::cout << "basin " << basin::version_text << ", norm " << view.vector().norm() << '\n';
  return view.samples() == 2 ? 0 : 1;
}
