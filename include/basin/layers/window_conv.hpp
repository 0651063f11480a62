#pragma once

// Convolutions over one, two or three axes of space (cross-correlation, as the field calls it), with stride and
// dilation:
//
//   y(o, i, n) = b(o) + sum_{c, k} W(o, c, k) x(c, s i + d k - before, n)                   ConvNd, Conv1d, Conv3d
//   y(c, i, n) = b(c) + sum_k W(c, k) x(c, s i + d k - before, n)                           DepthwiseConv
//
// where i and k have an index for each axis of the Window (layers/window.hpp), and the boundary says what stands beyond
// the edge. x is (Inputs, X, Y, Z, N), with extents of 1 on axes that the window does not have; y has ceil(extent / s)
// cells along the others. W is (Outputs, Inputs, kernel, ...), of the depthwise one (C, kernel, ...); then b.
// Dilation: Yu & Koltun 2016, equation 2. Depthwise: Sifre 2014; Chollet 2017.
//
// For two axes without dilation there is Conv (layers/conv.hpp), which knows Winograd's filtering besides.
// layers/window_lines.hpp says how they are computed.

#include <string_view>

#include "basin/core/layer.hpp"
#include "basin/layers/bias.hpp"
#include "basin/layers/window_lines.hpp"

namespace basin {

namespace detail {

template <class Taps, Window W, Boundary Edge, Bias WithBias>
struct WindowConv {
  static_assert(Taps::from > 0 && Taps::to > 0, "a convolution's numbers of features must be positive");
  static_assert(CheckedWindow<W>::fits);

  using Lines = WindowLines<W, Taps, Edge>;
  static constexpr int in_features = Taps::from;
  static constexpr int out_features = Taps::to;
  static constexpr std::size_t weight_count = static_cast<std::size_t>(Lines::weight_count);
  static constexpr std::size_t param_count = weight_count + (WithBias == Bias::yes ? Taps::to : 0);

  static void leaves(LeafList& list) {
    Taps::template weight<W>(list);
    if constexpr (WithBias == Bias::yes) list.bias("bias", Taps::to);
  }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features(Taps::name, x.features, Taps::from);
    check_windows<W, Edge>(Taps::name, x);
    return Lines::out_shape(x);
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply_then(theta, x, y, context, detail::NoThen{});
  }

  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then) const {
    check_output<WindowConv, S>(Taps::name, *this, x, y);
    const S* bias = WithBias == Bias::yes ? theta.data() + weight_count : nullptr;
    for (Index n = 0; n < x.samples(); ++n) {
      Lines::sum(x.shape(), x.sample(n).data(), theta.data(), bias, y.sample(n).data(),
                 [&](S* line, Index count) { then(line, line - y.data(), count); });
    }
  }

  /// The weights turned round, for many linearizations at the same theta (core/layer.hpp).
  template <class S>
  [[nodiscard]] Buffer<S> prepare(std::span<const S, param_count> theta) const {
    Buffer<S> turned(Lines::weight_count);
    Lines::turn(theta.data(), turned.data());
    return turned;
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
                             IfPrepared<Buffer<S>> prepared = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(theta, x, y.shape(), prepared ? prepared->data() : nullptr);
  }
};

/// J and its transposes. Refers to theta and x; owns the weights turned round, or refers to what was prepared.
template <class Taps, Window W, Boundary Edge, Bias WithBias>
template <class S>
class WindowConv<Taps, W, Edge, WithBias>::Linearization {
 public:
  Linearization(std::span<const S, param_count> theta, View<const S> x, const Shape& y, const S* prepared)
      : weights_(theta.data()), x_(x), y_(y), prepared_(prepared) {
    if (prepared == nullptr) turned_ = WindowConv{}.prepare(theta);
  }

  void jvp(View<const S> t, View<S> out) const {
    check_jvp(Taps::name, x_.shape(), y_, t, out);
    for (Index n = 0; n < t.samples(); ++n) {
      Lines::sum(x_.shape(), t.sample(n).data(), weights_, static_cast<const S*>(nullptr), out.sample(n).data(),
                 [](S*, Index) {});
    }
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp(Taps::name, x_.shape(), y_, w, dx);
    const S* turned = prepared_ == nullptr ? turned_.data() : prepared_;
    for (Index n = 0; n < w.samples(); ++n) {
      Lines::transpose(x_.shape(), w.sample(n).data(), turned, static_cast<const S*>(nullptr), dx.sample(n).data(),
                       [](S*, Index) {});
    }
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback(Taps::name, x_.shape(), y_, w, dx);
    if (dx) vjp(w, dx);
    for (Index n = 0; n < w.samples(); ++n) {
      Lines::outer(x_.shape(), x_.sample(n).data(), w.sample(n).data(), dtheta.data());
    }
    if constexpr (WithBias == Bias::yes) {
      kernels::add_columns<Taps::to>(w.shape().cells(), w.data(), dtheta.data() + weight_count);
    }
  }

 private:
  const S* weights_;
  View<const S> x_;
  Shape y_;
  const S* prepared_;
  Buffer<S> turned_;  // unless it was prepared
};

}  // namespace detail

/// Over the axes of a window: ConvNd<3, 8, Window{.axes = 2, .kernel = 3, .dilation = 2}>.
template <int Inputs, int Outputs, Window W, Boundary Edge = Zero, Bias WithBias = Bias::yes>
using ConvNd = detail::WindowConv<detail::DenseTaps<Inputs, Outputs>, W, Edge, WithBias>;

/// Over X alone.
template <int Inputs, int Outputs, int Kernel, int Stride = 1, Boundary Edge = Zero, Bias WithBias = Bias::yes>
using Conv1d = ConvNd<Inputs, Outputs, Window{.axes = 1, .kernel = Kernel, .stride = Stride}, Edge, WithBias>;

/// Over X, Y and Z.
template <int Inputs, int Outputs, int Kernel, int Stride = 1, Boundary Edge = Zero, Bias WithBias = Bias::yes>
using Conv3d = ConvNd<Inputs, Outputs, Window{.axes = 3, .kernel = Kernel, .stride = Stride}, Edge, WithBias>;

/// Each feature by itself: DepthwiseConv<16, Window{.kernel = 5}>. A Dense after it mixes features.
template <int C, Window W = Window{}, Boundary Edge = Zero, Bias WithBias = Bias::yes>
using DepthwiseConv = detail::WindowConv<detail::DepthwiseTaps<C>, W, Edge, WithBias>;

}  // namespace basin
