#pragma once

// Weights that cannot stretch, after a step of the optimizer: bounds of a layer's norm that hold, not estimates of it.
//
//   limit_spectral_norm   W <- W min(1, max_norm / bound), bound >= |W|_2, the most by which W lengthens a vector
//   limit_output_sums     w_o <- w_o min(1, max_sum / |w_o|_1), w_o the weights into output o; then |W|_inf <= max_sum,
//                         the most by which W makes the largest number larger
//
// A cell sigma(W z + u) with a sigma that stretches nothing (Relu, Tanh, LeakyRelu, Sigmoid, ...; no normalization)
// contracts, in the Euclidean or the maximum norm, when one of them is below 1: there is one equilibrium, and Picard
// iteration converges to it from anywhere, with that rate (Banach 1922; for the maximum norm L. El Ghaoui et al.,
// "Implicit deep learning", SIAM J. Math. Data Sci. 3(3), 2021). Which one leaves W more freedom depends on W. Others
// call a matrix over the power method's estimate of its norm "spectral normalization" (Miyato et al. 2018): that
// estimate is from below, and a learned scale behind it (weight normalization) leaves no bound at all.
//
// What holds for a convolution: both for zeros beyond the edge and for a torus, of any size and stride;
// limit_output_sums under a mirrored boundary, too, limit_spectral_norm there not.

#include <cmath>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "basin/linear/norm_bound.hpp"
#include "basin/train/clip.hpp"

namespace basin {

namespace detail {

/// The leaf of that name, of weights. Throws std::invalid_argument if there is none.
template <class Model, class S>
[[nodiscard]] Leaf weights_named(Parameters<Model, S>& theta, std::string_view name) {
  static_cast<void>(theta.leaf(name));  // throws if there is none
  for (const Leaf& leaf : leaves_of<Model>()) {
    if (leaf.name != name) continue;
    check(leaf.kind == LeafKind::weight, "kind of leaf '" + leaf.name + "'", "bias or scale", "weight");
    return leaf;
  }
  return {};
}

}  // namespace detail

/// Scales a leaf of weights, of a Dense (outputs, inputs) or a Conv (outputs, inputs, K, K), to a spectral norm of at
/// most max_norm. Returns the bound of that norm before, at most some 1.13 times the norm by the default options. A
/// leaf that is not finite stays as it is. Cost in multiply-adds: 5 F^3 for a matrix of F x F, some 5000 F^3 for a 3 x
/// 3 convolution. Throws std::invalid_argument for a max_norm that is not positive or not finite as a number of theta,
/// for a leaf that is not there, not one of weights or of another shape, and options out of range; then it changes
/// nothing.
template <class Model, class S>
double limit_spectral_norm(Parameters<Model, S>& theta, std::string_view leaf_name, double max_norm,
                           const NormBoundOptions& options = {}) {
  detail::check_limit<S>("largest spectral norm", max_norm);
  const Leaf leaf = detail::weights_named(theta, leaf_name);
  const bool matrix = leaf.shape.size() == 2;
  check(matrix || (leaf.shape.size() == 4 && leaf.shape[2] == leaf.shape[3]), "shape of leaf '" + leaf.name + "', axes",
        leaf.shape.size(), "(outputs, inputs) or (outputs, inputs, K, K)");
  const std::span<S> values = theta.leaf(leaf_name);
  const auto bound = [&] {
    const std::vector<double> taps(values.begin(), values.end());
    return convolution_norm_bound(taps, leaf.shape[0], leaf.shape[1], matrix ? 1 : leaf.shape[2], options);
  };
  const double before = bound();
  if (!std::isfinite(before)) return before;
  // Once more where rounding to S has left it above.
  for (double now = before; now > max_norm; now = bound()) {
    const double scale = max_norm / now * (1 - static_cast<double>(std::numeric_limits<S>::epsilon()));
    for (S& value : values) value = static_cast<S>(scale * static_cast<double>(value));
  }
  return before;
}

/// Scales the weights into each output so that their absolute values sum to at most max_sum. Returns the largest sum
/// before. A row that is not finite stays as it is.
/// Throws std::invalid_argument for a max_sum that is not positive or not finite as a number of theta, and for a leaf
/// that is not there or not one of weights.
template <class Model, class S>
double limit_output_sums(Parameters<Model, S>& theta, std::string_view leaf_name, double max_sum) {
  detail::check_limit<S>("largest sum of an output's weights", max_sum);
  const Leaf leaf = detail::weights_named(theta, leaf_name);
  const std::span<S> values = theta.leaf(leaf_name);
  const Index outputs = leaf.shape[0];
  Eigen::Map<Matrix<S>> weights(values.data(), outputs, static_cast<Index>(values.size()) / outputs);
  double largest = 0;
  for (Index o = 0; o < outputs; ++o) {
    const auto sum = [&] { return weights.row(o).template cast<double>().cwiseAbs().sum(); };
    const double before = sum();
    largest = std::isnan(before) ? before : std::max(largest, before);
    if (!std::isfinite(before)) continue;
    for (double now = before; now > max_sum; now = sum()) {
      const double scale = max_sum / now * (1 - static_cast<double>(std::numeric_limits<S>::epsilon()));
      weights.row(o) = (scale * weights.row(o).template cast<double>()).template cast<S>();
    }
  }
  return largest;
}

}  // namespace basin
