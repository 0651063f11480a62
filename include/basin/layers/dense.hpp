#pragma once

// The dense layer, on every cell by itself: y = W x + b, W is (Outputs, Inputs).
//
// x is (Inputs, X, Y, Z, N), y is (Outputs, X, Y, Z, N). On vectors (one cell a sample) it is the fully connected
// layer, on a grid the 1 x 1 convolution.

#include <algorithm>

#include "basin/core/layer.hpp"
#include "basin/kernels/product.hpp"
#include "basin/layers/bias.hpp"

namespace basin {

template <int Inputs, int Outputs, Bias WithBias = Bias::yes>
struct Dense {
  static_assert(Inputs > 0 && Outputs > 0, "Dense: the numbers of features must be positive");

  static constexpr int in_features = Inputs;
  static constexpr int out_features = Outputs;
  static constexpr std::size_t weight_count = std::size_t{Inputs} * Outputs;
  static constexpr std::size_t param_count = weight_count + (WithBias == Bias::yes ? Outputs : 0);

  static void leaves(LeafList& list) {
    list.weight("weight", {Outputs, Inputs}, Inputs, Outputs);
    if constexpr (WithBias == Bias::yes) list.bias("bias", Outputs);
  }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Dense", x.features, Inputs);
    return x.with_features(Outputs);
  }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply_then(theta, x, y, context, detail::NoThen{});
  }

  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then) const {
    check_output<Dense, S>("Dense", *this, x, y);
    const S* bias = WithBias == Bias::yes ? theta.data() + weight_count : nullptr;
    const Index cells = x.shape().cells();
    for (Index first = 0; first < cells; first += block_cells) {
      const Index count = std::min(block_cells, cells - first);
      S* out = y.data() + first * Outputs;
      kernels::gather<Inputs, Outputs>(count, x.data() + first * Inputs, theta.data(), bias, out);
      then(out, first * Outputs, count * Outputs);
    }
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
                             IfPrepared<Buffer<S>> prepared = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(theta.data(), x, prepared ? prepared->data() : nullptr);
  }

  /// W^T, once for many linearizations at the same theta (core/layer.hpp).
  template <class S>
  [[nodiscard]] Buffer<S> prepare(std::span<const S, param_count> theta) const {
    Buffer<S> turned(Index{Inputs} * Outputs);
    Eigen::Map<Matrix<S>>(turned.data(), Inputs, Outputs) =
        Eigen::Map<const Matrix<S>>(theta.data(), Outputs, Inputs).transpose();
    return turned;
  }

 private:
  static constexpr Index block_cells = 56;  // four register tiles; some kilobytes of output
};

/// J and its transposes. Refers to theta and x; owns W^T, or refers to one that was prepared.
template <int Inputs, int Outputs, Bias WithBias>
template <class S>
class Dense<Inputs, Outputs, WithBias>::Linearization {
 public:
  Linearization(const S* theta, View<const S> x, const S* prepared) : weights_(theta), x_(x), prepared_(prepared) {
    if (prepared == nullptr) turned_ = Dense{}.prepare(std::span<const S, param_count>(theta, param_count));
  }

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("Dense", x_.shape(), y(), t, out);
    kernels::gather<Inputs, Outputs>(t.shape().cells(), t.data(), weights_, static_cast<const S*>(nullptr), out.data());
  }

  void vjp(View<const S> w, View<S> dx) const {
    check_vjp("Dense", x_.shape(), y(), w, dx);
    kernels::gather<Outputs, Inputs>(w.shape().cells(), w.data(), prepared_ == nullptr ? turned_.data() : prepared_,
                                     static_cast<const S*>(nullptr), dx.data());
  }

  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    check_pullback("Dense", x_.shape(), y(), w, dx);
    if (dx) vjp(w, dx);
    const Index cells = w.shape().cells();
    kernels::outer<Inputs, Outputs>(cells, x_.data(), w.data(), dtheta.data());
    if constexpr (WithBias == Bias::yes) kernels::add_columns<Outputs>(cells, w.data(), dtheta.data() + weight_count);
  }

 private:
  [[nodiscard]] Shape y() const { return x_.shape().with_features(Outputs); }

  const S* weights_;
  View<const S> x_;
  const S* prepared_;  // W^T, (Inputs, Outputs) column-major, of the caller's; or null, and then it is in turned_
  Buffer<S> turned_;
};

}  // namespace basin
