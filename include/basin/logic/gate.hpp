#pragma once

// Gates of two bits. There are sixteen functions f(a, b); number i has the values
//
//   f(0, 0) = bit 3 of i,  f(0, 1) = bit 2,  f(1, 0) = bit 1,  f(1, 1) = bit 0,
//
// so that 1 is AND, 6 XOR, 7 OR, 3 the first input and 5 the second, as F. Petersen, C. Borgelt, H. Kuehne and
// O. Deussen count them, "Deep Differentiable Logic Gate Networks", NeurIPS 2022, table 1.
//
// A gate that can be learned has a number for each function, its logits l, and takes numbers from 0 to 1. Its answer is
// the mean of the sixteen, each function read as the probability that it is 1 for independent inputs, with weights
// w = softmax(l). All of these are bilinear, and so is their mean: with the corners p_ab = sum of w_i over the
// functions with f_i(a, b) = 1,
//
//   gate(x, y) = c0 + c1 x + c2 y + c3 x y,   c0 = p00, c1 = p10 - p00, c2 = p01 - p00, c3 = p11 - p10 - p01 + p00.
//
// So sixteen functions cost as much as one, once the four coefficients are there; and the gradient in l needs but the
// sums over all cells of the gradients in c.

#include <cstdint>

#include "basin/core/state.hpp"

namespace basin {

/// A function's number.
using GateFunction = std::uint8_t;

/// How many functions of two bits there are.
inline constexpr int gate_functions = 16;
/// The numbers of some of them.
inline constexpr GateFunction gate_false = 0, gate_and = 1, gate_first = 3, gate_second = 5, gate_xor = 6, gate_or = 7,
                              gate_not_first = 12, gate_true = 15;

/// f(a, b).
[[nodiscard]] constexpr bool gate_value(GateFunction f, bool a, bool b) {
  return (f >> (3 - 2 * static_cast<int>(a) - static_cast<int>(b)) & 1) != 0;
}

/// The function on 64 pairs of bits, or on vectors of such words.
template <class Word>
[[nodiscard, gnu::always_inline]] constexpr Word gate_words(GateFunction f, const Word& a, const Word& b) {
  switch (f) {
    case 0:
      return a ^ a;
    case 1:
      return a & b;
    case 2:
      return a & ~b;
    case 3:
      return a;
    case 4:
      return ~a & b;
    case 5:
      return b;
    case 6:
      return a ^ b;
    case 7:
      return a | b;
    case 8:
      return ~(a | b);
    case 9:
      return ~(a ^ b);
    case 10:
      return ~b;
    case 11:
      return a | ~b;
    case 12:
      return ~a;
    case 13:
      return ~a | b;
    case 14:
      return ~(a & b);
    default:
      return ~(a ^ a);
  }
}

namespace detail {

/// What gates with logits do, for many of them: 16 weights and 4 coefficients a gate.
template <class S>
struct SoftGates {
  using Weights = Eigen::Array<S, gate_functions, 1>;
  using Sixteen = Eigen::Map<Weights>;
  using ConstSixteen = Eigen::Map<const Weights>;

  /// weights = softmax(logits), and the coefficients.
  static void prepare(const S* logits, Index gates, S* weights, S* coefficients) {
    for (Index g = 0; g < gates; ++g, logits += gate_functions, weights += gate_functions, coefficients += 4) {
      const ConstSixteen l(logits);
      Sixteen w(weights);
      w = (l - l.maxCoeff()).exp();
      if (!(l == l).all()) w.setConstant(l.sum());  // NaN: a comparison below would make it 0
      w = (w < S(1e-30)).select(S(0), w);           // some exponentials never reach zero, and zero is a hard gate's
      w *= S(1) / w.sum();
      S corner[4] = {0, 0, 0, 0};  // 00, 01, 10, 11
      for (int i = 0; i < gate_functions; ++i) {
        for (int k = 0; k < 4; ++k) corner[k] += (i >> (3 - k) & 1) != 0 ? w[i] : S(0);
      }
      coefficients[0] = corner[0];
      coefficients[1] = corner[2] - corner[0];
      coefficients[2] = corner[1] - corner[0];
      coefficients[3] = corner[3] - corner[2] - corner[1] + corner[0];
    }
  }

  /// dlogits += the gradient in the logits, of that in the coefficients.
  static void pull(const S* weights, Index gates, const S* dcoefficients, S* dlogits) {
    for (Index g = 0; g < gates; ++g, weights += gate_functions, dlogits += gate_functions, dcoefficients += 4) {
      const S* d = dcoefficients;
      const S corner[4] = {d[0] - d[1] - d[2] + d[3], d[2] - d[3], d[1] - d[3], d[3]};
      Weights of_function;
      for (int i = 0; i < gate_functions; ++i) {
        S sum = 0;
        for (int k = 0; k < 4; ++k) sum += (i >> (3 - k) & 1) != 0 ? corner[k] : S(0);
        of_function[i] = sum;
      }
      const ConstSixteen w(weights);
      Sixteen(dlogits) += w * (of_function - (w * of_function).sum());
    }
  }
};

/// The function with the largest of sixteen logits; the first of several.
template <class S>
[[nodiscard]] GateFunction likeliest(const S* logits) {
  int best = 0;
  for (int i = 1; i < gate_functions; ++i) best = logits[i] > logits[best] ? i : best;
  return static_cast<GateFunction>(best);
}

}  // namespace detail

}  // namespace basin
