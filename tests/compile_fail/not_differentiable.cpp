// expect: value_and_gradient: the model must be a layer, with apply and linearize
// The same, where its gradient is asked for.

#include "basin/train/value_and_gradient.hpp"

struct Double {
  static constexpr int in_features = basin::any_features, out_features = basin::any_features;
  static constexpr std::size_t param_count = 0;
  basin::Shape out_shape(const basin::Shape& x) const { return x; }
  template <class S>
  void apply(basin::Theta<S, 0>, basin::In<S> x, basin::View<S> y, const basin::Context& = {}) const {
    y.vector() = S(2) * x.vector();
  }
};

struct Loss {
  double value_and_gradient(basin::View<const float>, basin::Index, basin::Index, basin::View<float>) const {
    return 0;
  }
};

int main() {
  const basin::Parameters<Double, float> theta;
  const basin::State<float> x(basin::Shape{3});
  return static_cast<int>(basin::value_and_gradient(Double(), theta, x.view(), Loss()).value);
}
