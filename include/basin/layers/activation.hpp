#pragma once

// Layers that work on each number by itself: y = f(x), J = diag(f'(x)). Any shape; no parameters.
//
//   Relu        max(x, 0)                               Nair & Hinton 2010
//   LeakyRelu   x if x > 0, else a x                    Maas, Hannun & Ng 2013      a = 0.01
//   Elu         x if x > 0, else a (e^x - 1)            Clevert et al. 2016         a = 1
//   Gelu        x P(x), P the normal distribution       Hendrycks & Gimpel 2016, exact
//   Silu        x / (1 + e^-x)                          Elfwing et al. 2018
//   Softplus    log(1 + e^x)                            Dugas et al. 2001
//   Sigmoid     1 / (1 + e^-x)
//   Tanh        tanh x
//   Identity    x
//
// Options are set as LeakyRelu{{.negative_slope = 0.2}}. At a kink (x = 0) the derivative is the one from the left.
// A NaN stays a NaN. x and y may be the same memory in apply, not in linearize.

#include <cmath>
#include <numbers>

#include <unsupported/Eigen/SpecialFunctions>

#include "basin/core/layer.hpp"
#include "basin/kernels/elementwise.hpp"

namespace basin {

/// J of a layer that works on each number by itself. Owns the slopes f'(x), and refers to nothing.
template <class S>
class PointwiseLinearization {
 public:
  /// Of an x of this shape.
  PointwiseLinearization(const Shape& shape, Buffer<S> slopes) : shape_(shape), slopes_(std::move(slopes)) {}

  void jvp(View<const S> t, View<S> out) const {
    check_jvp("activation", shape_, shape_, t, out);
    out.array() = slopes_.array() * t.array();
  }
  void vjp(View<const S> w, View<S> dx) const {  // a diagonal is its own transpose
    check_vjp("activation", shape_, shape_, w, dx);
    dx.array() = slopes_.array() * w.array();
  }
  void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
    if (dx) vjp(w, dx);
  }

 private:
  Shape shape_;
  Buffer<S> slopes_;
};

/// A layer from a function of one number. Function has, for Eigen array expressions x and y = f(x),
///   map(x)       f(x), an expression
///   slope(x, y)  f'(x), an expression
/// which may hold x and y only as Eigen's expressions do: arrays by reference, expressions by value.
template <class Function>
struct Activation {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;

  Function function{};  ///< f and f', with its options

  [[nodiscard]] Shape out_shape(const Shape& x) const { return x; }

  template <class A>
  [[nodiscard]] auto map(const A& x) const {
    return function.map(x);
  }
  template <class A, class B>
  [[nodiscard]] auto slope(const A& x, const B& y) const {
    return function.slope(x, y);
  }

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_shape("activation", "y", y.shape(), x.shape());
    kernels::elementwise(
        x.size(), y.data(), [this](const auto& numbers) { return function.map(numbers); }, x.data());
  }

  template <class S>
  PointwiseLinearization<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    Buffer<S> slopes(x.size());
    kernels::elementwise(
        x.size(), slopes.data(), [this](const auto& at, const auto& values) { return function.slope(at, values); },
        x.data(), static_cast<const S*>(y.data()));
    return PointwiseLinearization<S>(x.shape(), std::move(slopes));
  }
};

/// max(x, 0)
struct ReluFunction {
  template <class A>
  auto map(const A& x) const {
    return x.max(typename A::Scalar(0));
  }
  template <class A, class B>
  auto slope(const A& x, const B&) const {
    using S = typename A::Scalar;
    return x.unaryExpr([](S a) { return a > S(0) ? S(1) : S(0); });
  }
};

/// x if x > 0, else negative_slope * x
struct LeakyReluFunction {
  double negative_slope = 0.01;  ///< f' where x <= 0; not checked

  template <class A>
  auto map(const A& x) const {
    using S = typename A::Scalar;
    return x.max(S(0)) + static_cast<S>(negative_slope) * x.min(S(0));
  }
  template <class A, class B>
  auto slope(const A& x, const B&) const {
    using S = typename A::Scalar;
    return x.unaryExpr([low = static_cast<S>(negative_slope)](S a) { return a > S(0) ? S(1) : low; });
  }
};

/// x if x > 0, else alpha * (exp(x) - 1)
struct EluFunction {
  double alpha = 1.0;  ///< f tends to -alpha as x falls; f' jumps at 0 unless it is 1

  template <class A>
  auto map(const A& x) const {
    using S = typename A::Scalar;
    return x.max(S(0)) + static_cast<S>(alpha) * x.min(S(0)).expm1();
  }
  template <class A, class B>
  auto slope(const A& x, const B& y) const {
    using S = typename A::Scalar;
    return x.binaryExpr(y, [a = static_cast<S>(alpha)](S at, S value) { return at > S(0) ? S(1) : value + a; });
  }
};

/// x P(x), with P(x) = (1 + erf(x / sqrt 2)) / 2 the standard normal distribution and p its density; f' = P + x p
struct GeluFunction {
  template <class A>
  auto map(const A& x) const {
    return x * normal_distribution(x);
  }
  template <class A, class B>
  auto slope(const A& x, const B&) const {
    using S = typename A::Scalar;
    constexpr S density_at_0 = S(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
    return normal_distribution(x) + density_at_0 * x * (S(-0.5) * x.square()).exp();
  }

 private:
  template <class A>
  static auto normal_distribution(const A& x) {
    using S = typename A::Scalar;
    return S(0.5) + S(0.5) * (x * S(1 / std::numbers::sqrt2)).erf();
  }
};

/// x s(x), with s the sigmoid; f' = s + f (1 - s) = f + s (1 - f)
struct SiluFunction {
  template <class A>
  auto map(const A& x) const {
    return x * x.logistic();
  }
  template <class A, class B>
  auto slope(const A& x, const B& y) const {
    return y + x.logistic() * (typename A::Scalar(1) - y);
  }
};

/// log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|)), which cannot overflow; f' is the sigmoid
struct SoftplusFunction {
  template <class A>
  auto map(const A& x) const {
    return x.max(typename A::Scalar(0)) + (-x.abs()).exp().log1p();
  }
  template <class A, class B>
  auto slope(const A& x, const B&) const {
    return x.logistic();
  }
};

/// 1 / (1 + exp(-x)); f' = f (1 - f)
struct SigmoidFunction {
  template <class A>
  auto map(const A& x) const {
    return x.logistic();
  }
  template <class A, class B>
  auto slope(const A&, const B& y) const {
    return y * (typename B::Scalar(1) - y);
  }
};

/// tanh(x); f' = 1 - f^2
struct TanhFunction {
  template <class A>
  auto map(const A& x) const {
    return x.tanh();
  }
  template <class A, class B>
  auto slope(const A&, const B& y) const {
    return typename B::Scalar(1) - y.square();
  }
};

using Relu = Activation<ReluFunction>;
using LeakyRelu = Activation<LeakyReluFunction>;
using Elu = Activation<EluFunction>;
using Gelu = Activation<GeluFunction>;
using Silu = Activation<SiluFunction>;
using Softplus = Activation<SoftplusFunction>;
using Sigmoid = Activation<SigmoidFunction>;
using Tanh = Activation<TanhFunction>;

/// Nothing: y = x, J = I.
struct Identity {
  static constexpr int in_features = any_features, out_features = any_features;
  static constexpr std::size_t param_count = 0;

  /// J = I, without slopes to keep.
  template <class S>
  class Linearization {
   public:
    explicit Linearization(const Shape& shape) : shape_(shape) {}

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("Identity", shape_, shape_, t, out);
      out.vector() = t.vector();
    }
    void vjp(View<const S> w, View<S> dx) const {
      check_vjp("Identity", shape_, shape_, w, dx);
      dx.vector() = w.vector();
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
      if (dx) vjp(w, dx);
    }

   private:
    Shape shape_;
  };

  [[nodiscard]] Shape out_shape(const Shape& x) const { return x; }

  template <class A>
  [[nodiscard]] auto map(const A& x) const {
    return x;
  }
  template <class A, class B>
  [[nodiscard]] auto slope(const A& x, const B&) const {
    return A::Constant(x.size(), typename A::Scalar(1));
  }

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_shape("Identity", "y", y.shape(), x.shape());
    y.vector() = x.vector();
  }

  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(x.shape());
  }
};

}  // namespace basin
