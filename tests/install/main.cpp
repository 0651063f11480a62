// A program outside this project that uses the library's core.

#include <Eigen/Core>
#include <basin/basin.hpp>
#include <iostream>

int main() {
  const Eigen::Vector3f z{1, 2, 2};
  std::cout << "main: " << z.norm() << '\n';
  return z.norm() == 3 ? 0 : 1;
}
