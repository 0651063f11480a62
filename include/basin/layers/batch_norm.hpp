#pragma once

// Batch normalization with statistics that are given (Ioffe & Szegedy 2015, algorithm 2, as it is used after training):
//
//   y_c = scale_c (x_c - mean_c) r_c + shift_c,   r_c = 1 / sqrt(variance_c + epsilon)
//
// x and y are (C, X, Y, Z, N); theta is scale (C), then shift (C). Mean and variance are data, not parameters, so to
// x and theta the layer is affine in each feature, and its derivatives are those of Scale (layers/scale.hpp).
//
// In training Ioffe & Szegedy take the statistics of the batch at hand. Here nothing couples samples: what a sample
// gets must not depend on who stands beside it, a solve in which some samples have left must go on as before, and
// layers hold no state that would run along. So statistics are estimated between steps of the optimizer, over as many
// samples as one likes, by estimate_batch_norms (train/batch_norms.hpp); between two estimates gradients are exact.
// Estimating over the training set, at the weights as they are, is also what is best before a network is used: running
// means lag behind the weights ("precise batch norm", Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3).
// fold_batch_norms then turns the layers into Scale, whose parameters a checkpoint keeps.

#include <array>
#include <cmath>

#include "basin/core/layer.hpp"
#include "basin/layers/feature_scales.hpp"
#include "basin/layers/scale.hpp"

namespace basin {

template <int C>
struct BatchNorm {
  static_assert(C > 0, "BatchNorm: the number of features must be positive");

  using Numbers = std::array<double, static_cast<std::size_t>(C)>;  ///< one for each feature
  static constexpr int in_features = C, out_features = C;
  static constexpr std::size_t param_count = detail::FeatureScales<C>::param_count;

  Numbers mean{};             ///< of each feature
  Numbers variance = all(1);  ///< of each feature; not negative
  double epsilon = 1e-5;      ///< added to the variance

  static void leaves(LeafList& list) { detail::FeatureScales<C>::leaves(list); }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("BatchNorm", x.features, C);
    return x;
  }

  /// r. Throws std::invalid_argument if a variance with epsilon is not positive.
  [[nodiscard]] Numbers inverse() const {
    Numbers r{};
    for (std::size_t c = 0; c < r.size(); ++c) {
      if (!(variance[c] + epsilon > 0)) {  // before the message takes memory: this is on hot paths
        check(false, "BatchNorm: variance of feature " + std::to_string(c) + " and epsilon", variance[c] + epsilon,
              "more than 0");
      }
      r[c] = 1 / std::sqrt(variance[c] + epsilon);
    }
    return r;
  }

  /// x and y may be the same memory.
  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply_then(theta, x, y, context, detail::NoThen{});
  }

  /// As apply, and then(block, offset, count) for each finished block of a few kilobytes.
  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then) const {
    check_output<BatchNorm, S>("BatchNorm", *this, x, y);
    const Numbers r = inverse();
    const auto factor = [&](int c) { return static_cast<double>(theta[at(c)]) * r[at(c)]; };
    detail::scale_blocks<C, true, S>(
        x, y, factor, [&](int c) { return static_cast<double>(theta[at(C + c)]) - factor(c) * mean[at(c)]; }, then);
  }

  template <class S>
  using Linearization = detail::FeatureScaleLinearization<C, true, S>;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>("BatchNorm", theta.data(), x, mean, inverse());
  }

 private:
  static constexpr std::size_t at(int c) { return static_cast<std::size_t>(c); }
  static constexpr Numbers all(double value) {
    Numbers numbers{};
    numbers.fill(value);
    return numbers;
  }
};

}  // namespace basin
