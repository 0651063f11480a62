#pragma once

// Transposed convolution (Zeiler, Krishnan, Taylor & Fergus 2010; Dumoulin & Visin 2016, section 4): the transpose of
// the convolution F without bias that takes Outputs features and a grid that is s times as large to Inputs features,
//
//   y = b + F^T x,   F = ConvNd<Outputs, Inputs, W, Edge, Bias::no> of layers/window_conv.hpp,
//
// so it makes of each cell s cells along each axis of the window. x is (Inputs, X, Y, Z, N), y (Outputs, s X, s Y, s Z,
// N), the extents multiplied along the window's axes only. theta is F's weights, (Inputs, Outputs, kernel, ...), then
// b. The boundary is F's: what a window of F sees beyond the edge is where the transpose adds what would fall there.
//
//   J t = F^T t,   J^T w = F w,   and <w, F^T x> = <F w, x> gives dW: that of F at w, for the gradient x.
//
// Of a kernel that the stride does not divide some cells of y get more terms than others (Odena, Dumoulin & Olah 2016,
// "Deconvolution and checkerboard artifacts"): a kernel of 4 with a stride of 2 avoids that.

#include "basin/layers/window_conv.hpp"

namespace basin {

template <int Inputs, int Outputs, Window W = Window{.axes = 2, .kernel = 4, .stride = 2}, Boundary Edge = Zero,
          Bias WithBias = Bias::yes>
struct TransposedConv {
  static_assert(Inputs > 0 && Outputs > 0, "TransposedConv: the numbers of features must be positive");
  static_assert(detail::CheckedWindow<W>::fits);

  /// How F, its transpose and its gradient go over the lines of a sample (layers/window_lines.hpp).
  using Lines = detail::WindowLines<W, detail::DenseTaps<Outputs, Inputs>, Edge>;
  static constexpr int in_features = Inputs;
  static constexpr int out_features = Outputs;
  static constexpr std::size_t weight_count = static_cast<std::size_t>(Lines::weight_count);
  static constexpr std::size_t param_count = weight_count + (WithBias == Bias::yes ? Outputs : 0);

  static void leaves(LeafList& list) {
    // The axes are those of the convolution that it transposes, as in PyTorch. Of the taps of a window only one in s
    // along each axis reaches a cell of y.
    const Index phases = Window{W.axes, W.stride, 1, 1}.taps();
    list.weight("weight", detail::with_window<W>({Inputs, Outputs}),
                std::max<Index>(1, Index{Inputs} * W.taps() / phases), Index{Outputs} * W.taps());
    if constexpr (WithBias == Bias::yes) list.bias("bias", Outputs);
  }

  /// Throws std::invalid_argument for an x that it cannot take.
  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("TransposedConv", x.features, Inputs);
    Shape y = x.with_features(Outputs);
    for (std::size_t axis = 0; axis < W.axes; ++axis) y.space[axis] *= W.stride;
    detail::check_windows<W, Edge>("TransposedConv", y);
    return y;
  }

  /// The weights turned round, once for many points (core/layer.hpp).
  template <class S>
  [[nodiscard]] Buffer<S> prepare(std::span<const S, param_count> theta) const {
    Buffer<S> turned(Lines::weight_count);
    Lines::turn(theta.data(), turned.data());
    return turned;
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
             IfPrepared<Buffer<S>> prepared = {}) const {
    apply_then(theta, x, y, context, detail::NoThen{}, prepared);
  }

  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then,
                  IfPrepared<Buffer<S>> prepared = {}) const {
    check_output<TransposedConv, S>("TransposedConv", *this, x, y);
    Scratch scratch;
    S* turned = nullptr;
    if (!prepared) {
      turned = scratch.take<S>(Lines::weight_count);
      Lines::turn(theta.data(), turned);
    }
    enlarge<S>(prepared ? prepared->data() : turned, bias_of(theta.data()), x, y, then);
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& = {},
                             IfPrepared<Buffer<S>> prepared = {}) const {
    check_output<TransposedConv, S>("TransposedConv", *this, x, y);
    return Linearization<S>(theta, x, y, prepared ? prepared->data() : nullptr);
  }

 private:
  template <class S>
  static const S* bias_of(const S* theta) {
    return WithBias == Bias::yes ? theta + weight_count : nullptr;
  }

  template <class S, class Then>
  static void enlarge(const S* turned, const S* bias, View<const S> x, View<S> y, const Then& then) {
    for (Index n = 0; n < x.samples(); ++n) {
      Lines::transpose(y.shape(), x.sample(n).data(), turned, bias, y.sample(n).data(),
                       [&](S* block, Index count) { then(block, block - y.data(), count); });
    }
  }
};

/// J and its transposes. Refers to theta and x; owns the weights turned round, or refers to what was prepared.
template <int Inputs, int Outputs, Window W, Boundary Edge, Bias WithBias>
template <class S>
class TransposedConv<Inputs, Outputs, W, Edge, WithBias>::Linearization {
 public:
  Linearization(std::span<const S, param_count> theta, View<const S> x, View<S> y, const S* prepared)
      : weights_(theta.data()), x_(x), y_(y.shape()), prepared_(prepared) {
    if (prepared == nullptr) turned_ = TransposedConv{}.prepare(theta);
    enlarge<S>(turned(), bias_of(theta.data()), x, y, detail::NoThen{});
  }

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("TransposedConv", x_.shape(), y_, t, out);
    enlarge<S>(turned(), nullptr, t, out, detail::NoThen{});
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp("TransposedConv", x_.shape(), y_, w, dx);
    for (Index n = 0; n < w.samples(); ++n) {
      Lines::sum(y_, w.sample(n).data(), weights_, static_cast<const S*>(nullptr), dx.sample(n).data(),
                 [](S*, Index) {});
    }
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback("TransposedConv", x_.shape(), y_, w, dx);
    if (dx) vjp(w, dx);
    for (Index n = 0; n < w.samples(); ++n) {
      Lines::outer(y_, w.sample(n).data(), x_.sample(n).data(), dtheta.data());
    }
    if constexpr (WithBias == Bias::yes) {
      kernels::add_columns<Outputs>(w.shape().cells(), w.data(), dtheta.data() + weight_count);
    }
  }

 private:
  [[nodiscard]] const S* turned() const { return prepared_ == nullptr ? turned_.data() : prepared_; }

  const S* weights_;
  View<const S> x_;
  Shape y_;
  const S* prepared_;
  Buffer<S> turned_;  // unless it was prepared
};

}  // namespace basin
