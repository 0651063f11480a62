#pragma once

// A learned scale, and a shift, of each feature:
//
//   y_c = scale_c x_c + shift_c,   J = diag(scale),   dscale_c = sum over cells of x_c w_c,   dshift_c = sum of w_c
//
// x and y are (C, X, Y, Z, N); theta is scale (C), then shift (C), which Bias::no leaves out. It is what a
// normalization with fixed statistics is (layers/batch_norm.hpp), and at the end of the branch of a residual layer,
// with Bias::no and small initial numbers, LayerScale (Touvron et al. 2021, "Going deeper with image transformers").

#include <algorithm>
#include <array>

#include "basin/core/layer.hpp"
#include "basin/kernels/per_feature.hpp"
#include "basin/layers/bias.hpp"
#include "basin/layers/feature_scales.hpp"

namespace basin {

namespace detail {

/// y = a x, or a x + b with b(c) if `add`, and then(block, offset, count) for each block of a few kilobytes.
template <int C, bool add, class S, class A, class B, class Then>
void scale_blocks(View<const S> x, View<S> y, const A& a, const B& b, const Then& then) {
  using Row = kernels::PerFeature<C, S>;
  const Row factors(a), shifts(b);
  constexpr Index block = std::max<Index>(1, 4096 / static_cast<Index>(sizeof(S)) / Row::period) * Row::period;
  for (Index first = 0; first < x.size(); first += block) {
    const Index count = std::min(block, x.size() - first);
    kernels::scale_features<C, add>(count, x.data() + first, factors, shifts, y.data() + first);
    then(y.data() + first, first, count);
  }
}

/// J of y = scale (x - mean) inverse + shift, where mean and inverse are given numbers of each feature. Refers to theta
/// and x.
template <int C, bool with_shift, class S>
class FeatureScaleLinearization {
 public:
  using Numbers = std::array<double, static_cast<std::size_t>(C)>;
  static constexpr std::size_t param_count = FeatureScales<C, with_shift>::param_count;

  FeatureScaleLinearization(const char* name, const S* scale, View<const S> x, const Numbers& mean,
                            const Numbers& inverse)
      : name_(name), scale_(scale), x_(x), mean_(mean), inverse_(inverse) {}

  void jvp(View<const S> t, View<S> out) const {
    check_jvp(name_, x_.shape(), x_.shape(), t, out);
    scale_blocks<C, false, S>(
        t, out, [&](int c) { return static_cast<double>(scale_[c]) * inverse_[static_cast<std::size_t>(c)]; },
        [](int) { return 0.0; }, detail::NoThen{});
  }

  void vjp(View<const S> w, View<S> dx) const {  // a diagonal is its own transpose
    check_vjp(name_, x_.shape(), x_.shape(), w, dx);
    jvp(w, dx);
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    using namespace kernels;
    check_pullback(name_, x_.shape(), x_.shape(), w, dx);
    if (dx) jvp(w, dx);
    const S *const x = x_.data(), *const from = w.data();
    const PerFeature<C, S> mean([&](int c) { return mean_[static_cast<std::size_t>(c)]; });
    const auto with_x = sums_over_cells<C, S>(x_.size(), [=, m = mean.numbers.data()]<int lanes>(Index i, int j) {
      return Lanes<S, lanes>((load<lanes>(x + i) - load<lanes>(m + j)) * load<lanes>(from + i));
    });
    for (std::size_t c = 0; c < C; ++c) dtheta[c] += static_cast<S>(with_x[c] * inverse_[c]);
    if constexpr (with_shift) {
      const auto plain =
          sums_over_cells<C, S>(x_.size(), [=]<int lanes>(Index i, int) { return load<lanes>(from + i); });
      for (std::size_t c = 0; c < C; ++c) dtheta[C + c] += static_cast<S>(plain[c]);
    }
  }

 private:
  const char* name_;
  const S* scale_;
  View<const S> x_;
  Numbers mean_, inverse_;
};

}  // namespace detail

template <int C, Bias WithBias = Bias::yes>
struct Scale {
  static_assert(C > 0, "Scale: the number of features must be positive");

  static constexpr int in_features = C, out_features = C;
  static constexpr bool with_shift = WithBias == Bias::yes;  ///< whether a shift is added
  static constexpr std::size_t param_count = detail::FeatureScales<C, with_shift>::param_count;

  static void leaves(LeafList& list) { detail::FeatureScales<C, with_shift>::leaves(list); }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Scale", x.features, C);
    return x;
  }

  /// x and y may be the same memory.
  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply_then(theta, x, y, context, detail::NoThen{});
  }

  /// As apply, and then(block, offset, count) for each finished block of a few kilobytes.
  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then) const {
    check_output<Scale, S>("Scale", *this, x, y);
    detail::scale_blocks<C, with_shift, S>(
        x, y, [&](int c) { return theta[static_cast<std::size_t>(c)]; },
        [&](int c) {
          if constexpr (with_shift) return theta[static_cast<std::size_t>(C + c)];
          return S(0);
        },
        then);
  }

  template <class S>
  using Linearization = detail::FeatureScaleLinearization<C, with_shift, S>;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    typename Linearization<S>::Numbers ones;
    ones.fill(1);
    return Linearization<S>("Scale", theta.data(), x, {}, ones);
  }
};

}  // namespace basin
