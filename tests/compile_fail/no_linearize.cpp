// expect: Sequential: every argument must be a layer, with apply and linearize
// A layer that can be applied but not differentiated, in a Sequential.

#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"

struct Double {
  static constexpr int in_features = basin::any_features, out_features = basin::any_features;
  static constexpr std::size_t param_count = 0;
  basin::Shape out_shape(const basin::Shape& x) const { return x; }
  template <class S>
  void apply(basin::Theta<S, 0>, basin::In<S> x, basin::View<S> y, const basin::Context& = {}) const {
    y.vector() = S(2) * x.vector();
  }
};

int main() { return basin::Sequential<basin::Dense<3, 4>, Double>::out_features; }
