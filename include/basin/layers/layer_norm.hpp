#pragma once

// Normalizations over the C features of each cell by itself.
//
// LayerNorm (Ba, Kiros & Hinton 2016, equations 3 and 4):
//
//   y_c = scale_c (x_c - m) r + shift_c,   m = mean_c x,   r = 1 / sqrt(mean_c (x - m)^2 + epsilon)
//
// RmsNorm (Zhang & Sennrich 2019, equation 4) leaves out the mean and the shift:
//
//   y_c = scale_c x_c r,   r = 1 / sqrt(mean_c x^2 + epsilon)
//
// x and y are (C, X, Y, Z, N); theta is scale (C), then, of LayerNorm, shift (C). With xh = (x - m) r, on each cell:
//
//   J t   = scale r (t - mean t - xh mean(xh t))
//   J^T w = r (g - mean g - xh mean(xh g)),   g = scale w
//   dscale = xh w,   dshift = w,   summed over the cells
//
// and the same for RmsNorm with m = 0 and without mean t and mean g.

#include "basin/core/layer.hpp"
#include "basin/layers/feature_scales.hpp"

namespace basin {

namespace detail {

/// The mean of an array, added in one order wherever it lies. An array itself Eigen adds from the first address on that
/// suits a register, so that the last bits depend on the place of a cell; an expression from the first number on.
template <class A>
typename A::Scalar mean_in_order(const A& numbers) {
  return (numbers * typename A::Scalar(1)).mean();
}

/// Both: `centred` is LayerNorm.
template <int C, bool centred>
struct CellNorm {
  static_assert(C > 0, "LayerNorm, RmsNorm: the number of features must be positive");

  static constexpr int in_features = C, out_features = C;
  static constexpr std::size_t param_count = FeatureScales<C, centred>::param_count;

  double epsilon = 1e-5;  ///< added to the mean of squares

  static void leaves(LeafList& list) { FeatureScales<C, centred>::leaves(list); }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features(name, x.features, C);
    return x;
  }

  /// x and y may be the same memory.
  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply_then(theta, x, y, context, detail::NoThen{});
  }

  /// As apply, and then(block, offset, count) for each finished block of a few kilobytes. x and y may be the same
  /// memory.
  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then) const {
    check_output<CellNorm, S>(name, *this, x, y);
    constexpr Index block = std::max<Index>(1, 4096 / static_cast<Index>(sizeof(S)) / C);
    const Row<S> scale = Fixed<S>(theta.data()), shift = shift_of(theta.data());
    const Index cells = x.shape().cells();
    for (Index first = 0; first < cells; first += block) {
      const Index last = std::min(first + block, cells);
      for (Index cell = first; cell < last; ++cell) normalize(scale, shift, x.data() + cell * C, y.data() + cell * C);
      then(y.data() + first * C, first * C, (last - first) * C);
    }
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& = {}) const {
    check_output<CellNorm, S>(name, *this, x, y);
    const Row<S> scale = Fixed<S>(theta.data()), shift = shift_of(theta.data());
    Linearization<S> j(theta.data(), x);
    for (Index cell = 0; cell < x.shape().cells(); ++cell) {
      const auto [mean, inverse] = normalize(scale, shift, x.data() + cell * C, y.data() + cell * C);
      j.mean_[cell] = mean;
      j.inverse_[cell] = inverse;
    }
    return j;
  }

 private:
  static constexpr const char* name = centred ? "LayerNorm" : "RmsNorm";

  template <class S>
  using Row = Eigen::Array<S, C, 1>;
  template <class S>
  using Fixed = Eigen::Map<const Row<S>>;

  template <class S>
  static Row<S> shift_of(const S* theta) {
    if constexpr (centred) return Fixed<S>(theta + C);
    return Row<S>::Zero();
  }

  /// y of one cell; returns m and r.
  template <class S>
  std::pair<S, S> normalize(const Row<S>& scale, const Row<S>& shift, const S* x, S* y) const {
    Eigen::Map<Row<S>> out(y);
    if constexpr (centred) {
      const S mean = mean_in_order(Fixed<S>(x));
      const Row<S> from_mean = Fixed<S>(x) - mean;
      const S inverse = S(1) / std::sqrt(from_mean.square().mean() + static_cast<S>(epsilon));
      out = from_mean * inverse * scale + shift;
      return {mean, inverse};
    } else {
      const S inverse = S(1) / std::sqrt(Fixed<S>(x).square().mean() + static_cast<S>(epsilon));
      out = Fixed<S>(x) * inverse * scale;
      return {S(0), inverse};
    }
  }
};

/// J and its transposes. Refers to theta and x; owns m and r of every cell.
template <int C, bool centred>
template <class S>
class CellNorm<C, centred>::Linearization {
 public:
  Linearization(const S* theta, View<const S> x)
      : scale_(theta), x_(x), mean_(x.shape().cells()), inverse_(x.shape().cells()) {}

  void jvp(View<const S> t, View<S> out) const {
    check_jvp(name, x_.shape(), x_.shape(), t, out);
    const Row<S> scale = Fixed<S>(scale_);
    for (Index cell = 0; cell < mean_.size(); ++cell) {
      const Fixed<S> along(t.data() + cell * C);
      const Row<S> xh = normalized(cell);
      Eigen::Map<Row<S>>(out.data() + cell * C) =
          scale * inverse_[cell] * (along - mean_of(along) - xh * (xh * along).mean());
    }
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp(name, x_.shape(), x_.shape(), w, dx);
    const Row<S> scale = Fixed<S>(scale_);
    for (Index cell = 0; cell < mean_.size(); ++cell) {
      const Row<S> g = scale * Fixed<S>(w.data() + cell * C), xh = normalized(cell);
      Eigen::Map<Row<S>>(dx.data() + cell * C) = inverse_[cell] * (g - mean_of(g) - xh * (xh * g).mean());
    }
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback(name, x_.shape(), x_.shape(), w, dx);
    if (dx) vjp(w, dx);
    Row<S> dscale = Row<S>::Zero(), dshift = Row<S>::Zero();
    for (Index cell = 0; cell < mean_.size(); ++cell) {
      const Fixed<S> of_cell(w.data() + cell * C);
      dscale += normalized(cell) * of_cell;
      dshift += of_cell;
    }
    Eigen::Map<Row<S>>(dtheta.data()) += dscale;
    if constexpr (centred) Eigen::Map<Row<S>>(dtheta.data() + C) += dshift;
  }

 private:
  friend CellNorm;

  /// What the mean contributes: nothing without one.
  template <class A>
  static S mean_of(const A& numbers) {
    if constexpr (centred) return mean_in_order(numbers);
    return S(0);
  }

  [[nodiscard]] Row<S> normalized(Index cell) const {
    return (Fixed<S>(x_.data() + cell * C) - mean_[cell]) * inverse_[cell];
  }

  const S* scale_;
  View<const S> x_;
  Buffer<S> mean_, inverse_;  // of each cell
};

}  // namespace detail

/// theta: scale (C), shift (C).
template <int C>
using LayerNorm = detail::CellNorm<C, true>;

/// theta: scale (C).
template <int C>
using RmsNorm = detail::CellNorm<C, false>;

}  // namespace basin
