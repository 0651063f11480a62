// expect: the start of the method takes an Index, not an Extent
// lines: 15
// A method that knows nothing of samples that are split, on a map whose samples are: its sums would be over a part.

#include "basin/fixed_point/solve.hpp"

namespace {

struct Mine {
  template <class S>
  struct Memory {};
  template <class S>
  Memory<S> start(basin::Index, basin::Scratch&) const {
    return {};
  }
  template <class S>
  void step(Memory<S>&, std::span<S> z, std::type_identity_t<std::span<const S>> f) const {
    std::copy(f.begin(), f.end(), z.begin());
  }
};

struct Half {
  basin::Extent extent(const basin::Shape& one) const { return one.sample_size(); }
  void operator()(basin::View<const double> z, basin::View<double> out) const { out.vector() = 0.5 * z.vector(); }
};

}  // namespace

int main() {
  const Eigen::MatrixXd start = Eigen::MatrixXd::Zero(2, 1);
  return static_cast<int>(basin::solve(Half{}, start, Mine{}).samples.size());
}
