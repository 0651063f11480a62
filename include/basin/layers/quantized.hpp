#pragma once

// Dense layers and convolutions with 8 bits a weight and a number of x, made from trained ones: a quarter of the
// memory, and products of whole numbers, for what only answers. They have no derivative.
//
//   y_o = t_o s sum_k W_ok X_k + b_o,   W_ok = round(w_ok / t_o),   X_k = round(x_k / s)
//
// with the weights w of the layer, t_o = max_k |w_ok| / 127 for each output, and s = (high - low) / 255 for the range
// of x, which calibration finds. X goes in 256 steps from X_low = round(low / s), so that zero is exact; numbers beyond
// saturate. (B. Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
// inference", CVPR 2018, section 2: their zero point is -128 - X_low.) For x in the range, y is no farther from that of
// the layer than
//
//   sum_k |w_ok| s / 2 + (|x_k| + s / 2) t_o / 2
//
// and rounding of the scalar. Each number is rounded by itself, so that a sample gives the same alone and in any batch.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "basin/core/layer.hpp"
#include "basin/kernels/integer_product.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"

namespace basin {

/// Between what bounds numbers were seen. Zero is always within.
struct Range {
  float low = 0;   ///< 0 or less
  float high = 0;  ///< 0 or more

  /// Takes all numbers in; NaN is left out.
  template <class S>
  void include(View<S> x) {
    for (const auto number : x.vector()) {
      low = std::min(low, static_cast<float>(number));
      high = std::max(high, static_cast<float>(number));
    }
  }
};

/// The weights of a layer whose outputs are sums of `Terms` products; it may be a constant of the program.
template <int Terms, int Outputs>
struct QuantizedWeights {
  static_assert(Terms <= 66'000, "QuantizedWeights: sums of more than 66,000 terms may not fit into 32 bits");

  std::array<std::int8_t, std::size_t{Terms} * Outputs> values{};  ///< W, in the order of theta
  std::array<float, Outputs> factors{};                            ///< t_o s
  float step = 1;                                                  ///< s
  int lowest = 0;                                                  ///< X_low; the highest is 255 more
};

namespace detail {

/// To the nearest whole number; halves away from zero. As std::lround, which is not constexpr.
template <class S>
constexpr int nearest(S number) {
  return static_cast<int>(number < 0 ? number - S(0.5) : number + S(0.5));
}

template <class L>
using QuantizedWeightsOf =
    QuantizedWeights<static_cast<int>(L::weight_count / static_cast<std::size_t>(L::out_features)), L::out_features>;

/// X of some numbers. False if one of them is NaN.
template <class S, int Terms, int Outputs>
bool quantize(const QuantizedWeights<Terms, Outputs>& weights, const S* x, Index count, std::int16_t* to) {
  const S per_step = S(1) / static_cast<S>(weights.step);
  const S lowest = static_cast<S>(weights.lowest), highest = static_cast<S>(weights.lowest + 255);
  bool numbers = true;
  for (Index i = 0; i < count; ++i) {
    numbers = numbers && x[i] == x[i];
    const S steps = std::min(highest, std::max(lowest, x[i] * per_step));  // lowest, if it is NaN
    to[i] = static_cast<std::int16_t>(std::floor(steps + S(0.5)));
  }
  return numbers;
}

/// y of a line of cells.
template <int Run, int Step, int Outputs, class S, int Terms>
void quantized_line(Index cells, int rows, const std::int16_t* const* in,
                    const QuantizedWeights<Terms, Outputs>& weights, const S* bias, S* y) {
  Scratch scratch;
  auto* sums = scratch.take<std::int32_t>(cells * Outputs);
  kernels::integer_gather<Run, Step, Outputs>(cells, rows, in, weights.values.data(), sums);
  for (Index p = 0; p < cells; ++p, sums += Outputs, y += Outputs) {
    for (std::size_t o = 0; o < Outputs; ++o) {
      y[o] = static_cast<S>(sums[o]) * static_cast<S>(weights.factors[o]) + (bias != nullptr ? bias[o] : S(0));
    }
  }
}

/// The sum of a layer, and where its numbers of x are.
template <class L>
struct QuantizedSum {
  static_assert(never<L>, "Quantized: the layer must be a Dense or a Conv");
};

template <int Inputs, int Outputs, Bias WithBias>
struct QuantizedSum<Dense<Inputs, Outputs, WithBias>> {
  template <class S, class Then>
  static void apply(const QuantizedWeights<Inputs, Outputs>& weights, const S* bias, View<const S> x, View<S> y,
                    const Then& then) {
    Scratch scratch;
    auto* const steps = scratch.take<std::int16_t>(Inputs);
    for (Index p = 0; p < x.shape().cells(); ++p) {
      S* const out = y.data() + p * Outputs;
      const bool numbers = quantize(weights, x.data() + p * Inputs, Inputs, steps);
      quantized_line<Inputs, Inputs>(1, 1, &steps, weights, bias, out);
      if (!numbers) std::fill_n(out, Outputs, std::numeric_limits<S>::quiet_NaN());
      then(out, p * Outputs, Outputs);
    }
  }
};

template <int Inputs, int Outputs, int Kernel, int Stride, Boundary Edge, Bias WithBias>
struct QuantizedSum<Conv<Inputs, Outputs, Kernel, Stride, Edge, WithBias>> {
  template <class S, class Then>
  static void apply(const QuantizedWeights<Kernel * Kernel * Inputs, Outputs>& weights, const S* bias, View<const S> x,
                    View<S> y, const Then& then) {
    constexpr Index border = (Kernel - 1) / 2;
    const Index width = x.shape().space[0], height = x.shape().space[1], line = Inputs * (width + 2 * border);
    const Index lines_out = y.shape().space[1], line_out = Outputs * y.shape().space[0];
    Scratch scratch;
    S* const bordered = scratch.take<S>(line);
    auto* const memory = scratch.take<std::int16_t>(line * Kernel);
    for (Index n = 0; n < x.samples(); ++n) {
      bool numbers = true;
      const auto load = [&](Index i, std::int16_t* to) {
        bordered_line<Edge>(x.sample(n).data(), Inputs, width, height, border, i, bordered);
        numbers = quantize(weights, bordered, line, to) && numbers;
      };
      LineRing<std::int16_t, decltype(load)> lines(memory, line, Kernel, -border, load);
      S* const out = y.sample(n).data();
      for (Index j = 0; j < lines_out; ++j) {
        const Index top = j * Stride - border;
        lines.reach(top, top + Kernel);
        const std::int16_t* under[Kernel];
        for (Index i = 0; i < Kernel; ++i) under[i] = lines.slot(top + i);
        quantized_line<Kernel * Inputs, Stride * Inputs>(y.shape().space[0], Kernel, under, weights, bias,
                                                         out + j * line_out);
      }
      if (!numbers) y.sample(n).vector().setConstant(std::numeric_limits<S>::quiet_NaN());
      for (Index j = 0; j < lines_out; ++j) then(out + j * line_out, out - y.data() + j * line_out, line_out);
    }
  }
};

/// In place of a linearization.
template <class S, std::size_t param_count>
struct NotLinear {
  void jvp(View<const S>, View<S>) const;
  void vjp(View<const S>, View<S>) const;
  void pullback(View<const S>, View<S>, ThetaGradient<S, param_count>) const;
};

}  // namespace detail

/// The weights of a trained Dense or Conv, out of its theta; constexpr, if theta is. Throws std::invalid_argument
/// unless range.low <= 0 <= range.high, they are 1e-30 to 1e30 apart, and all weights are finite.
template <class L, class S>
[[nodiscard]] constexpr auto quantized_weights(std::span<const S, L::param_count> theta, const Range& range) {
  detail::QuantizedWeightsOf<L> out;
  if (!(range.low <= 0 && range.high >= 0 && range.high - range.low >= 1e-30f && range.high - range.low < 1e30f)) {
    check(false, "range of what is quantized", std::to_string(range.low) + " to " + std::to_string(range.high),
          "bounds with zero between them that are 1e-30 to 1e30 apart");
  }
  constexpr auto outputs = static_cast<std::size_t>(L::out_features);
  out.step = (range.high - range.low) / 255;
  out.lowest = detail::nearest(range.low / out.step);
  for (std::size_t o = 0; o < outputs; ++o) {
    S largest = 0;
    for (std::size_t i = o; i < L::weight_count; i += outputs) largest = std::max({largest, theta[i], -theta[i]});
    const S step = largest / 127;
    S finite = 0;  // 0 times each: NaN if one is not finite
    for (std::size_t i = o; i < L::weight_count; i += outputs) finite += 0 * theta[i];
    if (!(finite == 0)) {
      check(false, "weights of output " + std::to_string(o) + " that are quantized", "not finite", "finite numbers");
    }
    for (std::size_t i = o; i < L::weight_count; i += outputs) {
      out.values[i] = static_cast<std::int8_t>(step > 0 ? detail::nearest(theta[i] / step) : 0);
    }
    out.factors[o] = static_cast<float>(step) * out.step;
  }
  return out;
}

/// Takes and gives what L does, a Dense or a Conv, to the bound above. Its theta is the bias of L alone; `weights` are
/// quantized_weights<L>(theta of L, range), and have to live as long as it is used. A NaN in x gives NaN: in that cell
/// of a dense layer, in all of the sample of a convolution. apply throws std::invalid_argument as that of L does, and
/// where there are no weights. To linearize it does not compile.
template <class L>
struct Quantized {
  static constexpr int in_features = L::in_features;
  static constexpr int out_features = L::out_features;
  static constexpr std::size_t param_count = L::param_count - L::weight_count;

  const detail::QuantizedWeightsOf<L>* weights = nullptr;  ///< the caller's; null: apply throws

  static void leaves(LeafList& list) {
    if constexpr (param_count > 0) list.bias("bias", out_features);
  }

  [[nodiscard]] Shape out_shape(const Shape& x) const { return L{}.out_shape(x); }

  template <class S>
  void apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply_then(theta, x, y, context, detail::NoThen{});
  }

  template <class S, class Then>
  void apply_then(Theta<S, param_count> theta, In<S> x, View<S> y, const Context&, const Then& then) const {
    check_output<Quantized, S>("Quantized", *this, x, y);
    check(weights != nullptr, "Quantized: weights", "null", "those of quantized_weights");
    const S* const bias = param_count > 0 ? theta.data() : nullptr;
    detail::QuantizedSum<L>::apply(*weights, bias, x, y, then);
  }

  /// Stands for one, so that it is a Layer.
  template <class S>
  using Linearization = detail::NotLinear<S, param_count>;
  /// Does not compile if it is called.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count>, In<S>, View<S>, const Context& = {}) const {
    static_assert(detail::never<S>,
                  "Quantized layers have no derivative: train the layer itself, and quantize it then");
    return {};
  }
};

}  // namespace basin
