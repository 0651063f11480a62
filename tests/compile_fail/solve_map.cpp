// expect: a map is called as f.View<const S> z, View<S> out.
// lines: 15
// A map that wants to write to the state that it is evaluated at.

#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"

int main() {
  const Eigen::MatrixXd start = Eigen::MatrixXd::Zero(2, 1);
  const auto f = [](basin::View<double> z, basin::View<double> out) { out.vector() = 0.5 * z.vector(); };
  return static_cast<int>(basin::solve(f, start, basin::Picard{}).samples.size());
}
