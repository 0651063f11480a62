#pragma once

// Pooling: each feature by itself, over windows of the X and Y axes or over all cells of a sample.
//
//   AveragePool   y(c, i, j, n) = mean of x(c, s i + k, s j + l, n) over 0 <= k, l < window
//   MaxPool       the same with max; its derivative goes to the first cell (in memory) that reaches the maximum
//   GlobalAveragePool, GlobalMaxPool   over all cells of a sample
//
// x is (C, X, Y, 1, N), y is (C, (X - window) / s + 1, (Y - window) / s + 1, 1, N), rounded down: windows lie wholly
// inside. The global ones take (C, X, Y, Z, N) to (C, 1, 1, 1, N). No parameters. A NaN in a window is its maximum.

#include <algorithm>
#include <cstdint>
#include <limits>

#include "basin/core/layer.hpp"

namespace basin {

namespace detail {

/// The shape that windows give. Throws std::invalid_argument if none fits.
inline Shape windowed(std::string_view layer, const Shape& x, Index window, Index stride) {
  // Each if: before the message takes memory, as this is on hot paths.
  if (x.space[2] != 1) check(false, std::string(layer) + ": extent of the third axis of space", x.space[2], 1);
  for (const std::size_t axis : {std::size_t{0}, std::size_t{1}}) {
    if (x.space[axis] >= window) continue;
    check(false, std::string(layer) + ": extent of an axis of space", x.space[axis],
          "at least the window, " + std::to_string(window));
  }
  return {x.features, {(x.space[0] - window) / stride + 1, (x.space[1] - window) / stride + 1, 1}, x.samples};
}

/// The shape that all cells of a sample give. Throws std::invalid_argument if there is none.
inline Shape gathered(std::string_view layer, const Shape& x) {
  const Index cells = x.cells_per_sample();
  if (cells <= 0) check(false, std::string(layer) + ": number of cells of a sample", cells, "at least 1");
  return {x.features, {1, 1, 1}, x.samples};
}

/// Calls visit(out, in) for the first numbers of each output cell and of each cell of its window, window by window,
/// the windows' cells in the order of memory.
template <class Visit>
void for_each_in_windows(const Shape& x, const Shape& y, Index window_x, Index window_y, Index stride,
                         const Visit& visit) {
  Index out = 0;
  for (Index n = 0; n < y.samples; ++n) {
    for (Index j = 0; j < y.space[1]; ++j) {
      for (Index i = 0; i < y.space[0]; ++i, out += y.features) {
        const Index corner = n * x.sample_size() + (j * stride * x.space[0] + i * stride) * x.features;
        for (Index l = 0; l < window_y; ++l) {
          for (Index k = 0; k < window_x; ++k) visit(out, corner + (l * x.space[0] + k) * x.features);
        }
      }
    }
  }
}

/// J of a mean over windows, and the mean itself, which is linear.
template <class S>
class AverageLinearization {
 public:
  AverageLinearization(const Shape& x, const Shape& y, Index window_x, Index window_y, Index stride)
      : x_(x), y_(y), window_x_(window_x), window_y_(window_y), stride_(stride) {}

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("pool", x_, y_, t, out);
    out.vector().setZero();
    for_each_in_windows(x_, y_, window_x_, window_y_, stride_, [&](Index to, Index from) {
      for (Index c = 0; c < x_.features; ++c) out.data()[to + c] += t.data()[from + c];
    });
    out.vector() *= S(1) / static_cast<S>(window_x_ * window_y_);
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp("pool", x_, y_, w, dx);
    const S part = S(1) / static_cast<S>(window_x_ * window_y_);
    dx.vector().setZero();
    for_each_in_windows(x_, y_, window_x_, window_y_, stride_, [&](Index from, Index to) {
      for (Index c = 0; c < x_.features; ++c) dx.data()[to + c] += part * w.data()[from + c];
    });
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
    if (dx) vjp(w, dx);
  }

 private:
  Shape x_, y_;
  Index window_x_, window_y_, stride_;
};

/// y = the maximum over windows, and where it is if `places` has memory.
template <class S>
void maximum(View<const S> x, View<S> y, Index window_x, Index window_y, Index stride, Index* places) {
  const Index features = x.shape().features;
  y.vector().setConstant(-std::numeric_limits<S>::infinity());
  if (places != nullptr) std::fill_n(places, y.size(), Index{-1});
  for_each_in_windows(x.shape(), y.shape(), window_x, window_y, stride, [&](Index to, Index from) {
    if (places == nullptr) {
      for (Index c = 0; c < features; ++c) {
        const S value = x.data()[from + c], best = y.data()[to + c];
        y.data()[to + c] = value > best || value != value ? value : best;
      }
    } else {
      for (Index c = 0; c < features; ++c) {
        const S value = x.data()[from + c];
        if (value > y.data()[to + c] || value != value || places[to + c] < 0) {
          y.data()[to + c] = value;
          places[to + c] = from + c;
        }
      }
    }
  });
}

/// J of a maximum over windows. Owns where the maxima are.
template <class S>
class MaximumLinearization {
 public:
  MaximumLinearization(View<const S> x, View<S> y, Index window_x, Index window_y, Index stride)
      : x_(x.shape()), y_(y.shape()), places_(y.size()) {
    maximum(x, y, window_x, window_y, stride, places_.data());
  }

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("pool", x_, y_, t, out);
    for (Index i = 0; i < places_.size(); ++i) out.data()[i] = t.data()[places_[i]];
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp("pool", x_, y_, w, dx);
    dx.vector().setZero();
    for (Index i = 0; i < places_.size(); ++i) dx.data()[places_[i]] += w.data()[i];
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
    if (dx) vjp(w, dx);
  }

 private:
  Shape x_, y_;
  Buffer<Index> places_;  // within x, for each number of y
};

}  // namespace detail

/// The mean over square windows.
template <int window, int stride = window>
struct AveragePool {
  static_assert(window > 0 && stride > 0, "AveragePool: window and stride must be positive");

  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;

  [[nodiscard]] Shape out_shape(const Shape& x) const { return detail::windowed("AveragePool", x, window, stride); }

  template <class S>
  void apply(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    linearize(theta, x, y, context);
  }

  template <class S>
  detail::AverageLinearization<S> linearize(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<AveragePool, S>("AveragePool", *this, x, y);
    const detail::AverageLinearization<S> j(x.shape(), y.shape(), window, window, stride);
    j.jvp(x, y);
    return j;
  }
};

/// The maximum over square windows.
template <int window, int stride = window>
struct MaxPool {
  static_assert(window > 0 && stride > 0, "MaxPool: window and stride must be positive");

  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;

  [[nodiscard]] Shape out_shape(const Shape& x) const { return detail::windowed("MaxPool", x, window, stride); }

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<MaxPool, S>("MaxPool", *this, x, y);
    detail::maximum<S>(x, y, window, window, stride, nullptr);
  }

  template <class S>
  detail::MaximumLinearization<S> linearize(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<MaxPool, S>("MaxPool", *this, x, y);
    return {x, y, window, window, stride};
  }
};

/// The mean over all cells of a sample: one window as large as the sample.
struct GlobalAveragePool {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;

  [[nodiscard]] Shape out_shape(const Shape& x) const { return detail::gathered("GlobalAveragePool", x); }

  template <class S>
  void apply(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    linearize(theta, x, y, context);
  }

  template <class S>
  detail::AverageLinearization<S> linearize(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<GlobalAveragePool, S>("GlobalAveragePool", *this, x, y);
    const detail::AverageLinearization<S> j(x.shape(), y.shape(), x.shape().cells_per_sample(), 1, 1);
    j.jvp(x, y);
    return j;
  }
};

/// The maximum over all cells of a sample.
struct GlobalMaxPool {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;

  [[nodiscard]] Shape out_shape(const Shape& x) const { return detail::gathered("GlobalMaxPool", x); }

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<GlobalMaxPool, S>("GlobalMaxPool", *this, x, y);
    detail::maximum<S>(x, y, x.shape().cells_per_sample(), 1, 1, nullptr);
  }

  template <class S>
  detail::MaximumLinearization<S> linearize(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<GlobalMaxPool, S>("GlobalMaxPool", *this, x, y);
    return {x, y, x.shape().cells_per_sample(), 1, 1};
  }
};

}  // namespace basin
